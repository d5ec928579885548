import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgem.data.grayscale import LookupTable, Window, WindowFunction, stored_values, stretched


def row(*values: float) -> np.ndarray:
    return np.array([values], dtype=np.float32)


def test_the_window_128_256_shows_8_bits_exactly_as_they_are():
    values = np.arange(256, dtype=np.float32)[None]
    shown = Window(center=128.0, width=256.0)(values)
    np.testing.assert_array_equal(shown, values / np.float32(255))


def test_linear_follows_the_pseudo_code_of_the_standard():
    # PS3.3 C.11.2.1.2.1, first example: center 2048, width 4096 maps 0 to black, 4095 to white.
    shown = Window(center=2048.0, width=4096.0)(row(0, 4095, -5, 5000, 2047.5))
    np.testing.assert_allclose(shown, row(0, 1, 0, 1, 0.5), atol=1e-6)


def test_linear_exact_spans_center_plus_and_minus_half_the_width():
    window = Window(center=100.0, width=50.0, function=WindowFunction.LINEAR_EXACT)
    np.testing.assert_allclose(window(row(75, 125, 100, 0)), row(0, 1, 0.5, 0), atol=1e-6)


def test_sigmoid_is_half_at_the_center_and_never_overflows():
    window = Window(center=100.0, width=50.0, function=WindowFunction.SIGMOID)
    shown = window(row(100, 150, -1e9, 1e9))
    np.testing.assert_allclose(shown, row(0.5, 1 / (1 + np.exp(-4)), 0, 1), atol=1e-6)


@given(st.floats(-5000, 5000), st.floats(1.5, 9000), st.sampled_from(list(WindowFunction)))
def test_every_window_is_monotonic_and_stays_in_range(center, width, function):
    shown = Window(center=center, width=width, function=function)(
        np.linspace(-6000, 6000, 301, dtype=np.float32)[None]
    )
    assert shown.min() >= 0
    assert shown.max() <= 1
    assert (np.diff(shown) >= 0).all()


@pytest.mark.parametrize(
    ("width", "function", "valid"),
    [(1, "LINEAR", False), (1.5, "LINEAR", True), (0, "SIGMOID", False), (0.5, "SIGMOID", True)],
)
def test_widths_that_the_standard_forbids_are_invalid(width, function, valid):
    window = Window(center=0.0, width=float(width), function=WindowFunction(function))
    assert window.is_valid is valid


def test_a_lookup_table_holds_its_ends():
    table = LookupTable(first=-2, entries=np.array([5, 6, 9]), bits=4)
    np.testing.assert_array_equal(table(row(-9, -2, -1, 0, 7)), row(5, 5, 6, 9, 9))
    assert table.white == 15


@given(st.integers(2, 16), st.integers(0, 4), st.booleans(), st.integers(0, 2**16 - 1))
def test_stored_bits_are_found_below_foreign_ones(stored, gap, signed, noise):
    high = min(stored - 1 + gap, 15)
    low = high + 1 - stored
    values = np.array([[0, 1, 2 ** (stored - 1) - 1, 2 ** (stored - 1), 2**stored - 1]])
    foreign = noise & ~(((1 << stored) - 1) << low) & 0xFFFF
    raw = ((values << low) | foreign).astype(np.uint16)
    found = stored_values(raw, stored=stored, high=high, signed=signed)
    expected = np.where(values >= 2 ** (stored - 1), values - 2**stored, values)
    np.testing.assert_array_equal(found, expected if signed else values)


@pytest.mark.parametrize("signed", [False, True])
def test_values_that_need_no_change_are_not_copied(signed):
    raw = np.array([[0, 1, 2**15 - 1]], np.int16 if signed else np.uint16)
    found = stored_values(raw, stored=16, high=15, signed=signed)
    assert np.shares_memory(found, raw)


@pytest.mark.parametrize("kind", ["window", "stretched"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_stored_integers_are_shown_like_the_same_numbers_and_stay_as_they_are(dtype, kind):
    values = np.arange(120).reshape(10, 12).astype(dtype)
    show = Window(center=60.0, width=80.0) if kind == "window" else stretched
    shown = show(values)
    np.testing.assert_array_equal(shown, show(np.arange(120.0).reshape(10, 12)))
    np.testing.assert_array_equal(values, np.arange(120).reshape(10, 12))
    assert shown.dtype == np.float32


def test_stretching_ignores_one_hot_pixel_and_what_is_not_kept():
    values = np.linspace(100, 200, 10_000, dtype=np.float32).reshape(100, 100)
    values[0, 0], values[0, 1] = 60_000, -60_000
    shown = stretched(values)
    assert 0.49 < shown[50, 0] < 0.52
    keep = values < 150
    assert stretched(values, keep)[keep].max() == 1


def test_stretching_one_value_gives_black():
    assert (stretched(np.full((4, 4), 7, dtype=np.float32)) == 0).all()
