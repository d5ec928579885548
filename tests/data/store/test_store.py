import pickle
import shutil

import numpy as np

from xgem.data.store import Store
from xgem.study import FRONTAL, LATERAL, REPORT, Modality


def test_studies_come_back_as_they_were(small_store, study_of) -> None:
    assert len(small_store) == 7
    for seed, study in enumerate(small_store):
        expected = study_of(seed)
        assert (study.id, study.findings, study.synthetic) == (
            expected.id,
            expected.findings,
            True,
        )
        assert study.modalities == expected.modalities
        assert study.contents[REPORT] == expected.contents[REPORT]
        np.testing.assert_array_equal(study.contents[FRONTAL], expected.contents[FRONTAL])


def test_only_the_modalities_that_are_asked_for_are_read(small_store) -> None:
    store = Store(small_store.folder, (LATERAL,))
    assert [study.modalities for study in store][:2] == [(), (LATERAL,)]


def test_a_store_can_be_sent_to_a_worker(small_store) -> None:
    again = pickle.loads(pickle.dumps(small_store))
    assert [study.id for study in again] == [study.id for study in small_store]


def test_splits_are_ranges_of_rows(small_store) -> None:
    assert small_store.splits == {"train": range(7)}
    shards = small_store.manifest["shards"]
    for shard, split in zip(shards, ("train", "validation", "test"), strict=True):
        shard["split"] = split
    assert small_store.splits == {
        "train": range(3),
        "validation": range(3, 6),
        "test": range(6, 7),
    }


def test_datasets_opens_it_by_itself(small_store, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    loaded = load_dataset(str(small_store.folder), cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == ["train"]
    row = loaded["train"][1]
    np.testing.assert_array_equal(
        np.asarray(row["lateral"]) / np.float32(255), small_store[1].contents[LATERAL]
    )
    assert (row["report"], row["labels"]["Edema"]) == ("Report 1.", 1)
    assert loaded["train"][0]["lateral"] is None


def test_the_hash_names_the_contents(small_store, tmp_path) -> None:
    shutil.copytree(small_store.folder, tmp_path / "copy")
    assert Store(tmp_path / "copy").hash == small_store.hash
    assert len(small_store.hash) == 16


def test_presence_and_names_are_told_without_decoding(small_store, monkeypatch) -> None:
    monkeypatch.setattr("xgem.data.store.store.study_of_row", None)
    assert small_store.ids == [f"s{seed}" for seed in range(7)]
    assert small_store.holds(FRONTAL).all()
    assert small_store.holds(LATERAL).tolist() == [seed % 3 != 0 for seed in range(7)]
    assert not small_store.holds(Modality("E", "ecg")).any()
