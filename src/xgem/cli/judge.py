"""``xgem judge``: the classifier of simulated radiographs that scores generated ones."""

import typer

from xgem.cli.judge_score import score
from xgem.cli.judge_train import train

judge = typer.Typer(
    no_args_is_help=True,
    help="The classifier of simulated radiographs that scores generated ones.",
)
judge.command()(train)
judge.command()(score)
