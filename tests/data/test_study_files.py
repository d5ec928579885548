import json

import numpy as np
import pytest
from PIL import Image

from xgem.data.radiograph import Preprocessing, to_uint8, write_png
from xgem.data.study_files import input_hashes, read_study
from xgem.errors import InputError
from xgem.study import FRONTAL, LATERAL, REPORT

MODEL = Preprocessing(size=64)


@pytest.fixture
def files(tmp_path, picture):
    write_png(tmp_path / "ours.png", picture)
    Image.fromarray(to_uint8(picture)).save(tmp_path / "real.png")
    (tmp_path / "report.txt").write_text("FINDINGS: Clear.\n")
    return tmp_path


def test_a_study_holds_what_was_given_and_nothing_else(files):
    study = read_study(frontal=files / "ours.png", report="Clear.", preprocessing=MODEL)
    assert study.modalities == (FRONTAL, REPORT)
    assert study.contents[FRONTAL].shape == (64, 64)
    assert study.contents[REPORT] == "Clear."
    assert study.findings is None
    assert read_study(preprocessing=MODEL).modalities == ()


@pytest.mark.parametrize(
    ("frontal", "lateral", "expected"),
    [
        ("ours.png", "ours.png", True),
        ("ours.png", None, True),
        ("ours.png", "real.png", False),
        ("real.png", None, False),
        (None, None, False),
    ],
)
def test_a_study_is_synthetic_if_all_its_images_are(frontal, lateral, expected, files):
    study = read_study(
        frontal=frontal and files / frontal,
        lateral=lateral and files / lateral,
        report="Clear.",
        preprocessing=MODEL,
    )
    assert study.synthetic is expected


def test_the_id_follows_the_content_and_not_the_name(files):
    first = read_study(frontal=files / "real.png", preprocessing=MODEL).id
    (files / "real.png").rename(files / "doe_jane.png")
    assert read_study(frontal=files / "doe_jane.png", preprocessing=MODEL).id == first
    assert read_study(lateral=files / "ours.png", preprocessing=MODEL).id != first


def test_a_report_has_one_hash_as_text_and_as_file(files):
    as_text = input_hashes(report="FINDINGS:  Clear.")
    assert as_text == input_hashes(report=files / "report.txt")
    assert list(input_hashes(lateral=files / "real.png", report="a")) == ["lateral", "report"]


def test_a_bad_file_is_refused(files):
    with pytest.raises(InputError, match="holds text, expected a radiograph"):
        read_study(frontal=files / "report.txt", preprocessing=MODEL)


def test_real_studies_are_read_whole(shared_file):
    folder = shared_file("data/cxr-open")
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    pairs: dict[str, dict[str, dict]] = {}
    for row in rows:
        if row["study_has_pair"]:
            pairs.setdefault(row["study_id"], {})[row["view"]] = row
    complete = [views for views in pairs.values() if "PA" in views and "L" in views]
    for views in complete[:5]:
        study = read_study(
            frontal=folder / views["PA"]["file"],
            lateral=folder / views["L"]["file"],
            report=views["PA"]["text"] or "No text.",
            preprocessing=MODEL,
        )
        assert study.modalities == (FRONTAL, LATERAL, REPORT)
        assert not study.synthetic
        assert np.ptp(study.contents[FRONTAL]) > 0.3
