"""cxr-open: openly licensed radiographs with clinical text, listed in one ``manifest.jsonl``.

Images come from two public collections, https://github.com/ieee8023/covid-chestxray-dataset
(metadata.csv documents its columns there; text is CC BY-NC-SA 4.0) and
https://github.com/ml-workgroup/covid-19-image-repository (CC BY 3.0). One line an image:
``study_id``, ``patient_key``, ``split``, ``view`` (PA, AP, F frontal of unknown projection, L),
``file``, ``text`` (clinical notes) and ``findings`` (the part of the notes that describes the
image, where it is marked). Where images of a study have different notes, because they were taken
one after another or show different views, each row has the notes of its own images.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xgem.data.report import single_spaced
from xgem.data.report_sections import ReportSections, given_sections
from xgem.data.sources.source import ListedImage, ListedStudy, Listing, SourceFacts
from xgem.errors import InputError
from xgem.study import FRONTAL, LATERAL

_VIEWS = {"PA": FRONTAL, "AP": FRONTAL, "F": FRONTAL, "L": LATERAL}
_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_NEEDED = ("study_id", "patient_key", "split", "view", "file", "text", "findings")


class CxrOpen:
    """The folder that holds ``manifest.jsonl``."""

    facts = SourceFacts(
        name="cxr-open",
        title="cxr-open (COVID-19 Image Data Collection, Hannover COVID-19 Image Repository)",
        url="https://github.com/ieee8023/covid-chestxray-dataset",
        license="per image (CC BY 3.0, CC BY 4.0, CC BY-SA, CC BY-NC-SA 4.0); text CC BY-NC-SA 4.0",
        reader_version=2,
    )

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list_studies(self) -> Listing:
        """Group the lines of the manifest by study, in its order."""
        grouped: dict[str, list[Mapping[str, Any]]] = {}
        for row in self._rows():
            grouped.setdefault(row["study_id"], []).append(row)
        return Listing(studies=[self._study(rows) for rows in grouped.values()])

    def _rows(self) -> list[Mapping[str, Any]]:
        path = self.folder / "manifest.jsonl"
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            rows = [json.loads(line) for line in lines if line.strip()]
        except (OSError, ValueError) as error:
            raise InputError(
                f"cannot read {path} ({error}); name the folder of cxr-open"
            ) from error
        for row in rows:
            said = row if isinstance(row, dict) else {}
            if missing := [name for name in _NEEDED if not isinstance(said.get(name), str)]:
                raise InputError(f"a line of {path} has no {', '.join(missing)}; copy it again")
        return rows

    def _study(self, rows: list[Mapping[str, Any]]) -> ListedStudy:
        notes = [_note(row) for row in rows]
        apart = len({note for note in notes if note is not None}) > 1
        return ListedStudy(
            id=rows[0]["study_id"],
            patient=rows[0]["patient_key"],
            images=tuple(
                ListedImage(
                    file=self.folder / row["file"],
                    view=_VIEWS.get(row["view"]),
                    note=note if apart else None,
                )
                for row, note in zip(rows, notes, strict=True)
            ),
            report=None if apart else next(filter(None, notes), None),
            split=_SPLITS.get(rows[0]["split"]),
            lines=tuple((row["patient_key"], _SPLITS.get(row["split"])) for row in rows),
        )


def _note(row: Mapping[str, Any]) -> ReportSections | None:
    """What describes the image, else the whole note; None where there is no text at all."""
    if row["findings"]:
        return given_sections({"findings": row["findings"]})
    return ReportSections(unheaded=single_spaced(row["text"])) if row["text"] else None
