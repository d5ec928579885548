from xgem.data.sources import SOURCES
from xgem.phantoms import simulate
from xgem.phantoms.releases import write_chexpert_plus
from xgem.study import REPORT


def test_the_reader_of_the_layout_lists_every_phantom(tmp_path):
    phantoms = [simulate(seed, 40) for seed in range(3)]
    path = write_chexpert_plus(tmp_path, phantoms) or tmp_path
    studies = SOURCES["chexpert-plus"](path).list_studies().studies
    assert len(studies) == len(phantoms)
    for study, phantom in zip(studies, phantoms, strict=True):
        assert len(study.images) == len([m for m in phantom.modalities if m != REPORT])
        assert all(image.file.is_file() for image in study.images)


def test_the_same_phantoms_give_the_same_files(tmp_path):
    phantoms = [simulate(0, 40)]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_chexpert_plus(tmp_path / name, phantoms)
    one, two = (
        {
            f.relative_to(tmp_path / n): f.read_bytes()
            for f in (tmp_path / n).rglob("*.*")
            if f.is_file() and f.suffix not in (".tgz",)
        }
        for n in ("one", "two")
    )
    assert one == two
