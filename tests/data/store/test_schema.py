import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgem.data.store.near_duplicates import perceptual_hash
from xgem.data.store.schema import columns, decode_png, encode_png, row_of_study, study_of_row
from xgem.study import FRONTAL, LATERAL, REPORT, Study

NAMES = {modality.name: modality for modality in (FRONTAL, LATERAL, REPORT)}


@pytest.mark.parametrize("bits", [8, 16])
def test_values_of_the_stored_depth_come_back_exactly(bits):
    white = 2**bits - 1
    pixels = (np.arange(256 * 256).reshape(256, 256) % (white + 1)).astype(np.float32) / white
    np.testing.assert_array_equal(decode_png(encode_png(pixels, bits)), pixels.astype(np.float32))


@given(st.integers(0, 2**32 - 1))
def test_other_values_are_rounded_to_the_nearest(seed):
    pixels = np.random.default_rng(seed).random((8, 9), dtype=np.float32)
    for bits in (8, 16):
        error = np.abs(decode_png(encode_png(pixels, bits)) - pixels).max()
        assert error <= 0.5 / (2**bits - 1) + 1e-7


def test_the_schema_carries_the_features_of_datasets():
    from datasets import Features, Image

    features = Features.from_arrow_schema(columns())
    assert features["frontal"] == Image()
    assert features["labels"]["Edema"].dtype == "float32"


def test_a_deep_file_is_stored_deep_and_a_shallow_one_shallow():
    pixels = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    study = Study(id="a", contents={FRONTAL: pixels, LATERAL: pixels})
    row = row_of_study(study, bits={FRONTAL: 12})
    read = study_of_row(row, NAMES)
    assert np.abs(read.contents[FRONTAL] - pixels).max() < 1e-5
    assert 1e-4 < np.abs(read.contents[LATERAL] - pixels).max() < 2e-3


def test_what_is_missing_stays_missing():
    row = row_of_study(Study(id="a", contents={REPORT: "Clear."}, label_values={"Edema": -1.0}))
    assert row.get("frontal") is None
    assert row["labels"]["Edema"] == -1
    assert math.isnan(row["labels"]["Fracture"])
    read = study_of_row(row, NAMES)
    assert read.modalities == (REPORT,)
    assert read.labels(["Edema"]) == {"Edema": -1}


def test_the_truth_of_a_phantom_is_its_labels():
    row = row_of_study(Study(id="a", findings=()))
    assert row["labels"]["No Finding"] == 1
    assert (row["study"], row["patient"], row["split"]) == ("a", "a", "train")


def test_images_have_their_perceptual_hash():
    pixels = np.random.default_rng(0).random((16, 16), dtype=np.float32)
    row = row_of_study(Study(id="a", contents={LATERAL: pixels}))
    assert row["lateral_hash"] == perceptual_hash(pixels)
    assert row.get("frontal_hash") is None
