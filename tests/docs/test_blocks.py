"""The blocks of README and how-to pages run, in their order, on the bundled model, offline."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from xgem.cli.main import exit_code

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def shell_commands(block: str) -> list[list[str]]:
    lines = block.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = 0
    for language, block in BLOCK.findall(page.read_text()):
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(block, page.name, "exec"), {})
            ran += 1
            continue
        for program, *arguments in shell_commands(block):
            assert program in ("xgem", "make"), "only what a newcomer has"
            if program == "xgem":
                assert exit_code(arguments) == 0
                ran += 1
    assert ran, "a page without anything to run"
