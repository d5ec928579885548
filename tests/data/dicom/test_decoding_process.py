import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLosslessSV1

from xgem.data.dicom.decoding_process import decode_apart


def test_what_the_child_cannot_decode_is_an_error_here(dicom):
    header = dicom(8)
    header.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    header.PixelData = encapsulate([b"\xff\xd8" + bytes(100)])
    header["PixelData"].is_undefined_length = True
    with pytest.raises(ValueError, match="gdcm failed"):
        decode_apart(header)


def test_a_child_that_crashes_is_an_error_here(dicom, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(ValueError, match="gdcm failed"):
        decode_apart(dicom(8))
