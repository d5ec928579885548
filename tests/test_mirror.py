"""Tests mirror the package: each file with behavior has the test file that a reader guesses."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "xgem"

UNTESTED = {
    "cli/exit_codes.py": "four constants",
    "ranges.py": "aliases, tested where a model's configuration is damaged: test_model.py",
    "data/decoded.py": "one dataclass without behavior",
    "phantoms/phrases.py": "phrases alone, tested as reports in test_wording.py",
    "phantoms/more_phrases.py": "see phrases.py",
    "phantoms/normal_phrases.py": "see phrases.py",
}
"""Files that only declare, each with the reason why there is nothing to test."""

MODULES = sorted(
    path.relative_to(SOURCE).as_posix()
    for path in SOURCE.rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py")
)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_tests(module: str) -> None:
    path = Path(module)
    mirrored = ROOT / "tests" / path.with_name(f"test_{path.name}")
    assert mirrored.is_file() != (module in UNTESTED)


def test_every_exception_names_a_module() -> None:
    assert set(UNTESTED) <= set(MODULES)
