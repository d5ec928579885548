import json

import pytest

from xgem.data.sources.cxr_open import CxrOpen
from xgem.errors import InputError
from xgem.study import FRONTAL, LATERAL

ROW = {
    "study_id": "s", "patient_key": "p", "split": "val", "view": "PA", "file": "images/a.jpg",
    "text": "Fever. Opacity.", "findings": "",
}  # fmt: skip


def write(folder, *rows):
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")


def test_lines_become_studies(tmp_path):
    write(tmp_path, ROW, {**ROW, "view": "L", "file": "images/b.jpg"})
    (study,) = CxrOpen(tmp_path).list_studies().studies
    assert [image.view for image in study.images] == [FRONTAL, LATERAL]
    assert (study.split, study.report.written("xgem")) == ("validation", "Fever. Opacity.")


def test_marked_findings_come_before_the_whole_note(tmp_path):
    write(tmp_path, {**ROW, "findings": "Opacity."})
    (study,) = CxrOpen(tmp_path).list_studies().studies
    assert study.report.written("xgem") == "FINDINGS: Opacity."


def test_images_with_notes_of_their_own_keep_them(tmp_path):
    write(tmp_path, ROW, {**ROW, "text": "Better."}, {**ROW, "text": ""})
    (study,) = CxrOpen(tmp_path).list_studies().studies
    said = [image.note and image.note.written("xgem") for image in study.images]
    assert (study.report, said) == (None, ["Fever. Opacity.", "Better.", None])
    write(tmp_path, ROW, ROW, {**ROW, "text": ""})
    (study,) = CxrOpen(tmp_path).list_studies().studies
    assert study.report.written("xgem") == "Fever. Opacity."
    assert not any(image.note for image in study.images)


def test_no_text_is_no_report(tmp_path):
    write(tmp_path, {**ROW, "text": ""})
    assert CxrOpen(tmp_path).list_studies().studies[0].report is None


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*manifest\.jsonl"):
        CxrOpen(tmp_path).list_studies()
    for line in ({"study_id": "s"}, 5, {**ROW, "patient_key": 7}):
        write(tmp_path, line)
        with pytest.raises(InputError, match=r"a line of .* has no .*patient_key"):
            CxrOpen(tmp_path).list_studies()


def test_the_real_collection_is_listed(shared_file):
    studies = CxrOpen(shared_file("data/cxr-open")).list_studies().studies
    images = [image for study in studies for image in study.images]
    assert (len(images), len(studies)) == (525, 470)
    assert len({study.patient for study in studies}) == 218
    assert sum(any(image.note for image in study.images) for study in studies) == 10
    assert all(image.file.is_file() and image.view is not None for image in images)
