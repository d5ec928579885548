from itertools import product

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from xgem.data.dicom.pixels import stored_pixels
from xgem.errors import InputError

gdcm = pytest.importorskip("gdcm")

IN_A_CHILD = [JPEGLossless, JPEGLosslessSV1]
"""Each of these starts a process, so a few depths must do."""
LOSSLESS = [
    *product([JPEGLSLossless, JPEG2000Lossless, RLELossless], [8, 12, 16], [False, True]),
    *product(IN_A_CHILD, [8, 16], [False]),
    (JPEGLosslessSV1, 12, True),
]


def compress(header: Dataset, syntax: UID, tmp_path) -> Dataset:
    """Encode with gdcm, which is not the decoder of most of them."""
    plain, encoded = tmp_path / "plain.dcm", tmp_path / "encoded.dcm"
    header.save_as(plain, enforce_file_format=True)
    reader, change, writer = (
        gdcm.ImageReader(),
        gdcm.ImageChangeTransferSyntax(),
        gdcm.ImageWriter(),
    )
    reader.SetFileName(str(plain))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(encoded))
    assert writer.Write()
    result = pydicom.dcmread(encoded)
    assert result.file_meta.TransferSyntaxUID == syntax
    return result


@pytest.mark.parametrize(("syntax", "bits", "signed"), LOSSLESS)
def test_every_lossless_compression_gives_the_uncompressed_values(
    syntax, bits, signed, dicom, tmp_path
):
    plain = dicom(bits, signed=signed)
    expected, _ = stored_pixels(plain, "x")
    found, found_bits = stored_pixels(compress(plain, syntax, tmp_path), "x")
    assert found_bits == bits
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("syntax", "bits"), [(JPEGBaseline8Bit, 8), (JPEGLSNearLossless, 12)], ids=["JPEG", "JPEG-LS"]
)
def test_lossy_compression_stays_close(syntax, bits, dicom, tmp_path):
    plain = dicom(bits)
    expected, _ = stored_pixels(plain, "x")
    found, _ = stored_pixels(compress(plain, syntax, tmp_path), "x")
    difference = found.astype(int) - expected.astype(int)
    assert np.abs(difference).max() <= 0.02 * 2**bits


def test_12_bit_jpeg_extended_is_refused_with_a_way_out(dicom, tmp_path):
    encoded = compress(dicom(12), JPEGExtended12Bit, tmp_path)
    with pytest.raises(InputError, match="run dcmtk's dcmdjpeg on it first"):
        stored_pixels(encoded, "x")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
@pytest.mark.parametrize(
    "syntax",
    [JPEGBaseline8Bit, JPEGLosslessSV1, JPEGLSLossless, RLELossless],
    ids=lambda u: u.keyword,
)
def test_a_compressed_stream_that_ends_early_is_refused(syntax, share, dicom, tmp_path):
    encoded = compress(dicom(8), syntax, tmp_path)
    frame = next(generate_frames(encoded.PixelData, number_of_frames=1))
    encoded.PixelData = encapsulate([frame[: int(len(frame) * share)]])
    with pytest.raises(InputError, match="damaged or of a kind that no decoder here reads"):
        stored_pixels(encoded, "x")


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGLosslessSV1, JPEG2000Lossless])
def test_a_stream_larger_than_its_header_says_never_reaches_a_decoder(syntax, dicom, tmp_path):
    encoded = compress(dicom(8), syntax, tmp_path)
    encoded.Rows -= 16
    with pytest.raises(InputError, match="cannot be decoded"):
        stored_pixels(encoded, "x")


@given(st.integers(2, 16), st.booleans(), st.integers(0, 2**32 - 1))
def test_any_bit_depth_is_read_exactly(bits, signed, seed):
    low = -(2 ** (bits - 1)) if signed else 0
    values = np.random.default_rng(seed).integers(low, low + 2**bits, (9, 11))
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.Rows, header.Columns = values.shape
    header.BitsStored, header.HighBit, header.PixelRepresentation = bits, bits - 1, int(signed)
    header.BitsAllocated = 8 if bits <= 8 else 16
    stored = (values & (2**bits - 1)).astype(f"<u{header.BitsAllocated // 8}").tobytes()
    header.add_new("PixelData", "OW", stored + b"\0" * (len(stored) % 2))
    found, _ = stored_pixels(header, "x")
    np.testing.assert_array_equal(found, values)


def test_multi_frame_is_refused(dicom):
    header = dicom()
    header.NumberOfFrames = 2
    header.PixelData = header.PixelData * 2
    with pytest.raises(InputError, match="2 frames, expected a single image; export one frame"):
        stored_pixels(header, "x")


def rgb(header: Dataset, pixels: np.ndarray) -> Dataset:
    header.SamplesPerPixel, header.PlanarConfiguration = 3, 0
    header.PhotometricInterpretation = "RGB"
    header.add_new("PixelData", "OB", pixels.astype(np.uint8).tobytes())
    return header


def test_gray_stored_as_rgb_is_gray_and_color_is_refused(dicom, picture):
    gray = np.rint(picture * 255)
    found, _ = stored_pixels(rgb(dicom(8), np.stack([gray] * 3, axis=-1)), "x")
    np.testing.assert_array_equal(found, gray)
    with pytest.raises(InputError, match="color image, expected gray"):
        stored_pixels(rgb(dicom(8), np.stack([gray, gray * 0, gray], axis=-1)), "x")


@pytest.mark.parametrize(
    ("keyword", "wrong", "message"),
    [
        ("Rows", 60_000, "claims 80 x 60000|less pixel data"),
        ("Columns", 65_000, "less pixel data|claims"),
        ("BitsAllocated", 32, "expected gray of 2 to 16 bits"),
        ("BitsStored", 17, "expected gray of 2 to 16 bits"),
        ("SamplesPerPixel", 4, "4 samples"),
        ("Rows", 0, "claims"),
        ("PhotometricInterpretation", "PALETTE COLOR", "expected MONOCHROME"),
    ],
)
def test_an_impossible_header_is_refused(keyword, wrong, message, dicom):
    header = dicom()
    setattr(header, keyword, wrong)
    with pytest.raises(InputError, match=message):
        stored_pixels(header, "x")


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated", "BitsStored"])
def test_a_header_without_its_shape_is_refused(keyword, dicom):
    header = dicom()
    delattr(header, keyword)
    with pytest.raises(InputError, match="does not say how its pixels are stored"):
        stored_pixels(header, "x")


def test_a_decompression_bomb_is_refused_before_it_is_decoded(dicom):
    header = dicom()
    header.Rows = header.Columns = 60_000
    with pytest.raises(InputError, match="expected at most 80 million"):
        stored_pixels(header, "x")
