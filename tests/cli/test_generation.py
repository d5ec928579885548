"""`xgem generate` on a model with random weights: files, provenance, repeats and refusals."""

import errno
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from xgem.data.radiograph import Preprocessing, read_radiograph
from xgem.sampling.provenance import Provenance
from xgem.study import FRONTAL, LATERAL

REPORT_TEXT = "FINDINGS: Large left pleural effusion."
VIEW_FILES = {"frontal.png", "frontal.dcm", "lateral.png", "lateral.dcm", "provenance.json"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_it_writes_each_sample_and_one_sheet(xgem, model_folder, tmp_path) -> None:
    ended = xgem("generate", "--report", REPORT_TEXT, "--model", model_folder, "--samples", 2)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"Look at {Path('xgem-out/sheet.png')}\n"
    out = tmp_path / "xgem-out"
    assert names(out) == {"sample-000", "sample-001", "sheet.png"}
    assert names(out / "sample-000") == names(out / "sample-001") == VIEW_FILES
    assert names(tmp_path) == {"xgem-out"}

    with Image.open(out / "sample-000" / "frontal.png") as png:
        assert (png.mode, png.size) == ("L", (32, 32))
    views = [pydicom.dcmread(out / "sample-000" / f"{v}.dcm") for v in ("frontal", "lateral")]
    assert views[0].StudyInstanceUID == views[1].StudyInstanceUID
    assert views[0].SeriesInstanceUID != views[1].SeriesInstanceUID
    other = pydicom.dcmread(out / "sample-001" / "frontal.dcm")
    assert other.StudyInstanceUID != views[0].StudyInstanceUID


@pytest.mark.parametrize("view", [FRONTAL, LATERAL], ids=str)
def test_png_and_dicom_hold_the_same_pixels_and_say_synthetic(
    xgem, model_folder, tmp_path, view
) -> None:
    assert xgem("generate", "--to", view, "--model", model_folder).code == 0
    stem = tmp_path / "xgem-out" / "sample-000" / view.name
    read = [
        read_radiograph(stem.with_suffix(suffix), view, Preprocessing(size=32))
        for suffix in (".png", ".dcm")
    ]
    np.testing.assert_array_equal(read[0].pixels, read[1].pixels)
    assert all(radiograph.synthetic for radiograph in read)


def test_only_what_was_asked_for_is_written(xgem, model_folder, frontal_png, tmp_path) -> None:
    ended = xgem("generate", "--frontal", frontal_png, "--to", "T", "--model", model_folder)
    assert ended.code == 0
    assert names(tmp_path / "xgem-out" / "sample-000") == {"report.txt", "provenance.json"}


def test_provenance_says_what_was_done_and_nothing_of_the_input(
    xgem, model_folder, frontal_png, tmp_path
) -> None:
    ended = xgem(
        *("generate", "--frontal", frontal_png, "--report", REPORT_TEXT, "--model", model_folder),
        *("--samples", 2, "--seed", 7, "--weight", "F=2", "--guidance", 2.5, "--solver", "dpm++"),
        *("--steps", 3, "--out", "there/out"),
    )
    assert ended.code == 0
    text = (tmp_path / "there/out/sample-001/provenance.json").read_text()
    record = Provenance.model_validate_json(text)
    assert (record.task, record.seed, record.steps) == ("F+T->L", 8, 3)
    assert (record.solver, record.guidance, record.joint) == ("dpm++", 2.5, "parallel")
    assert record.weights == {"F": 2.0, "T": 1.0}
    assert record.inputs == {
        "F": hashlib.sha256(frontal_png.read_bytes()).hexdigest(),
        "T": hashlib.sha256(REPORT_TEXT.encode()).hexdigest(),
    }
    assert record.checkpoint.name == "random"
    assert "effusion" not in text
    assert str(tmp_path) not in text
    assert frontal_png.name not in text


def test_a_report_that_is_too_long_is_warned_of_once(xgem, model_folder, tmp_path) -> None:
    long = "FINDINGS: " + 20 * "No left effusion. "
    ended = xgem("generate", "--report", long, "--to", "F", "--model", model_folder)
    assert ended.code == 0
    (line,) = ended.err.splitlines()
    record = Provenance.read(tmp_path / "xgem-out/sample-000/provenance.json")
    assert record.warnings == (line.removeprefix("xgem: warning: "),)
    read, there = map(int, re.findall(r"\d+", line))
    assert read == 22 < there
    assert line.endswith("shorten it")


def test_json_lists_the_files(xgem, model_folder, tmp_path) -> None:
    ended = xgem("generate", "--to", "F", "--model", model_folder, "--seed", 3, "--json")
    facts = json.loads(ended.out)
    assert facts["task"] == "->F"
    assert [sample["seed"] for sample in facts["samples"]] == [3]
    assert all((tmp_path / file).is_file() for file in facts["samples"][0]["files"])


def test_again_makes_the_same_sample(xgem, model_folder, frontal_png, tmp_path) -> None:
    given = ("--frontal", frontal_png, "--model", model_folder)
    xgem("generate", *given, "--samples", 3, "--seed", 5, "--weight", "F=2", "--out", "first")
    sample = tmp_path / "first" / "sample-002"
    ended = xgem("generate", *given, "--again", sample / "provenance.json", "--out", "second")
    assert ended.code == 0
    repeated = tmp_path / "second" / "sample-000"
    assert (sample / "report.txt").read_text() == (repeated / "report.txt").read_text()
    pixels = []
    for folder in (sample, repeated):  # computed in batches of 3 and of 1
        with Image.open(folder / "lateral.png") as png:
            pixels.append(np.asarray(png, int))
    assert np.abs(pixels[0] - pixels[1]).max() <= 1
    before, after = (Provenance.read(s / "provenance.json") for s in (sample, repeated))
    assert before == after.model_copy(update={"time": before.time})


def test_how_prompts_are_guided_is_recorded_and_repeated(xgem, model_folder, tmp_path) -> None:
    given = ("generate", "--report", REPORT_TEXT, "--to", "F", "--model", model_folder)
    guided = ("--guidance-interval", "0.1:0.8", "--guidance-rescale", "0.7")
    xgem(*given, *guided, "--out", "first")
    record = tmp_path / "first/sample-000/provenance.json"
    assert xgem(*given, "--again", record, "--out", "second").code == 0
    for path in (record, tmp_path / "second/sample-000/provenance.json"):
        found = Provenance.read(path)
        assert (found.guidance_interval, found.guidance_rescale) == ((0.1, 0.8), 0.7)
    contradicting = ("--guidance-interval", "0.2:0.8", "--again", record, "--out", "third")
    xgem(*given, *contradicting).was_refused("--guidance-interval 0.2:0.8 contradicts")


def test_fast_makes_the_same_sample(xgem, model_folder, tmp_path) -> None:
    given = ("generate", "--report", REPORT_TEXT, "--to", "F", "--model", model_folder)
    xgem(*given, "--out", "plain")
    assert xgem(*given, "--fast", "--out", "fast").code == 0
    pixels = []
    for out in ("plain", "fast"):
        with Image.open(tmp_path / out / "sample-000/frontal.png") as png:
            pixels.append(np.asarray(png, int))
    assert np.abs(pixels[0] - pixels[1]).max() <= 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("--seed", 1), "--seed 1 contradicts"),
        (("--samples", 2), "--samples 2 contradicts"),
        (("--to", "L"), "--to L contradicts"),
        (("--guidance", 9), "--guidance 9.0 contradicts"),
        (("--weight", "T=3"), "--weight T=3 contradicts"),
        (("--report", "FINDINGS: Clear lungs."), "this report is not the one"),
    ],
    ids=["seed", "samples", "to", "guidance", "weight", "input"],
)
def test_again_refuses_what_contradicts(xgem, model_folder, tmp_path, changed, said) -> None:
    xgem("generate", "--report", REPORT_TEXT, "--model", model_folder, "--to", "F")
    record = tmp_path / "xgem-out/sample-000/provenance.json"
    given = {"--report": REPORT_TEXT, "--model": model_folder, **dict([changed])}
    options = [word for option in given.items() for word in option]
    xgem("generate", *options, "--again", record, "--out", "second").was_refused(said)
    assert names(tmp_path) == {"xgem-out"}


def test_again_names_a_missing_input_and_another_model(
    xgem, model_folder, frontal_png, tmp_path
) -> None:
    xgem("generate", "--frontal", frontal_png, "--model", model_folder, "--to", "T")
    path = tmp_path / "xgem-out/sample-000/provenance.json"
    given = ("generate", "--model", model_folder, "--again", path, "--out", "second")
    xgem(*given).was_refused("give the same --frontal")
    text = path.read_text()
    path.write_text(text.replace(json.loads(text)["checkpoint"]["hash"], "0" * 12))
    xgem(*given, "--frontal", frontal_png).was_refused("made by the model random (000000000000)")
    path.write_text(text.replace('"seed"', '"sead"'))
    xgem(*given, "--frontal", frontal_png).was_refused("is not a provenance.json")


def test_a_radiograph_that_may_be_real_is_warned_of(xgem, model_folder, tmp_path) -> None:
    unmarked = tmp_path / "unmarked.png"
    rows = np.linspace(0, 255, 64, dtype=np.uint8)
    Image.fromarray(np.tile(rows, (64, 1))).save(unmarked)
    ended = xgem("generate", "--frontal", unmarked, "--to", "T", "--model", model_folder)
    assert ended.code == 0
    (line,) = [line for line in ended.err.splitlines() if "simulated chests" in line]
    assert "has never seen a real radiograph" in line
    (record,) = [Provenance.read(p) for p in tmp_path.glob("xgem-out/*/provenance.json")]
    assert line.removeprefix("xgem: warning: ") in record.warnings
    assert not any("unmarked" in warning for warning in record.warnings)


def test_its_own_output_is_not_warned_of(xgem, model_folder, frontal_png) -> None:
    ended = xgem("generate", "--frontal", frontal_png, "--to", "T", "--model", model_folder)
    assert "real radiograph" not in ended.err


def test_a_text_file_named_dcm_is_refused(xgem, model_folder, tmp_path) -> None:
    fake = tmp_path / "chest.dcm"
    fake.write_text("The heart is of normal size.")
    xgem("generate", "--frontal", fake, "--model", model_folder).was_refused("chest.dcm")
    assert names(tmp_path) == {"chest.dcm"}


@pytest.mark.parametrize("start", [b"PK\x03\x04archive", b"\x80\x02}q\x00."], ids=["zip", "plain"])
def test_a_pickle_is_refused_as_a_model(xgem, tmp_path, start) -> None:
    weights = tmp_path / "MedCoDi-M.pt"
    weights.write_bytes(start)
    xgem("generate", "--model", weights).was_refused("is a pickle")
    assert names(tmp_path) == {"MedCoDi-M.pt"}


def test_a_full_disk_leaves_nothing_behind(xgem, model_folder, tmp_path, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", full)
    ended = xgem("generate", "--to", "T", "--model", model_folder)
    ended.was_refused("No space left on device; free space or choose another")
    assert names(tmp_path) == set()


def test_a_disk_that_is_really_full_leaves_nothing_behind(xgem, model_folder, tmp_path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small tmpfs cannot be mounted here")
    try:
        ended = xgem("generate", "--to", "F", "--model", model_folder, "--out", disk / "out")
        ended.was_refused("No space left on device")
        assert names(disk) == set()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_the_user_may_stop_it(xgem, model_folder, tmp_path, monkeypatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("xgem.cli.generation.write_sheet", stop)
    ended = xgem("generate", "--to", "T", "--model", model_folder)
    assert (ended.code, ended.out, ended.err) == (3, "", "xgem: stopped\n")
    assert names(tmp_path) == set()
