import json
from pathlib import Path

import numpy as np
import pytest

from xgem.data import store as module
from xgem.data.store import Store, write_store
from xgem.errors import OutputError, StoreError
from xgem.study import FRONTAL, LATERAL, REPORT, Finding, Modality, Study


def make(seed: int) -> Study:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8)).astype(np.float32) / 255
    contents = {FRONTAL: pixels, LATERAL: pixels.T.copy(), REPORT: f"Report {seed}."}
    if seed % 3 == 0:
        del contents[LATERAL]
    findings = None if seed % 4 == 0 else (Finding(label="Edema", severity=0.25),)
    return Study(id=f"s{seed}", contents=contents, findings=findings, synthetic=True)


def write(folder: Path, count: int = 7, workers: int = 1) -> Store:
    return write_store(
        folder, make, range(count), source="test", preprocessing={"size": 8}, workers=workers
    )


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARD", 3)


def test_studies_come_back_as_they_were(tmp_path: Path) -> None:
    store = write(tmp_path / "store")
    assert len(store) == 7
    for seed, study in enumerate(store):
        expected = make(seed)
        assert (study.id, study.findings, study.synthetic) == (
            expected.id,
            expected.findings,
            True,
        )
        assert study.modalities == expected.modalities
        assert study.contents[REPORT] == expected.contents[REPORT]
        np.testing.assert_array_equal(study.contents[FRONTAL], expected.contents[FRONTAL])


def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole")

    def broken(seed: int) -> Study:
        if seed == 4:
            raise KeyboardInterrupt
        return make(seed)

    folder = tmp_path / "resumed"
    with pytest.raises(KeyboardInterrupt):
        write_store(folder, broken, range(7), source="test", preprocessing={"size": 8})
    with pytest.raises(StoreError, match="not a finished store"):
        Store(folder)
    kept = (folder / "studies-00000.parquet").stat().st_mtime_ns
    assert write(folder).hash == whole.hash
    assert (folder / "studies-00000.parquet").stat().st_mtime_ns == kept


def test_the_bytes_do_not_depend_on_the_workers(tmp_path: Path) -> None:
    assert write(tmp_path / "one").hash == write(tmp_path / "two", workers=2).hash


def test_other_studies_in_the_same_folder_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "store")
    with pytest.raises(StoreError, match="another --out"):
        write(tmp_path / "store", count=8)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "store")
    path = tmp_path / "store" / "store.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))
    with pytest.raises(StoreError, match="schema 99"):
        Store(tmp_path / "store")


def test_a_full_disk_is_said_and_leaves_no_store(tmp_path: Path, monkeypatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.pq, "write_table", full)
    with pytest.raises(OutputError, match="No space left"):
        write(tmp_path / "store")
    assert not (tmp_path / "store" / "store.json").exists()


def test_presence_and_names_are_told_without_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = write(tmp_path / "store")
    monkeypatch.setattr(module, "_decode", None)
    assert store.ids == [f"s{seed}" for seed in range(7)]
    assert store.holds(FRONTAL).all()
    assert store.holds(LATERAL).tolist() == [seed % 3 != 0 for seed in range(7)]
    assert not store.holds(Modality("E", "ecg")).any()
