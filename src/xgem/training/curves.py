"""Draws how a stage learns."""

import io
import json
from pathlib import Path

from xgem.data.whole_file import write_bytes


def draw_curves(folder: Path, title: str) -> None:
    """Draw ``loss.png`` from ``metrics.jsonl``: training loss, smoothed, and validation loss.

    Raises:
        OutputError: the disk is full.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = [record["step"] for record in records]
    smooth, level = [], records[0]["loss"]
    for record in records:
        level += 0.05 * (record["loss"] - level)
        smooth.append(level)
    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    axes.plot(steps, [record["loss"] for record in records], color="0.85", linewidth=0.6)
    axes.plot(steps, smooth, label="training")
    seen = [record for record in records if "validation" in record]
    axes.plot(
        [record["step"] for record in seen],
        [record["validation"] for record in seen],
        "o-",
        markersize=3,
        label="held out",
    )
    low = min(smooth)
    axes.set_ylim(low - 0.1 * abs(low), max(smooth[len(smooth) // 20 :]) * 1.1 + 1e-9)
    axes.set(xlabel="step", ylabel="loss", title=title)
    axes.legend(frameon=False)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110, format="png")
    plt.close(figure)
    write_bytes(folder / "loss.png", drawn.getvalue())
