import io

import numpy as np
import pytest
from PIL import Image

from xgem.data.dicom.codestream import frame_header


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
def test_the_size_of_a_stream_is_read_without_decoding(kind):
    buffer = io.BytesIO()
    image = Image.fromarray(np.zeros((21, 34), dtype=np.uint8))
    image.save(buffer, kind, **({"no_jp2": True} if kind == "JPEG2000" else {}))
    assert frame_header(buffer.getvalue()) == (21, 34, 1, 8)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xda", b"RLE" * 9])
def test_other_data_states_nothing(data):
    assert frame_header(data) is None
