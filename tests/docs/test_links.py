"""Documentation names only what is there."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from xgem.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
COMMANDS = {
    " ".join(filter(None, (group, command.name or command.callback.__name__))): command.callback
    for group, typer_app in [
        ("", app),
        *((g.name, g.typer_instance) for g in app.registered_groups),
    ]
    for command in typer_app.registered_commands
}
EQUATIONS = re.findall(r"`(xgem\.[\w.]+)`", (ROOT / "docs" / "equations.md").read_text())
TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_local_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_documented(command: str) -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    (section,) = re.findall(
        rf"^## `xgem {command}`\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE
    )
    options = [
        _declared(hint.__metadata__[0]) or f"--{name.replace('_', '-')}"
        for name, hint in COMMANDS[command].__annotations__.items()
        if name not in ("return", "as_json") and "OptionInfo" in repr(hint)
    ]
    assert [option for option in options if f"`{option}" not in section] == []
    assert [
        option
        for option in re.findall(r"^\| `(--[\w-]+)", section, re.MULTILINE)
        if option not in options
    ] == []


def _declared(option: object) -> str | None:
    """The name that an option was given; Typer keeps the first where defaults stood once."""
    names = [option.default, *(option.param_decls or ())]
    return next((name for name in names if str(name).startswith("--")), None)


@pytest.mark.parametrize("name", EQUATIONS)
def test_every_equation_has_its_function(name: str) -> None:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            found = getattr(found, attribute)
        assert callable(found)
        return
    raise AssertionError(name)


def test_every_make_target_that_is_named_exists() -> None:
    named = {
        target for page in PAGES for target in re.findall(r"\bmake ([a-z]+)\b", page.read_text())
    }
    promised = {"demo", "test"}
    assert promised <= named & set(TARGETS)
    assert {t for t in named if f"`make {t}`" in (ROOT / "README.md").read_text()} <= set(TARGETS)


def test_the_version_is_the_same_everywhere() -> None:
    from importlib.metadata import version

    newest = re.search(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert newest is not None
    assert cited is not None
    assert newest[1] == cited[1] == VERSION == version("xgem")
