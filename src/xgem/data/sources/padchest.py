"""PadChest: 16-bit PNG of Hospital San Juan de Alicante with labels of 174 findings.

    PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv  or .csv.gz; one line an image: ImageID,
                                                          ImageDir, StudyID, PatientID, Projection,
                                                          Labels and more
    0/ImageID.png ... 54/ImageID.png                      the extracted zip files, by ImageDir; or
                                                          all in one folder

``Labels`` is a list of English terms: what it names is present, what it leaves out is absent; a
study that is "exclude" or only "unchanged" has no known label. ``Projection`` COSTAL (ribs) and
EXCLUDE are left out. Reports are Spanish and stemmed, and are not taken.

Source: https://bimcv.cipf.es/bimcv-projects/padchest, columns at
https://github.com/auriml/Rx-thorax-automatic-captioning, Bustos et al. 2020, arXiv:1901.07441.
"""

import ast
from pathlib import Path

from xgem.data.labels.chexpert import ABSENT, CHEXPERT, PRESENT, all_unknown
from xgem.data.sources.source import ListedImage, ListedStudy, Listing, SourceFacts
from xgem.data.sources.tables import find_table, read_rows
from xgem.errors import InputError
from xgem.study import FRONTAL, LATERAL

_TABLES = (
    "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv",
    "PADCHEST_chest_x_ray_images_labels_160K.csv",
)
_COLUMNS = ("ImageID", "ImageDir", "StudyID", "PatientID", "Projection", "Labels")
_VIEWS = {
    "PA": FRONTAL, "AP": FRONTAL, "AP_horizontal": FRONTAL, "AP_vertical": FRONTAL, "L": LATERAL,
}  # fmt: skip
_OTHER_VIEWS = ("COSTAL", "EXCLUDE")
_UNSAID = {"exclude", "unchanged", "suboptimal study"}
"""Terms that say nothing of a finding."""

# Terms of the tree of PadChest; children are listed, because a list of labels names only leaves.
_TERMS: dict[str, tuple[str, ...]] = {
    "Enlarged Cardiomediastinum": ("mediastinal enlargement", "superior mediastinal enlargement"),
    "Cardiomegaly": ("cardiomegaly",),
    "Lung Lesion": (
        "nodule", "multiple nodules", "mass", "pulmonary mass", "lung metastasis", "cavitation",
    ),
    "Lung Opacity": (
        "infiltrates", "interstitial pattern", "ground glass pattern", "alveolar pattern",
        "reticular interstitial pattern", "reticulonodular interstitial pattern",
        "miliary opacities", "increased density", "consolidation", "air bronchogram",
        "pulmonary edema", "pneumonia", "atypical pneumonia", "nodule", "multiple nodules", "mass",
        "pulmonary mass", "atelectasis", "lobar atelectasis", "segmental atelectasis",
        "laminar atelectasis", "total atelectasis", "round atelectasis", "atelectasis basal",
    ),
    "Edema": ("pulmonary edema", "kerley lines"),
    "Consolidation": ("consolidation", "air bronchogram"),
    "Pneumonia": ("pneumonia", "atypical pneumonia"),
    "Atelectasis": (
        "atelectasis", "lobar atelectasis", "segmental atelectasis", "laminar atelectasis",
        "total atelectasis", "round atelectasis", "atelectasis basal",
    ),
    "Pneumothorax": ("pneumothorax", "hydropneumothorax"),
    "Pleural Effusion": (
        "pleural effusion", "loculated pleural effusion", "hydropneumothorax",
        "loculated fissural effusion", "empyema", "hemothorax",
    ),
    "Pleural Other": (
        "pleural thickening", "apical pleural thickening", "calcified pleural thickening",
        "pleural plaques", "calcified pleural plaques", "pleural mass", "fissure thickening",
        "minor fissure thickening", "major fissure thickening",
    ),
    "Fracture": (
        "fracture", "clavicle fracture", "humeral fracture", "vertebral fracture", "rib fracture",
        "callus rib fracture", "vertebral compression",
    ),
    "Support Devices": (
        "electrical device", "dual chamber device", "single chamber device", "pacemaker", "dai",
        "artificial heart valve", "artificial mitral heart valve", "artificial aortic heart valve",
        "osteosynthesis material", "aortic endoprosthesis", "catheter", "central venous catheter",
        "central venous catheter via subclavian vein", "central venous catheter via jugular vein",
        "central venous catheter via umbilical vein", "reservoir central venous catheter",
        "nsg tube", "chest drain tube", "ventriculoperitoneal drain tube", "gastrostomy tube",
        "endotracheal tube", "tracheostomy tube", "esophagic stent",
    ),
}  # fmt: skip


class PadChest:
    """The folder that holds the table."""

    facts = SourceFacts(
        name="padchest",
        title="PadChest",
        url="https://bimcv.cipf.es/bimcv-projects/padchest",
        license="PadChest Dataset Research Use Agreement",
    )

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list_studies(self) -> Listing:
        """Group the images by study, in the order of the table."""
        tables = [found for name in _TABLES if (found := find_table(self.folder, name))]
        if not tables:
            raise InputError(f"{self.folder} has no {_TABLES[0]}[.gz]; name the folder of PadChest")
        grouped: dict[str, list[dict[str, str]]] = {}
        for row in read_rows(tables[0], _COLUMNS):
            grouped.setdefault(row["StudyID"], []).append(row)
        return Listing(studies=[self._study(name, rows) for name, rows in grouped.items()])

    def _study(self, name: str, rows: list[dict[str, str]]) -> ListedStudy:
        return ListedStudy(
            id=name,
            patient=rows[0]["PatientID"],
            images=tuple(self._image(row) for row in rows),
            labels=labels_of_terms(rows[0]["Labels"]),
            lines=tuple((row["PatientID"], None) for row in rows),
        )

    def _image(self, row: dict[str, str]) -> ListedImage:
        name, projection = row["ImageID"], row["Projection"]
        nested = self.folder / row["ImageDir"].removesuffix(".0") / name
        return ListedImage(
            file=nested if nested.is_file() else self.folder / name,
            view=_VIEWS.get(projection),
            left_out=f"Projection is {projection}" if projection in _OTHER_VIEWS else "",
        )


def labels_of_terms(said: str) -> dict[str, float]:
    """CheXpert's labels of a cell such as ``['pleural effusion', 'pacemaker']``."""
    try:
        terms = {str(term).strip().lower() for term in ast.literal_eval(said)} if said else set()
    except (ValueError, SyntaxError):
        terms = set()
    labels = all_unknown()
    if not terms - _UNSAID:
        return labels
    for label, named in _TERMS.items():
        labels[label] = PRESENT if terms.intersection(named) else ABSENT
    findings = [label for label in CHEXPERT if label not in ("No Finding", "Support Devices")]
    normal = not any(labels[label] == PRESENT for label in findings)
    labels["No Finding"] = PRESENT if "normal" in terms and normal else ABSENT
    return labels
