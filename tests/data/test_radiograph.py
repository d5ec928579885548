import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from xgem.data.radiograph import (
    NEGATIVE,
    InputWarning,
    Preprocessing,
    decode_file,
    preprocessed,
    read_radiograph,
    to_uint8,
    write_png,
)
from xgem.errors import ConfigError, InputError, OutputError
from xgem.study import FRONTAL, LATERAL

MODEL = Preprocessing(size=64)


def test_a_written_png_reads_back_to_the_same_pixels_and_says_synthetic(tmp_path, picture):
    pixels = Preprocessing(size=64).apply(picture)
    path = write_png(tmp_path / "frontal.png", pixels)
    radiograph = read_radiograph(path, FRONTAL, MODEL)
    np.testing.assert_array_equal(radiograph.pixels, to_uint8(pixels) / np.float32(255))
    assert radiograph.synthetic
    assert radiograph.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with Image.open(path) as image:
        assert image.text["Synthetic"].startswith("YES: made by xgem ")
        assert image.mode == "L"


def test_other_pngs_are_not_synthetic(tmp_path, picture):
    Image.fromarray(to_uint8(picture)).save(tmp_path / "a.png")
    assert not read_radiograph(tmp_path / "a.png", FRONTAL, MODEL).synthetic


def test_the_content_decides_not_the_name(tmp_path, picture, dicom, save):
    Image.fromarray(to_uint8(picture)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.dcm")
    from_png = read_radiograph(tmp_path / "a.dcm", FRONTAL, MODEL)
    path = save(dicom(8)).rename(tmp_path / "b.jpg")
    from_dicom = read_radiograph(path, FRONTAL, MODEL)
    np.testing.assert_array_equal(from_png.pixels, from_dicom.pixels)


def test_the_aspect_is_kept_by_centered_black(picture):
    pixels = MODEL.apply(np.ones((64, 32)))
    assert (pixels[:, 16:48] == 1).all()
    assert (pixels[:, :16] == 0).all()
    assert (pixels[:, 48:] == 0).all()


@given(st.integers(8, 90), st.integers(8, 90), st.integers(8, 64))
def test_preprocessing_gives_its_size_and_stays_in_range(rows, columns, size):
    pixels = np.random.default_rng(rows).random((rows, columns), dtype=np.float32)
    result = Preprocessing(size=size).apply(pixels)
    assert result.shape == (size, size)
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1


def test_equal_preprocessing_has_equal_descriptions():
    assert Preprocessing(size=128).describe() == "128 x 128, policy xgem"
    descriptions = {
        Preprocessing(size=size, policy=policy).describe()
        for size in (64, 128)
        for policy in ("xgem", "released")
    }
    assert len(descriptions) == 4


@pytest.mark.parametrize("size", [0, 7, 5000])
def test_an_impossible_size_is_a_config_error(size):
    with pytest.raises(ConfigError, match="need a size from 8 to 4096"):
        Preprocessing(size=size)


def test_a_negative_is_noted_and_warned_of(tmp_path, picture):
    Image.fromarray(to_uint8(1 - picture)).save(tmp_path / "a.png")
    with pytest.warns(InputWarning, match="looks like a negative"):
        radiograph = read_radiograph(tmp_path / "a.png", FRONTAL, MODEL)
    assert len(radiograph.notes) == 1


def test_the_real_file_with_a_false_tag_is_noticed(shared_file):
    with pytest.warns(InputWarning, match="looks like a negative"):
        read_radiograph(shared_file("data/dicom/rsna_tagflipped_FAKE_MONO1.dcm"), FRONTAL, MODEL)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"This is no image.\n" * 20, "holds text, expected a radiograph"),
        (b"%PDF-1.7" + bytes(200), "holds a PDF"),
        (bytes(range(256)) * 4, "holds unknown binary data"),
        (b"", "is empty"),
    ],
)
def test_files_that_are_no_image_are_refused(tmp_path, content, words):
    path = tmp_path / "image.dcm"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_radiograph(path, FRONTAL, MODEL)
    assert "\n" not in str(caught.value)


def test_an_absent_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*; check the path"):
        read_radiograph(tmp_path / "absent.png", FRONTAL, MODEL)
    with pytest.raises(InputError, match="is a folder"):
        read_radiograph(tmp_path, FRONTAL, MODEL)


@pytest.mark.parametrize("kind", ["png", "dcm8", "dcm12"])
def test_one_even_gray_is_refused(kind, tmp_path, dicom, save):
    if kind == "png":
        path = tmp_path / "a.png"
        Image.new("L", (50, 50), 90).save(path)
    else:
        path = save(dicom(int(kind[3:]), pixels=np.full((50, 50), 90)))
    with pytest.raises(InputError, match="one even gray"):
        read_radiograph(path, FRONTAL, MODEL)


def test_a_thumbnail_is_refused(tmp_path):
    Image.effect_noise((40, 5), 80).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="too few for a radiograph"):
        read_radiograph(tmp_path / "a.png", FRONTAL, MODEL)


def test_values_are_rounded_not_cut():
    values = np.array([[-1, 0, 0.5 / 255 + 1e-6, 0.999, 2]], dtype=np.float32)
    np.testing.assert_array_equal(to_uint8(values), [[0, 0, 1, 255, 255]])


def test_a_folder_in_the_way_is_an_output_error(tmp_path, picture):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write_png(tmp_path / "a.png", picture)


@pytest.mark.parametrize("view", [None, FRONTAL])
def test_a_file_tells_its_depth_view_and_annotation(dicom, as_bytes, view):
    header = dicom(12)
    header.ViewPosition, header.BurnedInAnnotation = "PA", "YES"
    decoded = decode_file(as_bytes(header), "x", view, "xgem")
    radiograph = preprocessed(decoded, "x", MODEL)
    assert (radiograph.bits, radiograph.view, radiograph.burned_in) == (12, FRONTAL, "YES")
    assert radiograph.pixels.shape == (64, 64)
    assert not radiograph.looks_negative


def test_a_view_that_the_file_contradicts_is_refused_only_where_it_was_asked_for(dicom, as_bytes):
    data = as_bytes(dicom(8))
    with pytest.raises(InputError, match="was given as lateral"):
        decode_file(data, "x", LATERAL, "xgem")
    assert decode_file(data, "x", None, "xgem").view == FRONTAL


def test_a_negative_is_told_from_other_notes(tmp_path, picture):
    Image.fromarray(to_uint8(1 - picture)).save(tmp_path / "a.png")
    decoded = decode_file((tmp_path / "a.png").read_bytes(), "x", None, "xgem")
    radiograph = preprocessed(decoded, "x", MODEL)
    assert radiograph.looks_negative
    assert radiograph.notes == (NEGATIVE,)


def test_a_dot_that_a_coarse_look_misses_is_still_something_to_see(tmp_path):
    pixels = np.zeros((64, 64), np.uint8)
    pixels[33, 35] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_radiograph(tmp_path / "a.png", FRONTAL, MODEL).pixels.max() == 1
