import math

import pytest

from xgem.data.labels.chexpert import CHEXPERT
from xgem.data.sources.padchest import PadChest, labels_of_terms
from xgem.errors import InputError
from xgem.phantoms.releases import write_padchest
from xgem.study import FRONTAL, LATERAL


def test_images_and_labels_are_listed(phantoms, tmp_path):
    write_padchest(tmp_path, phantoms)
    studies = PadChest(tmp_path).list_studies().studies
    assert len(studies) == len(phantoms)
    assert [image.view for image in studies[0].images] == [FRONTAL, LATERAL]
    assert all(image.file.is_file() for study in studies for image in study.images)
    assert all(study.report is None and study.split is None for study in studies)
    for study, phantom in zip(studies, phantoms, strict=True):
        for finding in phantom.findings:
            label = (
                "Support Devices"
                if finding.label in ("Pacemaker", "Central Line")
                else finding.label
            )
            assert label not in CHEXPERT or study.labels[label] == 1


def test_images_may_lie_in_one_folder(phantoms, tmp_path):
    write_padchest(tmp_path, phantoms)
    for file in list(tmp_path.glob("*/*.png")):
        file.rename(tmp_path / file.name)
    studies = PadChest(tmp_path).list_studies().studies
    assert all(image.file.is_file() for study in studies for image in study.images)


@pytest.mark.parametrize(
    ("cell", "known"),
    [
        ("['normal']", {"No Finding": 1, "Edema": 0, "Support Devices": 0}),
        ("['pleural effusion', 'pacemaker']", {"Pleural Effusion": 1, "Support Devices": 1}),
        ("['pacemaker', 'normal']", {"No Finding": 1, "Support Devices": 1}),
        ("['laminar atelectasis']", {"Atelectasis": 1, "Lung Opacity": 1, "No Finding": 0}),
        ("['unchanged']", dict.fromkeys(CHEXPERT, math.nan)),
        ("['exclude']", dict.fromkeys(CHEXPERT, math.nan)),
        ("", dict.fromkeys(CHEXPERT, math.nan)),
        ("not a list", dict.fromkeys(CHEXPERT, math.nan)),
    ],
)
def test_terms_become_labels(cell, known):
    labels = labels_of_terms(cell)
    assert tuple(labels) == CHEXPERT
    for label, value in known.items():
        assert labels[label] == pytest.approx(value, nan_ok=True), label


def test_ribs_are_left_out(phantoms, tmp_path):
    write_padchest(tmp_path, phantoms[:1])
    import gzip

    path = next(tmp_path.glob("*.csv.gz"))
    text = gzip.decompress(path.read_bytes()).decode().replace(",PA,", ",COSTAL,")
    path.write_bytes(gzip.compress(text.encode()))
    images = PadChest(tmp_path).list_studies().studies[0].images
    assert [image.left_out for image in images] == ["Projection is COSTAL", ""]


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="PADCHEST_chest"):
        PadChest(tmp_path).list_studies()
