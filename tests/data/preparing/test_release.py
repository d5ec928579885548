import contextlib
import csv
import gzip
import json
import os
import signal
import tarfile
from pathlib import Path

import pytest

from xgem.data.preparing import prepared_study
from xgem.data.preparing import release as preparing
from xgem.data.preparing.isolation import Worker
from xgem.data.preparing.release import (
    PartJob,
    PrepareConfig,
    local_engine,
    make_part,
    prepare,
    private_folder,
)
from xgem.data.radiograph import Preprocessing
from xgem.data.sources import source_named
from xgem.data.sources.source import ListedStudy, Listing, SourceFacts
from xgem.data.store import Store
from xgem.data.store import writer as store_writer
from xgem.data.store.check import check_store
from xgem.data.store.shards import read_part
from xgem.errors import ConfigError, InputError, OutputError, StoreError
from xgem.file_hash import file_hash
from xgem.phantoms import simulate
from xgem.phantoms.releases import (
    write_chexpert_plus,
    write_folder,
    write_mimic_cxr,
    write_openi,
    write_padchest,
)
from xgem.phantoms.releases.files import dicom_bytes, pixels_of
from xgem.study import CHEST, FRONTAL

CONFIG = PrepareConfig(preprocessing=Preprocessing(size=32))
ONE = local_engine(1)


@pytest.fixture(scope="module")
def phantoms():
    return [simulate(seed, 40) for seed in range(8)]


@pytest.fixture
def release(phantoms, tmp_path):
    """Own files: eight studies of four patients."""
    return source_named("folder", write_folder(tmp_path / "release", phantoms))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(store_writer, "SHARD", 3)


def no_engine(jobs, progress):
    """An engine where nothing is left to do."""
    raise AssertionError("nothing is left to do")


def unreachable(jobs, progress):
    """An engine whose cluster is not there."""
    raise ConfigError("cannot reach the cluster")
    yield


def rows_of(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


def tree(folder):
    return {
        file.relative_to(folder).as_posix(): file_hash(file)
        for file in folder.rglob("*")
        if file.is_file()
    }


WRITERS = {
    "mimic-cxr": (lambda folder, studies: write_mimic_cxr(folder, studies, "dicom"), None),
    "mimic-cxr jpg": (lambda folder, studies: write_mimic_cxr(folder, studies, "jpg"), None),
    "openi": (write_openi, None),
    "openi dicom": (lambda folder, studies: write_openi(folder, studies, "dicom"), None),
    "chexpert-plus": (write_chexpert_plus, None),
    "padchest": (write_padchest, None),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("policy", ["xgem", "released"])
def test_every_release_becomes_a_whole_store(phantoms, tmp_path, name, policy):
    WRITERS[name][0](tmp_path / "release", phantoms)
    source = source_named(name.partition(" ")[0], tmp_path / "release")
    config = PrepareConfig(preprocessing=Preprocessing(size=32, policy=policy))
    store = prepare(source, tmp_path / "store", config, engine=ONE)
    assert len(store) == len(phantoms)
    assert list(check_store(store)) == []
    wanted = CHEST[:2] if name == "padchest" else CHEST
    assert all(study.modalities == wanted for study in store)
    assert store.manifest["preprocessing"] == {"size": 32, "policy": policy}
    assert not rows_of(tmp_path / "store.private" / "rejected.csv")
    known = [study.label_values["Edema"] for study in store]
    assert any(value in (0, 1) for value in known)


def test_identity_stays_in_the_private_folder(release, tmp_path):
    store = prepare(release, tmp_path / "store", CONFIG, engine=ONE)
    private = private_folder(store.folder)
    salt = (private / "salt").read_text().strip()
    for file in store.folder.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            for secret in (b"DOE", b"JANE", b"SECRET", salt.encode(), bytes.fromhex(salt)):
                assert secret not in data, file
    assert private.stat().st_mode & 0o077 == 0
    assert len({row["patient"] for row in map(store.row, range(len(store)))}) == 4


def test_what_a_refused_file_says_stays_in_the_private_folder(release, phantoms, tmp_path):
    words = {"BodyPartExamined": "", "StudyDescription": "Knee of Jane Secret"}
    file = next(release.table.parent.glob("images/*"))
    file.write_bytes(dicom_bytes(pixels_of(phantoms[0], FRONTAL), FRONTAL, attributes=words))
    generous = PrepareConfig(preprocessing=Preprocessing(size=32), max_rejected=0.25)
    store = prepare(release, tmp_path / "store", generous, engine=ONE)
    (told,) = rows_of(private_folder(store.folder) / "rejected.csv")
    (given,) = rows_of(store.folder / "rejected.csv")
    assert "'KNEE OF JANE SECRET'" in told["reason"]
    assert given["reason"] == told["reason"].replace("KNEE OF JANE SECRET", "...")
    assert "SECRET" not in (store.folder / "rejected.csv").read_text()


def test_the_same_salt_gives_the_same_bytes_and_another_other_names(release, tmp_path):
    salt = tmp_path / "salt"
    one = prepare(release, tmp_path / "one", CONFIG, engine=ONE, salt=salt)
    two = prepare(release, tmp_path / "two", CONFIG, engine=local_engine(2), salt=salt)
    other = prepare(release, tmp_path / "other", CONFIG, engine=ONE)
    assert tree(one.folder) == tree(two.folder)
    ids = [{study.id for study in store} for store in (one, other)]
    assert not ids[0] & ids[1]


def test_an_interrupted_run_redoes_no_whole_part(release, tmp_path):
    salt = tmp_path / "salt"
    whole = prepare(release, tmp_path / "whole", CONFIG, engine=ONE, salt=salt)
    seen = 0

    def stop(stage, done, total):
        nonlocal seen
        if stage == "preparing":
            seen = done
            if done == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(release, tmp_path / "store", CONFIG, engine=ONE, salt=salt, progress=stop)
    made = {file: file.stat().st_mtime_ns for file in (tmp_path / "store").rglob("*.parquet")}
    assert made
    again = []
    prepare(
        release,
        tmp_path / "store",
        CONFIG,
        engine=ONE,
        salt=salt,
        progress=lambda *said: again.append(said),
    )
    assert tree(tmp_path / "store") == tree(whole.folder)
    assert all(file.stat().st_mtime_ns == when for file, when in made.items())
    studies = max(total for stage, _, total in again if stage == "preparing")
    assert 0 < studies < len(whole)


def test_a_finished_store_is_not_made_again(release, tmp_path):
    store = prepare(release, tmp_path / "store", CONFIG, engine=ONE)
    assert prepare(release, tmp_path / "store", CONFIG, engine=no_engine).hash == store.hash


def damaged(file, how):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.unlink() if how == "gone" else file.write_bytes(data)


@pytest.mark.parametrize("how", ["gone", "changed"])
@pytest.mark.parametrize("what", ["part", "card", "manifest", "edited manifest"])
def test_preparing_a_damaged_store_again_makes_it_whole(release, tmp_path, what, how):
    store = prepare(release, tmp_path / "store", CONFIG, engine=ONE)
    whole = tree(store.folder)
    parts = [store.folder / shard["file"] for shard in store.shards]
    if what == "edited manifest":
        text = (store.folder / "store.json").read_text()
        (store.folder / "store.json").write_text(text.replace('"policy": "xgem"', '"policy": "x"'))
    else:
        files = {"part": parts[0], "card": store.folder / "README.md"}
        damaged(files.get(what, store.folder / "store.json"), how)
    if what != "manifest":
        with pytest.raises(StoreError, match=r"changed|not there"):
            raise StoreError("; ".join(check_store(Store(store.folder))))
    made = {file: file.stat().st_mtime_ns for file in parts[1:]}
    prepare(release, tmp_path / "store", CONFIG, engine=ONE)
    assert tree(store.folder) == whole
    assert all(file.stat().st_mtime_ns == when for file, when in made.items())


def test_the_studies_are_told_by_a_salted_hash_and_an_older_plan_still_fits(release, tmp_path):
    store = prepare(release, tmp_path / "store", CONFIG, engine=ONE)
    other = prepare(release, tmp_path / "other", CONFIG, engine=ONE)
    plans = [opened.manifest["plan"] for opened in (store, other)]
    assert plans[0]["listing"] != plans[1]["listing"]
    listing = release.list_studies()
    salt = preparing.read_salt(private_folder(store.folder) / "salt")
    splits = preparing.assign_splits(listing.studies)
    plan, (earlier,) = preparing._plans(release, listing, splits, CONFIG, salt)
    assert (plan, len(earlier["listing"])) == (plans[0], 16)
    manifest = {**store.manifest, "plan": earlier}
    (store.folder / "store.json").write_text(json.dumps(manifest))
    assert prepare(release, tmp_path / "store", CONFIG, engine=no_engine).manifest == manifest


@pytest.mark.parametrize(
    "other",
    [
        PrepareConfig(preprocessing=Preprocessing(size=64)),
        PrepareConfig(preprocessing=Preprocessing(size=32, policy="released")),
        PrepareConfig(preprocessing=Preprocessing(size=32), splits="seeded", seed=1),
    ],
    ids=["size", "policy", "splits"],
)
def test_another_store_in_the_same_folder_is_refused(release, tmp_path, other):
    prepare(release, tmp_path / "store", CONFIG, engine=ONE)
    with pytest.raises(StoreError, match="another --out"):
        prepare(release, tmp_path / "store", other, engine=ONE)


def test_too_many_broken_files_stop_the_run_and_more_may_be_allowed(release, tmp_path):
    for file in sorted(release.table.parent.glob("images/*"))[:4]:
        file.write_bytes(b"gone")
    with pytest.raises(StoreError, match="files cannot be used, more than the share"):
        prepare(release, tmp_path / "store", CONFIG, engine=ONE)
    assert not (tmp_path / "store" / "store.json").exists()
    assert rows_of(tmp_path / "store.private" / "rejected.csv")
    generous = PrepareConfig(preprocessing=Preprocessing(size=32), max_rejected=0.25)
    store = prepare(release, tmp_path / "store", generous, engine=ONE)
    named = rows_of(tmp_path / "store.private" / "rejected.csv")
    nameless = rows_of(store.folder / "rejected.csv")
    assert len(named) == len(nameless) == 4
    assert all("images" in row["file"] for row in named)
    assert nameless[0].keys() == {"study", "kind", "reason"}
    assert sum(t.get("rejected: unreadable", 0) for t in store.manifest["tallies"].values()) == 4


def test_a_patient_in_two_official_splits_fails_the_run(tmp_path):
    class Leaking:
        facts = SourceFacts(name="folder", title="", url="", license="")

        def list_studies(self) -> Listing:
            studies = [
                ListedStudy(id=split, patient="p", report="Clear.", split=split)
                for split in ("train", "test")
            ]
            return Listing(studies=studies)

    with pytest.raises(StoreError, match="several splits"):
        prepare(Leaking(), tmp_path / "store", CONFIG, engine=ONE)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_report_of_open_i_is_one_line_of_the_rejected(phantoms, tmp_path):
    write_openi(tmp_path / "release", phantoms)
    with tarfile.open(tmp_path / "release" / "NLMCXR_reports.tgz") as archive:
        archive.extractall(tmp_path / "release", filter="data")
    (tmp_path / "release" / "JANE.xml").write_text("<eCitation><uId/>")
    source = source_named("openi", tmp_path / "release")
    generous = PrepareConfig(preprocessing=Preprocessing(size=32), max_rejected=1.0)
    store = prepare(source, tmp_path / "store", generous, engine=ONE)
    assert len(store) == len(phantoms)
    (told,) = rows_of(tmp_path / "store.private" / "rejected.csv")
    (given,) = rows_of(store.folder / "rejected.csv")
    assert "JANE.xml" in told["file"]
    assert given["reason"].startswith("the file is no report of Open-i")
    assert "JANE" not in str(given)


@pytest.mark.parametrize(
    ("name", "table", "column"),
    [
        ("mimic-cxr jpg", "mimic-cxr-2.0.0-split.csv.gz", "subject_id"),
        ("chexpert-plus", "df_chexpert_plus_240401.csv", "deid_patient_id"),
        ("padchest", "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz", "PatientID"),
        ("folder", "studies.csv", "patient"),
    ],
)
def test_a_study_of_two_patients_is_refused_whatever_the_source(
    phantoms, tmp_path, name, table, column
):
    path = tmp_path / "release"
    (write_folder if name == "folder" else WRITERS[name][0])(path, phantoms)
    opened = gzip.open if table.endswith(".gz") else open
    with opened(path / table, "rt", newline="") as stream:
        lines = list(csv.DictReader(stream))
    lines[1][column] = "doe"  # the first study has two lines
    with opened(path / table, "wt", newline="") as stream:
        writer = csv.DictWriter(stream, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    source = source_named(name.partition(" ")[0], path / table if name == "folder" else path)
    with pytest.raises(StoreError, match="1 of 8 studies belong to several patients"):
        prepare(source, tmp_path / "store", CONFIG, engine=ONE)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["release"]


def test_files_that_were_corrected_are_opened_again(release, tmp_path):
    files = sorted(release.table.parent.glob("images/*"))
    whole = {file: file.read_bytes() for file in files}
    for file in files:
        file.write_bytes(b"gone")
    for share in (0.05, 0.5):
        config = PrepareConfig(preprocessing=Preprocessing(size=32), max_rejected=share)
        with pytest.raises(StoreError, match="files cannot be used"):
            prepare(release, tmp_path / "store", config, engine=ONE)
        assert rows_of(tmp_path / "store.private" / "rejected.csv")
    for file, data in whole.items():
        file.write_bytes(data)
    store = prepare(release, tmp_path / "store", CONFIG, engine=ONE)
    assert store.summary()["met"].get("rejected: unreadable") is None


def test_a_store_of_nothing_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("study,patient,view,path,report\ns,p,F,gone.png,\n")
    source = source_named("folder", tmp_path / "a.csv")
    generous = PrepareConfig(preprocessing=Preprocessing(size=32), max_rejected=1.0)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"nothing of this folder release .*No such file"):
            prepare(source, tmp_path / "store", generous, engine=ONE)
        assert not (tmp_path / "store").exists()
        assert len(rows_of(tmp_path / "store.private" / "rejected.csv")) == 1
    with pytest.raises(StoreError, match="more than the share"):  # other settings are none of it
        prepare(source, tmp_path / "store", CONFIG, engine=ONE)


def test_an_engine_that_cannot_be_reached_leaves_nothing(release, tmp_path):
    for salt in (None, tmp_path / "salt"):
        with pytest.raises(ConfigError, match="cannot reach"):
            prepare(release, tmp_path / "store", CONFIG, engine=unreachable, salt=salt)
        assert [entry.name for entry in tmp_path.iterdir()] == ["release"]


def test_an_engine_that_cannot_be_reached_later_keeps_what_there_is(release, tmp_path):
    def stop(stage, done, total):
        if stage == "preparing" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(release, tmp_path / "store", CONFIG, engine=ONE, progress=stop)
    before = tree(tmp_path)
    assert any("parquet" in name for name in before)
    with pytest.raises(ConfigError, match="cannot reach"):
        prepare(release, tmp_path / "store", CONFIG, engine=unreachable)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("there", ["a folder of something", "a file"])
def test_a_place_that_is_taken_is_left_as_it_is(release, tmp_path, there):
    out = tmp_path / "store"
    if there == "a file":
        out.write_text("years of work")
    else:
        out.mkdir()
        (out / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreError, match="is not empty and holds no store"):
        prepare(release, out, CONFIG, engine=ONE)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["release", "store"]


def test_another_process_is_kept_out_of_a_store(release, tmp_path):
    seen = []

    def engine(jobs, progress):
        with pytest.raises(ConfigError, match=r"another process prepares .*store; wait for it"):
            prepare(release, tmp_path / "store", CONFIG, engine=ONE)
        seen.append(len(jobs))
        yield from map(make_part, jobs)

    store = prepare(release, tmp_path / "store", CONFIG, engine=engine)
    assert (len(seen), list(check_store(store))) == (1, [])


def test_paths_mean_the_same_in_another_folder(release, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    near = source_named("folder", Path("release") / release.table.name)

    def elsewhere(jobs, progress):
        (tmp_path / "elsewhere").mkdir()
        with contextlib.chdir(tmp_path / "elsewhere"):
            yield from map(make_part, list(jobs))

    assert len(prepare(near, Path("store"), CONFIG, engine=elsewhere)) == 8


@pytest.mark.parametrize(
    ("out", "private"), [("a/store", "a/store.private"), (".", None), ("a/..", None)]
)
def test_the_private_folder_is_beside_the_store(tmp_path, monkeypatch, out, private):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    beside = Path(private) if private else tmp_path.with_name(f"{tmp_path.name}.private")
    assert private_folder(Path(out)) == beside
    with pytest.raises(OutputError, match="choose another --out"):
        private_folder(Path("/"))


def test_an_empty_release_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("study,patient,view,path,report\n")
    with pytest.raises(InputError, match="lists no study"):
        prepare(source_named("folder", tmp_path / "a.csv"), tmp_path / "s", CONFIG, engine=ONE)


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_a_share_is_a_share(value):
    with pytest.raises(ConfigError, match="a share of rejects from 0 to 1"):
        PrepareConfig(preprocessing=Preprocessing(size=32), max_rejected=value)


def test_one_process_makes_a_part_for_engines_elsewhere(release, tmp_path):
    store = prepare(release, tmp_path / "store", CONFIG, engine=ONE, salt=tmp_path / "salt")
    jobs = []

    def elsewhere(found, progress):
        jobs.extend(found)
        yield from map(make_part, found)

    again = prepare(release, tmp_path / "again", CONFIG, engine=elsewhere, salt=tmp_path / "salt")
    assert tree(again.folder) == tree(store.folder)
    assert all(isinstance(job, PartJob) for job in jobs)
    assert [make_part(job) for job in jobs] == [read_part(*job.files) for job in jobs]


def kill_or_prepare(job, announce):
    """Prepare a study, but die over every file of a lateral view."""

    def told(step):
        announce(step)
        if "lateral" in step and step not in job.died:
            os.kill(os.getpid(), signal.SIGSEGV)

    return prepared_study.prepare_study(job, told)


def die(job, announce):
    """Die before any file."""
    os._exit(1)


@pytest.fixture
def importable(monkeypatch):
    """Let workers import the jobs of these tests from here."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    for job in (kill_or_prepare, die):
        monkeypatch.setattr(job, "__module__", "test_release")


@pytest.mark.usefixtures("importable")
def test_a_file_that_kills_its_process_is_rejected_and_the_run_goes_on(
    release, tmp_path, monkeypatch
):
    monkeypatch.setattr(preparing, "prepare_study", kill_or_prepare)
    generous = PrepareConfig(preprocessing=Preprocessing(size=32), max_rejected=1.0)
    store = prepare(release, tmp_path / "store", generous, engine=ONE)
    rejects = rows_of(tmp_path / "store.private" / "rejected.csv")
    assert len(rejects) == 8
    assert all("crashed the decoder (SIGSEGV)" in row["reason"] for row in rejects)
    assert [m.letter for study in store for m in study.modalities] == ["F", "T"] * 8


@pytest.mark.usefixtures("importable")
def test_a_process_that_dies_before_any_file_is_a_bug():
    worker = Worker(die, 20.0)
    with pytest.raises(RuntimeError, match="before it opened a file"):
        preparing.prepare_safely(
            worker,
            prepared_study.StudyJob(
                study=ListedStudy(id="a", patient="b"),
                split="train",
                preprocessing=CONFIG.preprocessing,
                salt=preparing.Salt(b"s" * 32),
            ),
        )
    worker.close()


@pytest.mark.slow
def test_the_real_collections_are_prepared_whole(shared_file, tmp_path):
    source = source_named("cxr-open", shared_file("data/cxr-open"))
    images = prepare(source, tmp_path / "images", CONFIG, engine=ONE)
    counts = images.manifest["counts"]
    assert sum(split["studies"] for split in counts.values()) == 470
    assert sum(split["patients"] for split in counts.values()) == 218
    assert sum(split["holds"].get("F+L+T", 0) for split in counts.values()) == 43
    assert images.summary()["met"]["burned-in annotation: not checked"] == 525
    assert images.manifest["near_duplicates"]["pairs"] == 0
    source = source_named("openi", shared_file("data/NLMCXR_reports.tgz"))
    reports = prepare(source, tmp_path / "reports", CONFIG, engine=ONE)
    assert len(reports) == 3927
    assert reports.summary()["met"]["report: empty"] == 28
    for store in (images, reports):
        assert list(check_store(store)) == []
