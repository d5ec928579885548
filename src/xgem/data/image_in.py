"""PNG, JPEG and TIFF as radiographs: gray of 8 or 16 bits, bone taken as bright."""

import io
import warnings

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageOps

from xgem.data.decoded import DecodedImage
from xgem.data.dicom.pixels import MAX_PIXELS
from xgem.data.dicom.reading import Policy
from xgem.data.grayscale import stretched
from xgem.data.marking import PNG_KEY, says_synthetic
from xgem.errors import InputError

_FORMATS = ("PNG", "JPEG", "TIFF")
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_PHOTOMETRIC = 262
"""TIFF tag; 0 is WhiteIsZero."""
_MEAN_CHROMA = 0.04
"""Public scans with a sepia cast stay below; photos and color maps are far above."""


def is_image(data: bytes) -> bool:
    """Tell by the first bytes, whatever the file is called."""
    return data.startswith(_MAGIC)


def decode_image(data: bytes, name: str, policy: Policy = "xgem") -> DecodedImage:
    """Read one image; ``name`` stands in messages.

    16-bit files say neither which values they use nor how to show them (12 bits in 16 are
    common), so they span black to white from their 0.5th to their 99.5th percentile; policy
    ``released`` takes their values over 65535 instead. Gray stored as RGB, as a palette or with
    an alpha channel is accepted; transparent is black.

    Raises:
        InputError: the file is damaged, too large, has several pages, or is in color.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large images; `_check_size` decides
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                _check_size(image, name)
                image.load()
                synthetic = says_synthetic(getattr(image, "text", {}).get(PNG_KEY, ""))
                deep = image.mode.startswith("I")
                pixels = _brightness(image, name, policy)
                return DecodedImage(pixels=pixels, synthetic=synthetic, bits=16 if deep else 8)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{name} claims more than {MAX_PIXELS // 10**6} million pixels; export it smaller"
        ) from error
    except Exception as error:  # Pillow raises whatever its decoders meet
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise InputError(
            f"{name} cannot be decoded ({reason}); copy or export the file again"
        ) from error


def _check_size(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise InputError(
            f"{name} claims {image.width} x {image.height} pixels, expected at most "
            f"{MAX_PIXELS // 10**6} million; export it smaller"
        )
    pages = getattr(image, "n_frames", 1)
    if pages != 1:
        raise InputError(f"{name} holds {pages} pages, expected one image; export a single page")


def _brightness(
    image: Image.Image, name: str, policy: Policy
) -> Float32[np.ndarray, "rows columns"]:
    white_is_zero = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        values = np.asarray(upright).astype(np.float32)
        # Pillow inverts WhiteIsZero at 8 bits only.
        values = 65535 - values if white_is_zero else values
        return (values / 65535).clip(0, 1) if policy == "released" else stretched(values)
    if upright.mode not in ("L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX"):
        raise InputError(
            f"{name} has pixels of type {upright.mode}, expected gray of 8 or 16 bits; export it so"
        )
    color = np.asarray(upright.convert("RGBA"), dtype=np.float32) / 255
    visible = color[..., :3] * color[..., 3:]  # composed on black
    if np.ptp(visible, axis=2).mean() > _MEAN_CHROMA:
        raise InputError(f"{name} is a color image, expected gray; choose the radiograph itself")
    if upright.mode == "L":
        return np.asarray(upright, dtype=np.float32) / np.float32(255)
    return np.asarray(visible.mean(axis=2), dtype=np.float32)
