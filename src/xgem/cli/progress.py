"""How far a long job is: a bar on stderr for a person, silence where nobody watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Report = Callable[[str, int, int], None]
"""Called with the stage, how much is done, and how much there is in all: 0 if that is not known."""


@contextmanager
def progress_bars() -> Iterator[Report]:
    """Draw one bar a job, the present stage beside it.

    Another total, or fewer done than before, is another job.
    """
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )

    def report(stage: str, done: int, total: int) -> None:
        latest = bars.tasks[-1] if bars.tasks else None
        if latest is None or latest.total != (total or None) or done < latest.completed:
            finish()
            bars.add_task(stage, completed=done, total=total or None)
        else:
            bars.update(latest.id, description=stage, completed=done)

    def finish() -> None:
        """Stop the clock of a job of unknown length."""
        for task in bars.tasks:
            if task.total is None:
                bars.update(task.id, completed=1, total=1)

    with bars:
        yield report
        finish()


def warn(message: str) -> None:
    """Tell the user one thing that does not stop the command; shown wherever stderr goes."""
    typer.echo(f"xgem: warning: {message}", err=True)
