import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xgem.data.resampling import area_weights, pad_to_square, resize, resize_on_square

RNG = np.random.default_rng(0)


def test_the_same_size_returns_the_same_values():
    pixels = RNG.random((7, 9), dtype=np.float32)
    np.testing.assert_array_equal(resize(pixels, 7, 9), pixels)


def test_shrinking_by_a_whole_factor_is_the_mean_of_blocks():
    pixels = RNG.random((12, 8), dtype=np.float32)
    blocks = pixels.reshape(4, 3, 4, 2).mean((1, 3))
    np.testing.assert_allclose(resize(pixels, 4, 4), blocks, atol=1e-6)


@given(st.integers(1, 60), st.integers(1, 60))
def test_area_weights_use_every_pixel_equally(before, after):
    before, after = max(before, after), min(before, after)
    weights = area_weights(before, after)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(weights.sum(0), after / before, atol=1e-5)


@given(st.integers(8, 50), st.integers(8, 50), st.integers(8, 50))
def test_no_resampling_leaves_the_range(rows, columns, side):
    pixels = np.random.default_rng(rows).random((rows, columns), dtype=np.float32)
    result = resize(pixels, side, side)
    assert result.shape == (side, side)
    assert result.dtype == np.float32
    assert pixels.min() - 1e-6 <= result.min() <= result.max() <= pixels.max() + 1e-6


def test_enlarging_keeps_the_center_of_mass():
    pixels = np.zeros((16, 16), dtype=np.float32)
    pixels[4, 11] = 1
    big = resize(pixels, 64, 64)
    y, x = (big.sum(axis) @ (np.arange(64) + 0.5) / big.sum() for axis in (1, 0))
    np.testing.assert_allclose((y, x), (4 * 4.5, 4 * 11.5), atol=0.1)


def test_padding_is_centered_and_black():
    padded = pad_to_square(np.ones((4, 7), dtype=np.float32))
    np.testing.assert_array_equal(padded.mean(1), [0, 1, 1, 1, 1, 0, 0])


@given(st.integers(8, 90), st.integers(8, 90), st.integers(8, 64))
def test_on_a_square_is_padded_then_resized(rows, columns, size):
    pixels = np.random.default_rng(rows).random((rows, columns), dtype=np.float32)
    expected = resize(pad_to_square(pixels), size, size)
    np.testing.assert_allclose(resize_on_square(pixels, size), expected, atol=1e-6)
