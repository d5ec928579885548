"""``xgem data``: from a publisher's release to a verified store."""

import typer

from xgem.cli.data_check import check
from xgem.cli.data_prepare import prepare
from xgem.cli.data_show import show

data = typer.Typer(
    no_args_is_help=True,
    help="From a publisher's release, or your own files, to a verified store.",
)
data.command()(prepare)
data.command()(check)
data.command()(show)
