"""Your own files, named in one csv: ``study, patient, view, path, report``.

One line an image, or a line without ``path`` for a study that has only a report. ``view`` is
anything that names one ("F", "PA", "frontal", "L", "lateral"); left empty, a DICOM header decides.
``path`` and a ``report`` that ends in ``.txt`` are relative to the csv; any other ``report`` is the
text itself. A report need stand on one line of its study only.
"""

from pathlib import Path

from xgem.data.dicom.chest_header import view_of_words
from xgem.data.sources.source import ListedImage, ListedStudy, Listing, ReportFile, SourceFacts
from xgem.data.sources.tables import read_rows
from xgem.errors import InputError
from xgem.study import FRONTAL, LATERAL, Modality

_COLUMNS = ("study", "patient", "view", "path", "report")
_LETTERS = {"f": FRONTAL, "l": LATERAL}


class Folder:
    """The csv."""

    facts = SourceFacts(
        name="folder",
        title="own files",
        url="(the columns are those of xgem's documentation)",
        license="the user's",
        reader_version=2,
    )

    def __init__(self, table: Path) -> None:
        self.table = table

    def list_studies(self) -> Listing:
        """Group the lines by study, in their order."""
        if self.table.is_dir():
            raise InputError(
                f"{self.table} is a folder, expected a csv with the columns "
                f"{', '.join(_COLUMNS)}; write one and name it"
            )
        grouped: dict[str, list[dict[str, str]]] = {}
        for row in read_rows(self.table, _COLUMNS):
            if not row["study"]:
                raise InputError(
                    f"a line of {self.table} names no study; each needs a study and a patient"
                )
            grouped.setdefault(row["study"], []).append(row)
        return Listing(studies=[self._study(name, rows) for name, rows in grouped.items()])

    def _study(self, name: str, rows: list[dict[str, str]]) -> ListedStudy:
        return ListedStudy(
            id=name,
            patient=rows[0]["patient"],
            images=tuple(
                ListedImage(file=self.table.parent / row["path"], view=self._view(row["view"]))
                for row in rows
                if row["path"]
            ),
            report=self._report(next((row["report"] for row in rows if row["report"]), "")),
            lines=tuple((row["patient"], None) for row in rows),
        )

    def _view(self, said: str) -> Modality | None:
        if not said:
            return None
        found = _LETTERS.get(said.lower()) or view_of_words(said)
        if found is None:
            raise InputError(
                f"{self.table} has the view {said!r}, expected F, L, PA, AP, frontal, lateral or "
                f"nothing; correct it"
            )
        return found

    def _report(self, said: str) -> ReportFile | str | None:
        if said.lower().endswith(".txt") and "\n" not in said:
            return ReportFile(file=self.table.parent / said)
        return said or None
