import io

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from xgem.data.dicom.reading import decode_dicom, is_dicom, read_dicom
from xgem.errors import InputError
from xgem.study import FRONTAL, LATERAL


@pytest.fixture
def shown(as_bytes):
    """The pixels of a header through our reader."""

    def read(header: Dataset, policy="xgem") -> np.ndarray:
        return decode_dicom(as_bytes(header), "x", policy, FRONTAL).pixels

    return read


def stored(header: Dataset) -> np.ndarray:
    return pydicom.pixels.utils.pixel_array(header).astype(np.float64)


def close(found, expected, tolerance=1e-5):
    np.testing.assert_allclose(found, expected, atol=tolerance)


def test_an_8_bit_image_without_window_is_shown_as_it_is(dicom, shown):
    header = dicom(8)
    np.testing.assert_array_equal(shown(header), stored(header).astype(np.float32) / 255)


def test_a_deeper_image_without_window_spans_its_percentiles(dicom, shown):
    header = dicom(12)
    values = stored(header)
    low, high = np.percentile(values, (0.5, 99.5))
    close(shown(header), np.clip((values - low) / (high - low), 0, 1))


def test_the_first_window_is_applied(dicom, shown):
    header = dicom(12)
    header.WindowCenter, header.WindowWidth = [1000, 2000], [801, 100]
    close(shown(header), np.clip((stored(header) - 599.5) / 800, 0, 1))


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
def test_the_window_function_is_heeded(function, dicom, shown):
    header = dicom(12)
    header.WindowCenter, header.WindowWidth, header.VOILUTFunction = 1000, 800, function
    values = stored(header)
    linear = np.clip((values - 600) / 800, 0, 1)
    sigmoid = 1 / (1 + np.exp(-4 * (values - 1000) / 800))
    close(shown(header), linear if function == "LINEAR_EXACT" else sigmoid)


def test_rescale_comes_before_the_window(dicom, shown):
    header = dicom(12, signed=True)
    header.RescaleSlope, header.RescaleIntercept = "0.5", "100"
    header.WindowCenter, header.WindowWidth = 100, 1001
    close(shown(header), np.clip((stored(header) * 0.5 + 100 - 99.5 + 500) / 1000, 0, 1))


def lut(entries: np.ndarray, first: int, bits: int) -> list[Dataset]:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 2**16, first, bits])
    item.add_new("LUTData", "US", [int(entry) for entry in entries])
    return [item]


def test_a_voi_lut_wins_over_a_window(dicom, shown):
    header = dicom(12)
    curve = np.rint(np.sqrt(np.linspace(0, 1, 4096)) * 1023).astype(int)
    header.VOILUTSequence = lut(curve, 0, 10)
    header.WindowCenter, header.WindowWidth = 1, 2
    close(shown(header), curve[stored(header).astype(int)] / 1023)


def test_a_modality_lut_comes_first(dicom, shown):
    header = dicom(8)
    table = np.arange(256)[::-1] * 10
    header.ModalityLUTSequence = lut(table, 0, 16)
    header.ModalityLUTSequence[0].ModalityLUTType = "US"
    header.WindowCenter, header.WindowWidth = 1275.5, 2551
    close(shown(header), 1 - stored(header) / 255)


def test_a_lookup_table_with_missing_entries_is_refused(dicom, shown):
    header = dicom(8)
    header.VOILUTSequence = lut(np.arange(256), 0, 8)
    header.VOILUTSequence[0].LUTData = [1, 2, 3]
    with pytest.raises(InputError, match=r"^x: a lookup table .* 3 of 256 entries"):
        shown(header)


@pytest.mark.parametrize("bits", [8, 10, 16])
@pytest.mark.parametrize("policy", ["xgem", "released"])
def test_monochrome1_is_the_negative(policy, bits, dicom, shown):
    header = dicom(bits)
    bright = shown(header, policy)
    header.PhotometricInterpretation = "MONOCHROME1"
    close(shown(header, policy), 1 - bright)


def test_padding_is_black_and_does_not_count(dicom, shown, picture):
    pixels = np.rint(picture * 1000).astype(int) + 500
    pixels[:, :20] = 4095
    header = dicom(12, pixels=pixels)
    header.PhotometricInterpretation, header.PixelPaddingValue = "MONOCHROME1", 4095
    result = shown(header)
    assert (result[:, :20] == 0).all()
    assert result[:, 20:].max() == 1


def test_a_window_that_shows_nothing_is_noted_and_left_out(dicom, as_bytes):
    header = dicom(12)
    header.WindowCenter, header.WindowWidth = 60_000, 10
    decoded = decode_dicom(as_bytes(header), "x", "xgem", FRONTAL)
    assert np.ptp(decoded.pixels) == 1
    assert "leaves nothing visible" in decoded.notes[0]


def test_released_policy_divides_stored_values_and_ignores_the_window(dicom, shown):
    header = dicom(12)
    header.WindowCenter, header.WindowWidth = 1000, 10
    close(shown(header, "released"), stored(header) / 4095, 1e-6)


def test_released_policy_resamples_to_its_spacing(dicom, shown):
    header = dicom(12)
    header.ImagerPixelSpacing = [0.278, 0.139]
    assert shown(header, "released").shape == (2 * header.Rows, header.Columns)


@pytest.mark.parametrize(
    ("keyword", "spacing", "shape"),
    [
        ("PixelSpacing", [0.2, 0.1], (192, 80)),
        ("ImagerPixelSpacing", [0.1, 0.3], (96, 240)),
        ("PixelAspectRatio", ["2", "1"], (192, 80)),
        ("PixelSpacing", [0.2, 0.2], (96, 80)),
        ("PixelSpacing", [0, 0], (96, 80)),
    ],
)
def test_pixels_become_square(keyword, spacing, shape, dicom, shown):
    header = dicom(8)
    setattr(header, keyword, spacing)
    assert shown(header).shape == shape


def test_an_absurd_spacing_is_refused(dicom, shown):
    header = dicom(8)
    header.PixelSpacing = [1000, 0.001]
    with pytest.raises(InputError, match="correct the spacing"):
        shown(header)


@pytest.mark.parametrize("implicit", [True, False])
def test_a_bare_data_set_without_preamble_is_read(implicit, dicom):
    header = dicom(12)
    buffer = io.BytesIO()
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    bare = Dataset(header)
    pydicom.dcmwrite(
        buffer, bare, implicit_vr=implicit, little_endian=True, enforce_file_format=False
    )
    data = buffer.getvalue()
    assert data[128:132] != b"DICM"
    assert is_dicom(data)
    header.file_meta.TransferSyntaxUID = syntax
    values = decode_dicom(data, "x", "released", FRONTAL).pixels
    close(values, stored(dicom(12)) / 4095)


@pytest.mark.parametrize(
    "data", [b"", b"hello, I am a text file\n" * 20, bytes(500), b"\x08\x00" * 99, b"\x89PNG" * 40]
)
def test_other_files_are_not_taken_for_dicom(data):
    assert not is_dicom(data)


def test_what_the_file_says_of_being_synthetic_is_kept(dicom, as_bytes):
    header = dicom(8)
    assert not decode_dicom(as_bytes(header), "x", "xgem", FRONTAL).synthetic
    header.SyntheticData = "YES"
    assert decode_dicom(as_bytes(header), "x", "xgem", FRONTAL).synthetic


@pytest.mark.parametrize("share", [0.2, 0.5, 0.999])
def test_a_truncated_file_is_refused(share, dicom, as_bytes):
    data = as_bytes(dicom(12))
    with pytest.raises(InputError, match=r"copy (it|the file)|copy or export") as caught:
        decode_dicom(data[: int(len(data) * share)], "x", "xgem", FRONTAL)
    assert "\n" not in str(caught.value)


def test_ct_an_extremity_and_the_wrong_view_are_refused(dicom, save):
    header = dicom(12)
    with pytest.raises(InputError, match="given as lateral, but its View Position is 'PA'"):
        read_dicom(save(header), modality=LATERAL)
    header.BodyPartExamined = "HAND"
    with pytest.raises(InputError, match="shows no chest"):
        read_dicom(save(header))
    header.Modality, header.SOPClassUID = "CT", CTImageStorage
    with pytest.raises(InputError, match="modality 'CT'"):
        read_dicom(save(header))


def test_random_damage_to_the_header_is_always_an_input_error(dicom, as_bytes):
    data = as_bytes(dicom(12))
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(data)
        for place in rng.integers(132, 700, 3):
            damaged[place] = rng.integers(256)
        try:
            decode_dicom(bytes(damaged), "x", "xgem", FRONTAL)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017


REAL = {
    "fuji_CR_MONO1_pa_440.dcm": (440, 440),
    "nih_DX_MONO2_1024.dcm": (1024, 1024),
    "rsna_CR_MONO2_pa_jpeg_1024.dcm": (1024, 1024),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files_are_read_with_bright_bone(name, shared_file):
    from xgem.data.polarity import brightness_balance

    decoded = read_dicom(shared_file(f"data/dicom/{name}"))
    assert decoded.pixels.shape == REAL[name]
    assert not decoded.synthetic
    assert brightness_balance(decoded.pixels) > 0.5


def test_the_real_extremity_is_refused(shared_file):
    path = shared_file("data/dicom/extremity_CR_MONO1_j2k_1760.dcm")
    with pytest.raises(InputError, match="Body Part Examined is 'EXTREMITY'"):
        read_dicom(path)


def test_what_the_header_says_of_depth_view_and_annotation_is_told(dicom, as_bytes):
    header = dicom(12)
    header.ViewPosition, header.BurnedInAnnotation = "LL", "NO"
    decoded = decode_dicom(as_bytes(header), "x", "xgem", None)
    assert (decoded.bits, decoded.view, decoded.burned_in) == (12, LATERAL, "NO")
    silent = dicom(8)
    silent.ViewPosition = ""
    decoded = decode_dicom(as_bytes(silent), "x", "xgem", None)
    assert (decoded.bits, decoded.view, decoded.burned_in) == (8, None, "")


@pytest.mark.parametrize("kind", ["window", "stretch"])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_monochrome1_of_the_complement_looks_the_same(dicom, as_bytes, bits, kind):
    white = 2**bits - 1
    shown = []
    for negative in (False, True):
        header = dicom(bits)
        header.PhotometricInterpretation = "MONOCHROME1" if negative else "MONOCHROME2"
        stored = np.frombuffer(header.PixelData, f"<u{header.BitsAllocated // 8}")
        header.PixelData = (white - stored if negative else stored).tobytes()
        if kind == "window":
            header.WindowCenter, header.WindowWidth = (white + 1) / 2, white + 1
        shown.append(decode_dicom(as_bytes(header), "x", "xgem", None).pixels)
    np.testing.assert_allclose(shown[0], shown[1], atol=2e-2 if kind == "stretch" else 1e-6)


def test_gray_stored_as_color_is_shown_as_it_is(dicom, as_bytes):
    header = dicom(8)
    gray = np.frombuffer(header.PixelData, np.uint8)
    header.SamplesPerPixel, header.PhotometricInterpretation = 3, "RGB"
    header.PlanarConfiguration = 0
    header.PixelData = np.repeat(gray, 3).tobytes()
    pixels = decode_dicom(as_bytes(header), "x", "xgem", FRONTAL).pixels
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels.ravel(), gray / 255, atol=1e-6)
