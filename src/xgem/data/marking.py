"""The words by which our files say that no patient was imaged."""

from collections.abc import Mapping

from PIL.PngImagePlugin import PngInfo

from xgem.version import version

PNG_KEY = "Synthetic"
"""Key of the text chunk in a PNG."""


def png_mark() -> str:
    """What stands under `PNG_KEY`; readers only look for the "YES"."""
    return f"YES: made by xgem {version()}"


def png_chunks(said: Mapping[str, str], mark: str | None = None) -> PngInfo:
    """Text chunks for a PNG: the mark, `png_mark` where None, then what else is ``said``."""
    chunks = PngInfo()
    for key, text in {PNG_KEY: mark or png_mark(), **said}.items():
        chunks.add_text(key, text)
    return chunks


def says_synthetic(value: object) -> bool:
    """True for "YES" (DICOM's Synthetic Data) and for "YES: made by ..." (our PNG)."""
    return str(value).strip().upper().startswith("YES")
