"""CheXpert Plus: radiographs of Stanford with reports in sections.

    df_chexpert_plus_240401.csv            one line an image: path_to_image, frontal_lateral,
                                           deid_patient_id, section_findings, section_impression,
                                           split and more
    chexbert_labels/impression_fixed.json  optional; one JSON object a line: path_to_image and
                                           fourteen labels 1, 0, -1 or null
    PNG/train/patient00001/study1/view1_frontal.png ...  or DICOM/... or the original JPEG

Labels of the impression are taken, because it speaks of the present images alone. Images are
looked for under the folder itself and its PNG, PNG/PNG and DICOM.

Source: https://aimi.stanford.edu/datasets/chexpert-plus, https://github.com/Stanford-AIMI/chexpert-plus,
Chambon et al. 2024, arXiv:2405.19538.
"""

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from xgem.data.dicom.chest_header import view_of_words
from xgem.data.labels.chexpert import CHEXPERT, read_label
from xgem.data.report_sections import given_sections
from xgem.data.sources.source import ListedImage, ListedStudy, Listing, SourceFacts
from xgem.data.sources.tables import find_table, need_table, read_rows
from xgem.errors import InputError

_TABLE = "df_chexpert_plus_240401.csv"
_COLUMNS = (
    "path_to_image", "path_to_dcm", "frontal_lateral", "ap_pa", "deid_patient_id",
    "section_findings", "section_impression", "split",
)  # fmt: skip
_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
_PLACES = ("PNG", "PNG/PNG", "DICOM", "DICOM/DICOM", ".")


class ChexpertPlus:
    """The folder that holds the table."""

    facts = SourceFacts(
        name="chexpert-plus",
        title="CheXpert Plus",
        url="https://aimi.stanford.edu/datasets/chexpert-plus",
        license="Stanford University Dataset Research Use Agreement",
    )

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list_studies(self) -> Listing:
        """Group the images by their study's folder, in the order of the table."""
        rows: dict[str, list[dict[str, str]]] = {}
        for row in read_rows(need_table(self.folder, _TABLE), _COLUMNS):
            rows.setdefault(str(PurePosixPath(row["path_to_image"]).parent), []).append(row)
        labels = dict(self._labels())
        here = [place for place in _PLACES if (self.folder / place).is_dir()]
        studies = [self._study(name, images, labels, here) for name, images in rows.items()]
        return Listing(studies=studies)

    def _study(
        self,
        name: str,
        rows: list[dict[str, str]],
        labels: dict[str, dict[str, float]],
        places: list[str],
    ) -> ListedStudy:
        first = rows[0]
        return ListedStudy(
            id=name,
            patient=first["deid_patient_id"],
            images=tuple(
                ListedImage(
                    file=self._file(row, places), view=view_of_words(row["frontal_lateral"])
                )
                for row in rows
            ),
            report=given_sections(
                {"findings": first["section_findings"], "impression": first["section_impression"]}
            ),
            labels=next((labels[path] for path in map(_path, rows) if path in labels), None),
            split=_SPLITS.get(first["split"]),
            lines=tuple((row["deid_patient_id"], _SPLITS.get(row["split"])) for row in rows),
        )

    def _file(self, row: dict[str, str], places: list[str]) -> Path:
        listed = PurePosixPath(row["path_to_image"])
        names = [listed.with_suffix(".png"), PurePosixPath(row["path_to_dcm"] or listed), listed]
        candidates = [self.folder / place / name for place in places for name in names]
        return next((file for file in candidates if file.is_file()), self.folder / "PNG" / names[0])

    def _labels(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Labels by the path of the image that they were published for."""
        name = "impression_fixed.json"
        path = find_table(self.folder / "chexbert_labels", name) or find_table(self.folder, name)
        if path is None:
            return
        try:
            with path.open(encoding="utf-8") as lines:
                for line in lines:
                    row = json.loads(line)
                    known = {
                        label: read_label(str(row.get(label, "")), str(path)) for label in CHEXPERT
                    }
                    yield row["path_to_image"], known
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"cannot read labels from {path} ({error}); download it again"
            ) from error


def _path(row: dict[str, str]) -> str:
    return row["path_to_image"]
