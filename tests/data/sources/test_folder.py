import pytest

from xgem.data.sources.folder import Folder
from xgem.data.sources.source import ReportFile
from xgem.errors import InputError
from xgem.phantoms.releases import write_folder
from xgem.study import FRONTAL, LATERAL

HEAD = "study,patient,view,path,report\n"


def test_files_and_reports_are_listed(phantoms, tmp_path):
    table = write_folder(tmp_path, phantoms)
    studies = Folder(table).list_studies().studies
    assert len(studies) == len(phantoms)
    assert [image.view for image in studies[0].images] == [None, None]
    assert [image.view for image in studies[1].images] == [FRONTAL, LATERAL]
    assert studies[0].report.startswith("FINDINGS:")
    assert studies[1].report == ReportFile(file=tmp_path / "1.txt")
    assert studies[0].patient == studies[1].patient == "DOE^JANE 0"


def test_a_study_may_have_a_report_alone(tmp_path):
    (tmp_path / "a.csv").write_text(HEAD + "s,p,,,Clear lungs.\n")
    (study,) = Folder(tmp_path / "a.csv").list_studies().studies
    assert (study.images, study.report) == ((), "Clear lungs.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study,patient,path,report\ns,p,x,\n", "has no column view"),
        (HEAD + ",p,F,x.png,\n", "names no study"),
        (HEAD + "s,p,sideways,x.png,\n", "has the view 'sideways'"),
    ],
    ids=["column", "study", "view"],
)
def test_a_wrong_table_is_refused(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        Folder(tmp_path / "a.csv").list_studies()


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(InputError, match="expected a csv with the columns"):
        Folder(tmp_path).list_studies()
