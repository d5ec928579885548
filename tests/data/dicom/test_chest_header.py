import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, SecondaryCaptureImageStorage

from xgem.data.dicom.chest_header import (
    check_chest,
    check_radiograph,
    check_view,
    orientation_note,
    value,
    view,
    view_of_words,
)
from xgem.errors import InputError
from xgem.study import FRONTAL, LATERAL, REPORT


def header(**attributes: object) -> Dataset:
    dataset = Dataset()
    for keyword, content in attributes.items():
        setattr(dataset, keyword, content)
    return dataset


def coded(meaning: str) -> list[Dataset]:
    return [header(CodeMeaning=meaning)]


@pytest.mark.parametrize("modality", ["CR", "DX", "RG"])
def test_radiographs_are_accepted(modality):
    check_radiograph(header(Modality=modality), "x")


@pytest.mark.parametrize("modality", ["CT", "MR", "US", "MG", "PT", "XA", "SR", "OT"])
def test_everything_else_is_refused(modality):
    with pytest.raises(InputError, match=f"modality {modality!r}, expected a radiograph"):
        check_radiograph(header(Modality=modality, SOPClassUID=CTImageStorage), "x")


def test_a_secondary_capture_without_modality_must_name_the_chest():
    capture = header(SOPClassUID=SecondaryCaptureImageStorage)
    with pytest.raises(InputError, match="give it as PNG"):
        check_radiograph(capture, "x")
    capture.StudyDescription = "CHEST 2 VIEWS"
    check_radiograph(capture, "x")


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"BodyPartExamined": "CHEST"},
        {"BodyPartExamined": "THORAX"},
        {"BodyPartExamined": "PORT CHEST", "StudyDescription": "hand and chest"},
        {"BodyPartExamined": "CHEST", "SeriesDescription": "left shoulder pain"},
        {"BodyPartExamined": "UNKNOWN"},
        {"StudyDescription": "No Finding"},
        {"AnatomicRegionSequence": coded("Chest")},
        {"BodyPartExamined": "CHESTABDOMEN"},
    ],
)
def test_the_chest_and_the_unknown_are_accepted(attributes):
    check_chest(header(**attributes), "x")


@pytest.mark.parametrize(
    "attributes",
    [
        {"BodyPartExamined": "EXTREMITY"},
        {"BodyPartExamined": "HAND", "StudyDescription": "chest and hand"},
        {"BodyPartExamined": "ABDOMEN"},
        {"BodyPartExamined": "CSPINE"},
        {"AnatomicRegionSequence": coded("Entire knee")},
        {"SeriesDescription": "Left ankle AP"},
        {"AcquisitionDeviceProcessingDescription": "[LOWER LEG         ]"},
        *(
            {"BodyPartExamined": part}
            for part in (
                "LOWERLEG",
                "LOWERLIMB",
                "UPPERLIMB",
                "UPPERARM",
                "RADIUS",
                "ULNA",
                "RADIUSULNA",
                "METACARPUS",
                "METATARSUS",
                "FACE",
                "ORBIT",
                "MAXILLA",
                "COLON",
                "BLADDER",
                "KIDNEY",
            )  # defined terms of PS3.16 annex L
        ),
        {"StudyDescription": "Non-ossifying fibroma of distal tibia"},
    ],
)
def test_other_body_parts_are_refused_wherever_they_are_named(attributes):
    with pytest.raises(InputError, match=r"shows no chest: its .* choose a chest radiograph"):
        check_chest(header(**attributes), "x")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"ViewPosition": "PA"}, FRONTAL),
        ({"ViewPosition": "AP_ERECT"}, FRONTAL),
        ({"ViewPosition": "LL"}, LATERAL),
        ({"ViewPosition": "LATERAL"}, LATERAL),
        ({"ViewPosition": "LLD"}, None),
        ({"ViewPosition": "LAT DECUB AP"}, FRONTAL),
        ({"ViewCodeSequence": coded("postero-anterior")}, FRONTAL),
        ({"ViewCodeSequence": coded("left lateral")}, LATERAL),
        ({"ViewPosition": "", "SeriesDescription": "view: LATERAL"}, LATERAL),
        ({"SeriesDescription": "Chest PA and LAT"}, None),
        ({}, None),
    ],
)
def test_the_view_is_found_where_it_is_named(attributes, expected):
    found = view(header(**attributes))
    assert (found[0] if found else None) == expected


def test_the_other_view_is_refused_and_the_unknown_is_not():
    lateral = header(ViewPosition="LATERAL")
    check_view(lateral, LATERAL, "x")
    check_view(lateral, REPORT, "x")
    check_view(header(), FRONTAL, "x")
    with pytest.raises(InputError, match=r"given as frontal, but its View Position is 'LATERAL'"):
        check_view(lateral, FRONTAL, "x")
    with pytest.raises(InputError, match="give it as frontal or choose another"):
        check_view(header(ViewPosition="AP"), LATERAL, "x")


@pytest.mark.parametrize(
    ("orientation", "mentioned"),
    [(["L", "F"], False), (["R", "F"], True), (["L", "H"], True), (None, False)],
)
def test_a_mirrored_frontal_view_is_mentioned(orientation, mentioned):
    note = orientation_note(header(PatientOrientation=orientation), FRONTAL)
    assert (note is not None) is mentioned
    assert note is None or "\\" not in note  # provenance keeps notes, and must not keep values


def test_values_of_any_kind_become_text():
    dataset = header(ImageType=["DERIVED", "PRIMARY"], Rows=7, PatientName="A^B")
    assert value(dataset, "ImageType") == "DERIVED\\PRIMARY"
    assert value(dataset, "Rows") == "7"
    assert value(dataset, "Columns") == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("PA", FRONTAL),
        ("postero-anterior", FRONTAL),
        ("CHEST (PORTABLE AP)", FRONTAL),
        ("AP LLD", FRONTAL),
        ("left lateral", LATERAL),
        ("XTABLE LATERAL", LATERAL),
        ("CHEST (PA AND LAT)", None),
        ("", None),
        ("LAO", None),
    ],
)
def test_words_name_one_view_or_none(words, expected):
    assert view_of_words(words) == expected
