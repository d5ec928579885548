import re
from pathlib import Path

import xgem
from xgem.version import commit, version


def test_package_metadata_changelog_and_module_agree() -> None:
    changelog = Path(__file__).parents[1] / "CHANGELOG.md"
    newest = re.search(r"^## \[?([0-9.]+)", changelog.read_text(), re.MULTILINE)
    assert newest is not None
    assert version() == xgem.__version__ == newest[1]


def test_the_commit_is_that_of_this_checkout_or_unknown() -> None:
    found = commit()
    assert found is None or re.fullmatch(r"[0-9a-f]{40}\+?", found)
