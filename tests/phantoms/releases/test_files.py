import gzip
import io

import numpy as np
import pydicom
import pytest
from PIL import Image

from xgem.phantoms.releases.files import (
    dicom_bytes,
    jpeg_bytes,
    label_cell,
    png_bytes,
    write_file,
    write_table,
)
from xgem.study import FRONTAL, LATERAL

PIXELS = np.linspace(0, 1, 96, dtype=np.float32).reshape(8, 12)


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("negative", [False, True])
def test_dicom_holds_the_pixels_at_its_depth(bits, negative):
    header = pydicom.dcmread(io.BytesIO(dicom_bytes(PIXELS, LATERAL, bits=bits, negative=negative)))
    stored = header.pixel_array.astype(float)
    white = 2**bits - 1
    shown = white - stored if negative else stored
    assert np.abs(shown / white - PIXELS).max() <= 0.5 / white + 1e-7
    assert (header.ViewPosition, header.BitsStored) == ("LL", bits)
    assert header.PhotometricInterpretation == ("MONOCHROME1" if negative else "MONOCHROME2")


def test_more_of_the_header_may_be_said():
    data = dicom_bytes(PIXELS, FRONTAL, patient="DOE", attributes={"BurnedInAnnotation": "NO"})
    header = pydicom.dcmread(io.BytesIO(data))
    assert (header.PatientID, header.BurnedInAnnotation) == ("DOE", "NO")


def test_png_is_of_8_bits_or_of_12_in_16():
    for bits, white, mode in ((8, 255, "L"), (16, 4095, "I;16")):
        with Image.open(io.BytesIO(png_bytes(PIXELS, bits))) as image:
            assert image.mode == mode
            assert np.asarray(image).max() == white


def test_jpeg_is_gray():
    with Image.open(io.BytesIO(jpeg_bytes(PIXELS))) as image:
        assert (image.mode, image.size) == ("L", (12, 8))


def test_tables_are_plain_or_packed(tmp_path):
    write_table(tmp_path / "deep" / "a.csv", ("x", "y"), [(1, "a,b")])
    write_table(tmp_path / "a.csv.gz", ("x", "y"), [(1, "a,b")])
    text = (tmp_path / "deep" / "a.csv").read_bytes()
    assert text == b'x,y\r\n1,"a,b"\r\n' == gzip.decompress((tmp_path / "a.csv.gz").read_bytes())
    write_file(tmp_path / "other" / "b", b"c")
    assert (tmp_path / "other" / "b").read_bytes() == b"c"


def test_labels_are_written_as_publishers_do():
    assert [label_cell(v) for v in (1.0, 0.0, -1.0, float("nan"))] == ["1.0", "0.0", "-1.0", ""]
