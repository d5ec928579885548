"""Is this DICOM header that of a chest radiograph, and of the view it was given for?

Headers are often incomplete, so what is absent is accepted; what contradicts is refused.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pydicom import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

from xgem.errors import InputError
from xgem.study import FRONTAL, LATERAL, Modality

RADIOGRAPHY = ("CR", "DX", "RG")
"""Modality (0008,0060) of computed, digital and film radiographs."""
_UNSAID = ("", "OT")
"""Modality values that leave it to the SOP class."""
_RADIOGRAPH_CLASSES = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)
_CHEST = re.compile(r"chest|thora|lung|\brib|sternum|\bcxr\b|\bheart\b|pulmon|torax")
_ELSEWHERE = re.compile(
    r"extremit|limb\b|\b(arm|fore ?arm|upper ?arm|humerus|elbow|radius|ulna|wrist|carpus|hand|"
    r"metacarpus|finger|thumb|leg|lower ?leg|upper ?leg|hip|femur|thigh|knee|patella|tibia|fibula|"
    r"ankle|calcaneus|heel|foot|feet|metatarsus|toe)s?\b|radius ?ulna|tib ?fib|"
    r"shoulder|scapula|clavicle|"
    r"skull|\bhead\b|\bface\b|\borbit|\bjaw\b|mandible|maxilla|sinus|\bteeth|tooth|dental|"
    r"\bneck\b|abdomen|abdominal|\bcolon\b|\bbladder\b|\bkidney|"
    r"\bkub\b|pelvi|breast|mammo|[clts]spine|spine|sacrum|coccyx|whole ?body"
)
_LATERAL = re.compile(r"\b(ll|rl|lat|lateral|l lat|r lat|left lateral|right lateral)\b")
_FRONTAL = re.compile(
    r"\b(pa|ap|frontal|postero-?anterior|antero-?posterior|posterior-anterior|anterior-posterior)\b"
)
# A patient lying on the side is imaged from the front: "lateral decubitus" is a frontal view.
_DECUBITUS = re.compile(r"decub|\b(lld|rld)\b")
_VIEWS = {FRONTAL: "a frontal view (PA or AP)", LATERAL: "a lateral view (LL, RL or LATERAL)"}


def check_radiograph(header: Dataset, name: str) -> None:
    """Refuse CT, MR, ultrasound and whatever else is no plain radiograph.

    CR, DX and RG are accepted. OT (other) or no modality at all is accepted where the SOP class
    is that of a radiograph, or is Secondary Capture and the header names the chest.

    Raises:
        InputError: the header says that it is something else.
    """
    modality = value(header, "Modality").upper()
    sop_class = value(header, "SOPClassUID")
    if modality in RADIOGRAPHY:
        return
    if modality in _UNSAID and sop_class in _RADIOGRAPH_CLASSES:
        region = _region(header)
        if sop_class != SecondaryCaptureImageStorage or (region and region.is_chest):
            return
        raise InputError(
            f"{name} is a secondary capture that names neither a modality nor the chest; "
            f"if it is a chest radiograph, give it as PNG"
        )
    found = f"modality {modality!r}" if modality else f"no modality (SOP class {sop_class!r})"
    raise InputError(
        f"{name} has {found}, expected a radiograph ({', '.join(RADIOGRAPHY)}); "
        f"choose the chest radiograph of the study"
    )


def check_chest(header: Dataset, name: str) -> None:
    """Refuse what the header places outside the chest; the first attribute that speaks decides.

    Raises:
        InputError: another body part is named, and the chest is not.
    """
    found = _region(header)
    if found is not None and not found.is_chest:
        raise InputError(
            f"{name} shows no chest: its {found.keyword} is {found.words.upper()!r}; "
            f"choose a chest radiograph"
        )


def check_view(header: Dataset, modality: Modality, name: str) -> None:
    """Refuse a lateral view given as frontal and the reverse.

    Raises:
        InputError: the header names the other view.
    """
    found = view(header)
    if found is not None and modality in _VIEWS and found[0] != modality:
        other, keyword, words = found
        raise InputError(
            f"{name} was given as {modality.name}, but its {keyword} is {words.upper()!r}; "
            f"expected {_VIEWS[modality]}, so give it as {other.name} or choose another file"
        )


def view(header: Dataset) -> tuple[Modality, str, str] | None:
    """The view that the header names, the attribute and its words; None where it names none.

    View Position comes first, then the view code, then the series description where it names
    exactly one of the two.
    """
    candidates = (
        ("View Position", value(header, "ViewPosition")),
        ("View Code", _meaning(header, "ViewCodeSequence")),
        ("Series Description", value(header, "SeriesDescription")),
    )
    for keyword, said in candidates:
        found = view_of_words(said)
        if found is not None:
            return found, keyword, _plain(said)
    return None


def view_of_words(said: str) -> Modality | None:
    """The view that a text names ("PA", "Left lateral"); None where it names both or neither."""
    words = _plain(said)
    lateral = bool(_LATERAL.search(words)) and not _DECUBITUS.search(words)
    frontal = bool(_FRONTAL.search(words))
    if lateral == frontal:
        return None
    return LATERAL if lateral else FRONTAL


def orientation_note(header: Dataset, modality: Modality) -> str | None:
    """A remark where Patient Orientation says that a frontal view is mirrored or turned.

    Viewers do not act on this attribute and archives often have it wrong, so the pixels stay.
    """
    said = value(header, "PatientOrientation").upper()
    if modality != FRONTAL or not said or "\\" not in said:
        return None
    along_row, along_column = said.split("\\")[:2]
    if not along_row.startswith("R") and not along_column.startswith("H"):
        return None
    return "Patient Orientation says the view is mirrored or turned; the pixels are used as stored"


def value(header: Dataset, keyword: str) -> str:
    """One attribute as text, "" where it is absent or broken; parts joined by a backslash."""
    try:
        found = header.get(keyword)
    except Exception:  # a malformed value must not hide the rest of the header
        return ""
    if found is None:
        return ""
    if isinstance(found, str):
        return found.strip()
    try:
        return "\\".join(str(part).strip() for part in found)
    except TypeError:
        return str(found).strip()


class _Region(NamedTuple):
    keyword: str
    words: str
    is_chest: bool


def _region(header: Dataset) -> _Region | None:
    for keyword, words in _region_words(header):
        if _CHEST.search(words):
            return _Region(keyword, words, True)
        if _ELSEWHERE.search(words):
            return _Region(keyword, words, False)
    return None


def _region_words(header: Dataset) -> Iterator[tuple[str, str]]:
    yield "Body Part Examined", _plain(value(header, "BodyPartExamined"))
    yield "Anatomic Region", _plain(_meaning(header, "AnatomicRegionSequence"))
    for label, keyword in (
        ("Series Description", "SeriesDescription"),
        ("Protocol Name", "ProtocolName"),
        ("Acquisition Device Processing Description", "AcquisitionDeviceProcessingDescription"),
        ("Performed Procedure Step Description", "PerformedProcedureStepDescription"),
        ("Study Description", "StudyDescription"),
    ):
        yield label, _plain(value(header, keyword))


def _meaning(header: Dataset, keyword: str) -> str:
    sequence = header.get(keyword)
    if not sequence or not isinstance(sequence[0], Dataset):
        return ""
    return value(sequence[0], "CodeMeaning")


def _plain(text: str) -> str:
    """Lower case, with every separator but the hyphen a space."""
    return re.sub(r"[^a-z0-9-]+", " ", text.lower()).strip()
