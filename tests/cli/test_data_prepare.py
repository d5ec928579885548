import json

import pytest

from xgem.cluster import preparing as cluster
from xgem.data.preparing import release as preparing
from xgem.data.store import Store
from xgem.phantoms import simulate
from xgem.phantoms.releases import write_folder, write_mimic_cxr


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    return write_folder(folder, [simulate(seed, 40) for seed in range(3)])


def test_a_release_becomes_a_store_and_its_counts_are_printed(xgem, release, tmp_path) -> None:
    call = ("data", "prepare", "folder", "--from", release, "--out", "store", "--size", 32)
    facts = json.loads(xgem(*call, "--workers", 1, "--json").out)
    store = Store(tmp_path / "store")
    assert (facts["hash"], facts["rows"], facts["private"]) == (store.hash, 3, "store.private")
    assert sum(split["studies"] for split in facts["splits"].values()) == 3
    assert facts["met"]["report: Findings and Impression"] == 3
    ended = xgem(*call)
    assert ended.code == 0
    assert "Wrote 3 rows to store" in ended.out
    assert "burned-in annotation: not checked: 6" in ended.out
    assert xgem("data", "check", "store").code == 0
    info = json.loads(xgem("info", "store", "--json").out)
    assert (info["kind"], info["studies"], info["source"]) == ("store", 3, "folder")


def test_the_engine_is_chosen(xgem, release, monkeypatch) -> None:
    seen = []

    def engine(workers):
        def run(jobs, progress):
            seen.append(workers)
            yield from map(preparing.make_part, jobs)

        return run

    monkeypatch.setattr(cluster, "ray_engine", engine)
    call = ("data", "prepare", "folder", "--from", release, "--out", "store", "--size", 32)
    assert xgem(*call, "--engine", "ray", "--workers", 3).code == 0
    assert seen == [3]


def test_doubts_are_warned_of(xgem, release, monkeypatch) -> None:
    summary = Store.summary

    def doubtful(self):
        return summary(self) | {"near_duplicates": 2, "met": {"warning: looks like a negative": 1}}

    monkeypatch.setattr(Store, "summary", doubtful)
    ended = xgem("data", "prepare", "folder", "--from", release, "--out", "store", "--size", 32)
    assert "warning: 1 images look like negatives" in ended.err
    assert "warning: 2 pairs of images of different splits" in ended.err


def test_missing_reports_are_warned_of_and_on_the_card(xgem, tmp_path) -> None:
    write_mimic_cxr(tmp_path / "mimic", [simulate(seed, 40) for seed in range(2)], "dicom")
    (tmp_path / "mimic" / "mimic-cxr-reports.zip").unlink()
    ended = xgem("data", "prepare", "mimic-cxr", "--from", "mimic", "--out", "store", "--size", 32)
    assert ended.code == 0
    assert "warning: 2 studies have no report, for neither mimic-cxr-reports.zip" in ended.err
    assert "mimic-cxr-reports.zip" in (tmp_path / "store" / "README.md").read_text()


def test_the_folder_that_one_is_in_may_become_the_store(xgem, release, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    call = ("data", "prepare", "folder", "--from", release, "--out", ".", "--size", 32)
    facts = json.loads(xgem(*call, "--json").out)
    assert facts["private"] == str(tmp_path / "here.private")
    assert xgem("data", "check", ".").code == 0


def test_a_store_that_lost_a_part_is_made_whole_by_the_same_call(xgem, release, tmp_path) -> None:
    call = ("data", "prepare", "folder", "--from", release, "--out", "store", "--size", 32)
    xgem(*call)
    next((tmp_path / "store" / "data").glob("*.parquet")).unlink()
    xgem("data", "check", "store").was_refused("prepare it again with the same call")
    assert xgem(*call).code == 0
    assert xgem("data", "check", "store").code == 0


def test_a_store_of_nothing_is_refused(xgem, tmp_path) -> None:
    (tmp_path / "a.csv").write_text("study,patient,view,path,report\ns,p,F,gone.png,\n")
    call = ("data", "prepare", "folder", "--from", "a.csv", "--out", "store", "--max-rejected", 1)
    xgem(*call).was_refused("nothing of this folder release can be used")
    assert not (tmp_path / "store").exists()


def test_a_stopped_run_says_how_to_go_on(xgem, release, monkeypatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(preparing, "prepare", stop)
    ended = xgem("data", "prepare", "folder", "--from", release, "--out", "store")
    assert (ended.code, ended.out) == (3, "")
    assert "the same call goes on" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mimic", "--from", "."), "unknown source 'mimic'"),
        (("openi", "--from", "nowhere"), "nothing at nowhere"),
        (("openi", "--from", ".", "--size", "4"), "--size"),
        (("openi", "--from", ".", "--policy", "mine"), "--policy"),
        (("openi", "--from", ".", "--max-rejected", "2"), "--max-rejected"),
        (("openi",), "--from"),
        (("cxr-open", "--from", "."), "manifest.jsonl"),
    ],
)
def test_a_wrong_call_is_refused(xgem, tmp_path, arguments, said) -> None:
    xgem("data", "prepare", *arguments, "--out", "store").was_refused(said)
    assert not (tmp_path / "store").exists()
