"""How far a long job is: a bar on stderr for a person, silence where nobody watches."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from xgem.progress import Progress


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Draw one bar a job, the present stage beside it.

    Another total, or fewer done than before, is another job.
    """
    bars = Bars(
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
