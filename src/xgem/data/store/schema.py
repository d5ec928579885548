"""The columns of a store, and a study as a row of them.

The schema is that of Hugging Face ``datasets``, embedded in every Parquet file, so that
``datasets.load_dataset`` decodes radiographs by itself. Radiographs are gray PNG, of 16 bits where
the file that they came from was deeper than 8; null is a missing modality, NaN an unknown label.

Source: https://huggingface.co/docs/datasets/about_dataset_features
"""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any
from zlib import Z_DEFAULT_STRATEGY, Z_RLE

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Float32
from PIL import Image

from xgem.data.labels.chexpert import CHEXPERT, complete, labels_of_findings
from xgem.data.store.near_duplicates import perceptual_hash
from xgem.study import FRONTAL, LATERAL, REPORT, Content, Finding, Modality, Study

Row = dict[str, Any]
"""One row, as pyarrow takes it and gives it."""
IMAGES = (FRONTAL, LATERAL)
LABELS = CHEXPERT


@cache
def columns() -> pa.Schema:
    """The Arrow schema with the features of ``datasets`` in its metadata."""
    from datasets import Features, Value
    from datasets import Image as ImageFeature

    text = Value("string")
    features = Features(
        {
            "id": text,
            "study": text,
            "patient": text,
            "split": text,
            **{modality.name: ImageFeature() for modality in IMAGES},
            REPORT.name: text,
            "labels": {label: Value("float32") for label in LABELS},
            "findings": text,
            "synthetic": Value("bool"),
            **{f"{modality.name}_hash": text for modality in IMAGES},
        }
    )
    return features.arrow_schema


def row_of_study(
    study: Study,
    *,
    split: str = "train",
    source_study: str | None = None,
    patient: str | None = None,
    bits: Mapping[Modality, int] | None = None,
) -> Row:
    """Make a row.

    Args:
        study: its id is the row's.
        split: "train", "validation" or "test".
        source_study: what rows of one study share; the id where None.
        patient: what rows of one patient share; the id where None.
        bits: depth of the file that each radiograph came from; 8 where it is not said.
    """
    findings = study.findings
    labels = study.label_values if findings is None else labels_of_findings(findings)
    row: Row = {
        "id": study.id,
        "study": source_study or study.id,
        "patient": patient or study.id,
        "split": split,
        REPORT.name: study.contents.get(REPORT),
        "labels": complete(labels),
        "findings": None if findings is None else json.dumps([asdict(f) for f in findings]),
        "synthetic": study.synthetic,
    }
    for modality in IMAGES:
        content = study.contents.get(modality)
        if content is not None and not isinstance(content, str):
            depth = 16 if (bits or {}).get(modality, 8) > 8 else 8
            row[modality.name] = {"bytes": encode_png(content, depth), "path": None}
            row[f"{modality.name}_hash"] = perceptual_hash(content)
    return row


def study_of_row(row: Row, modalities: Mapping[str, Modality]) -> Study:
    """Read a row back; a column that is not among ``modalities`` is left alone."""
    findings = row["findings"]
    return Study(
        id=row["id"],
        contents={
            modality: _content(row[name])
            for name, modality in modalities.items()
            if row.get(name) is not None
        },
        findings=None
        if findings is None
        else tuple(Finding(**finding) for finding in json.loads(findings)),
        synthetic=row["synthetic"],
        label_values=row["labels"] or {},
    )


def encode_png(pixels: Float[np.ndarray, "rows columns"], bits: int) -> bytes:
    """Gray of 8 or 16 bits, rounded to the nearest of their values."""
    white = 2**bits - 1
    values = np.rint(np.clip(pixels, 0, 1) * white).astype(np.uint8 if bits == 8 else np.uint16)
    buffer = io.BytesIO()
    # Of 8 bits, runs of equal differences are all there is to find; 16 bits hold more.
    strategy = Z_RLE if bits == 8 else Z_DEFAULT_STRATEGY
    Image.fromarray(values).save(buffer, "PNG", compress_level=1, compress_type=strategy)
    return buffer.getvalue()


def decode_png(stored: bytes) -> Float32[np.ndarray, "rows columns"]:
    """Values in [0, 1] of a PNG of 8 or 16 bits."""
    with Image.open(io.BytesIO(stored)) as image:
        white = 65535 if image.mode.startswith("I") else 255
        return np.asarray(image).astype(np.float32) / np.float32(white)


def _content(stored: Any) -> Content:
    if isinstance(stored, str):
        return stored
    return decode_png(stored["bytes"])
