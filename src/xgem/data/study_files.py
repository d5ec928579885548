"""The files that a user names become one study."""

import hashlib
import os
from pathlib import Path

from xgem.data.radiograph import Preprocessing, read_radiograph
from xgem.data.report import read_report
from xgem.data.whole_file import read_bytes
from xgem.study import FRONTAL, LATERAL, REPORT, Content, Modality, Study

StrPath = str | os.PathLike[str]


def read_study(
    *,
    frontal: StrPath | None = None,
    lateral: StrPath | None = None,
    report: StrPath | None = None,
    preprocessing: Preprocessing,
) -> Study:
    """Read what is given; the rest is absent from the study.

    The study is synthetic if every radiograph in it says so; a report cannot say it. Its id comes
    from the hashes of its files, never from their names, which may hold a patient's.

    Raises:
        InputError: a file or text cannot be used as what it was given for.
    """
    contents: dict[Modality, Content] = {}
    synthetic = []
    for modality, path in ((FRONTAL, frontal), (LATERAL, lateral)):
        if path is not None:
            radiograph = read_radiograph(path, modality, preprocessing)
            contents[modality] = radiograph.pixels
            synthetic.append(radiograph.synthetic)
    if report is not None:
        contents[REPORT] = read_report(report)
    hashes = input_hashes(frontal=frontal, lateral=lateral, report=report)
    together = hashlib.sha256("".join(hashes.values()).encode()).hexdigest()
    return Study(
        id=f"input-{together[:12]}",
        contents=contents,
        synthetic=bool(synthetic) and all(synthetic),
    )


def input_hashes(
    *,
    frontal: StrPath | None = None,
    lateral: StrPath | None = None,
    report: StrPath | None = None,
) -> dict[str, str]:
    """SHA-256 by modality name: of a radiograph's file, of a report's cleaned text.

    A report has the same hash whether it was given as text or as a file.
    """
    hashes = {
        modality.name: hashlib.sha256(read_bytes(Path(path))).hexdigest()
        for modality, path in ((FRONTAL, frontal), (LATERAL, lateral))
        if path is not None
    }
    if report is not None:
        hashes[REPORT.name] = hashlib.sha256(read_report(report).encode()).hexdigest()
    return hashes
