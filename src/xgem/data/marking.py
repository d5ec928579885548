"""The words by which our files say that no patient was imaged."""

from xgem.version import version

PNG_KEY = "Synthetic"
"""Key of the text chunk in a PNG."""


def png_mark() -> str:
    """What stands under `PNG_KEY`; readers only look for the "YES"."""
    return f"YES: made by xgem {version()}"


def says_synthetic(value: object) -> bool:
    """True for "YES" (DICOM's Synthetic Data) and for "YES: made by ..." (our PNG)."""
    return str(value).strip().upper().startswith("YES")
