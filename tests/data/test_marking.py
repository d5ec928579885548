import pytest

from xgem.data.marking import png_mark, says_synthetic
from xgem.version import version


def test_our_own_mark_says_synthetic():
    assert says_synthetic(png_mark())
    assert version() in png_mark()


@pytest.mark.parametrize(
    ("text", "expected"), [("YES", True), ("yes ", True), ("NO", False), ("", False)]
)
def test_only_yes_says_synthetic(text, expected):
    assert says_synthetic(text) is expected
