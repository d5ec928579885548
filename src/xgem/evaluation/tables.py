"""Figures as the pages of results show them, and as JSON keeps them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from xgem.evaluation.agreement import Agreement


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; the first column names the rows."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *([cell(v) for v in r] for r in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: Any) -> str:
    """A figure as it stands in a table; a dash where it is not known."""
    if isinstance(value, Agreement) and math.isfinite(value.paired.value):
        return f"{value.paired} / {value.shuffled.value:.3f}"
    if isinstance(value, float):
        return f"{value:.3f}" if math.isfinite(value) else "–"
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else "–"


def plain(value: Any) -> Any:
    """Figures as JSON values, rounded to more than they can tell; null where one is not known."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value
