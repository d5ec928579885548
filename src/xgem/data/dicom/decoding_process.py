"""JPEG lossless in a process of its own.

Its only decoder with a permissive license is gdcm, which writes past its buffers where the data
is damaged. Here that ends a child, and the parent reports a damaged file.

``python -m xgem.data.dicom.decoding_process`` reads DICOM on standard input and writes the pixels
to standard output as NPY.
"""

import io
import subprocess
import sys

import numpy as np
from jaxtyping import Shaped
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.pixels.utils import pixel_array

_NEEDED = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
)
_SECONDS = 120
"""A whole radiograph takes about one."""


def decode_apart(header: Dataset) -> Shaped[np.ndarray, "..."]:
    """Decode the pixels of ``header`` with gdcm in a child; about half a second more.

    Raises:
        ValueError: the child failed, crashed or did not end.
    """
    image = Dataset()
    for keyword in _NEEDED:
        if keyword in header:
            image[keyword] = header[keyword]
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = header.file_meta.TransferSyntaxUID
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=False, implicit_vr=False, little_endian=True)
    # -P: a folder in the working directory must not shadow a module.
    command = [sys.executable, "-P", "-m", "xgem.data.dicom.decoding_process"]
    try:
        child = subprocess.run(
            command, input=buffer.getvalue(), capture_output=True, timeout=_SECONDS, check=True
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise ValueError("gdcm failed") from error
    pixels: Shaped[np.ndarray, ...] = np.load(io.BytesIO(child.stdout), allow_pickle=False)
    return pixels


def _main() -> None:
    header = dcmread(io.BytesIO(sys.stdin.buffer.read()), force=True)
    np.save(sys.stdout.buffer, pixel_array(header, decoding_plugin="gdcm"), allow_pickle=False)


if __name__ == "__main__":
    _main()
