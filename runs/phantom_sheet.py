"""Two simulated studies with their reports, to look at: docs/figures/phantoms.png."""

from pathlib import Path

from xgem.phantoms import simulate
from xgem.sampling.sheet import contact_sheet
from xgem.study import Study

SEEDS = (101, 104)
"""A consolidation of the left upper lobe; a collapsed lower lobe, edema and a large heart."""


def main() -> None:
    """Draw the sheet."""
    sheet = contact_sheet(Study(id="none"), [simulate(seed) for seed in SEEDS], SEEDS)
    figure = Path("docs/figures/phantoms.png")
    figure.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(figure, optimize=True)


if __name__ == "__main__":
    main()
