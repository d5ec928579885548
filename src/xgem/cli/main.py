"""The command as a whole: its subcommands, and how an error becomes a line and an exit code."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from xgem.cli.data import data
from xgem.cli.exit_codes import DONE, STOPPED, WRONG
from xgem.cli.generate import generate
from xgem.cli.info import info
from xgem.cli.judge import judge
from xgem.cli.official import official
from xgem.cli.phantoms import phantoms
from xgem.cli.train import train
from xgem.errors import XGeMError
from xgem.version import version as xgem_version

_STOPPED_BY_TYPER = 130

app = typer.Typer(
    name="xgem",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Any subset of a chest study (frontal, lateral, report) into any other. "
    "What it makes is simulated, not for clinical use.",
)
app.command(rich_help_panel="Make studies")(generate)
app.command(rich_help_panel="Make studies")(phantoms)
app.add_typer(data, name="data", rich_help_panel="Make studies")
app.command(rich_help_panel="Make models")(train)
app.add_typer(official, name="official", rich_help_panel="Make models")
app.add_typer(judge, name="judge", rich_help_panel="Look")
app.command(rich_help_panel="Look")(info)


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"xgem {xgem_version()}")
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    pass


def exit_code(arguments: Sequence[str]) -> int:
    """Run the command and say how it ended; what is wrong goes to stderr in one line."""
    try:
        code = app(arguments, prog_name="xgem", standalone_mode=False)
    except (XGeMError, TyperException) as error:
        message = error.format_message() if isinstance(error, TyperException) else str(error)
        if message:  # empty where the help was shown instead
            typer.echo(f"xgem: {' '.join(message.split())}", err=True)
        return WRONG
    except (KeyboardInterrupt, typer.Abort):
        code = _STOPPED_BY_TYPER
    if code == _STOPPED_BY_TYPER:
        typer.echo("xgem: stopped", err=True)
        return STOPPED
    return code if isinstance(code, int) else DONE


def run() -> None:
    """Be the ``xgem`` program."""
    sys.exit(exit_code(sys.argv[1:]))
