import math

import pytest
import torch

from xgem.errors import CheckpointError
from xgem.official.comparison import Computed, Reader, compare

REFERENCE = torch.tensor([1.0, -50.0, 0.0])


def test_errors_are_the_largest_and_relative_to_the_largest_value() -> None:
    found = compare("x", Computed(REFERENCE + torch.tensor([0.0, 0.5, -0.1])), REFERENCE, 1e-5)
    assert found.absolute == pytest.approx(0.5)
    assert found.relative == pytest.approx(0.01)
    assert not found.passed
    assert str(found) == "x 5.0e-01 1.0e-02 OVER"


def test_the_measure_says_which_error_counts() -> None:
    off = REFERENCE + torch.tensor([0.0, 0.5, 0.0])
    assert compare("x", Computed(off, "relative"), REFERENCE, 0.011).passed
    assert not compare("x", Computed(off, "absolute"), REFERENCE, 0.011).passed
    assert compare("x", Computed(REFERENCE), REFERENCE, 0.0).passed


def test_no_more_is_asked_than_fp32_resolves() -> None:
    total = torch.tensor([146.48])
    for units, passed in ((2, True), (5, False)):
        off = total * (1 + units * torch.finfo(torch.float32).eps)
        assert compare("sum", Computed(off), total, 2e-5).passed is passed
    assert not compare("ids", Computed(total + 1.6e-5, "equal"), total, 0.0).passed


@pytest.mark.parametrize(
    "ours",
    [torch.zeros(2), torch.tensor([1.0, torch.nan, 0.0]), torch.tensor([1.0, torch.inf, 0.0])],
    ids=["shape", "nan", "inf"],
)
def test_what_cannot_be_compared_is_infinitely_far_off(ours: torch.Tensor) -> None:
    found = compare("x", Computed(ours), REFERENCE, 1e9)
    assert not found.passed
    assert found.to_json()["absolute"] is None


def test_whole_numbers_must_be_equal() -> None:
    ids = torch.tensor([3, 4])
    assert compare("ids", Computed(ids, "equal"), ids, 0.0).passed
    assert not compare("ids", Computed(ids + 1, "equal"), ids, 0.0).passed


def test_a_reader_knows_inputs_from_outputs() -> None:
    reader = Reader({"x": REFERENCE, "y": REFERENCE})
    assert "x" in reader
    assert math.isclose(float(reader["x"][0]), 1.0)
    assert reader.outputs() == ["y"]


def test_an_input_that_is_absent_is_named_with_its_file() -> None:
    reader = Reader({"x": REFERENCE}, "golden/io.safetensors")
    with pytest.raises(CheckpointError, match=r"golden/io\.safetensors lacks y, .* copy it again"):
        reader["y"]
