import io

import numpy as np
import pytest
from PIL import Image

from xgem.data.grayscale import stretched
from xgem.data.image_in import decode_image, is_image
from xgem.errors import InputError


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def gray(picture) -> np.ndarray:
    return np.rint(picture * 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_8_bit_gray_is_exact(kind, gray):
    data = encoded(Image.fromarray(gray), kind)
    assert is_image(data)
    np.testing.assert_array_equal(decode_image(data, "x").pixels, gray / np.float32(255))


def test_jpeg_stays_close(gray):
    decoded = decode_image(encoded(Image.fromarray(gray), "JPEG", quality=95), "x")
    np.testing.assert_allclose(decoded.pixels, gray / 255, atol=0.03)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("bits", [12, 16])
def test_16_bit_files_span_their_values(bits, kind, picture):
    values = np.rint(picture * (2**bits - 1)).astype(np.uint16)
    decoded = decode_image(encoded(Image.fromarray(values), kind), "x")
    expected = stretched(picture.astype(np.float32))
    np.testing.assert_allclose(decoded.pixels, expected, atol=0.001)


def test_tiff_with_white_at_zero_is_inverted(picture, gray):
    deep = np.rint((1 - picture) * 65535).astype(np.uint16)
    data = encoded(Image.fromarray(deep), "TIFF", tiffinfo={262: 0})
    expected = stretched(picture.astype(np.float32))
    np.testing.assert_allclose(decode_image(data, "x").pixels, expected, atol=0.001)
    # Pillow writes 8-bit values inverted for this tag, so the picture itself must come back.
    data = encoded(Image.fromarray(gray), "TIFF", tiffinfo={262: 0})
    np.testing.assert_array_equal(decode_image(data, "x").pixels, gray / np.float32(255))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_gray_in_other_clothes_is_gray(mode, gray):
    data = encoded(Image.fromarray(gray).convert(mode))
    np.testing.assert_allclose(decode_image(data, "x").pixels, gray / 255, atol=1e-6)


def test_transparent_is_black(gray):
    image = Image.fromarray(gray).convert("LA")
    image.putalpha(Image.fromarray(np.where(gray > 100, 255, 0).astype(np.uint8)))
    np.testing.assert_allclose(
        decode_image(encoded(image), "x").pixels, np.where(gray > 100, gray, 0) / 255, atol=1e-6
    )


def test_a_colored_picture_is_refused_and_a_slight_cast_is_not(gray):
    cast = np.stack([gray, gray, np.clip(gray, 0, 247) + 5], axis=-1).astype(np.uint8)
    decode_image(encoded(Image.fromarray(cast)), "x")
    colored = np.stack([gray, gray // 2, gray // 3], axis=-1)
    with pytest.raises(InputError, match="color image, expected gray"):
        decode_image(encoded(Image.fromarray(colored)), "x")


def test_the_orientation_of_a_camera_is_heeded(gray):
    exif = Image.Exif()
    exif[274] = 6  # stored turned by 90 degrees
    data = encoded(Image.fromarray(np.rot90(gray)), "PNG", exif=exif)
    np.testing.assert_array_equal(decode_image(data, "x").pixels, gray / np.float32(255))


def test_several_pages_are_refused(gray):
    page = Image.fromarray(gray)
    with pytest.raises(InputError, match="3 pages, expected one image"):
        decode_image(encoded(page, "TIFF", save_all=True, append_images=[page, page]), "x")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_truncated_files_are_refused(kind, gray):
    data = encoded(Image.fromarray(gray), kind)
    with pytest.raises(InputError, match=r"cannot be decoded.*; copy or export the file again"):
        decode_image(data[: len(data) // 2], "x")


@pytest.mark.parametrize("side", [9_500, 14_000])
def test_a_decompression_bomb_is_refused(side):
    data = encoded(Image.new("1", (side, side)))
    assert len(data) < 100_000
    with pytest.raises(InputError, match=r"million.*; export it smaller"):
        decode_image(data, "x")


@pytest.mark.parametrize("mode", ["CMYK", "1", "F"])
def test_other_pixel_types_are_refused(mode, gray):
    with pytest.raises(InputError, match=f"pixels of type {mode}"):
        decode_image(encoded(Image.fromarray(gray).convert(mode), "TIFF"), "x")


def test_other_formats_are_not_images_here(gray):
    assert not is_image(encoded(Image.fromarray(gray), "BMP"))
    with pytest.raises(InputError, match="cannot be decoded"):
        decode_image(encoded(Image.fromarray(gray), "GIF"), "x")


def test_the_released_policy_takes_16_bit_values_as_they_are(picture):
    values = np.rint(picture * 4095).astype(np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    decoded = decode_image(buffer.getvalue(), "x", "released")
    np.testing.assert_allclose(decoded.pixels, values / 65535, atol=1e-6)
    assert decoded.bits == 16
