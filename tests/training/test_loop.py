import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from xgem.errors import DivergenceError
from xgem.training.loop import learning_rate, step_seed, train_stage
from xgem.training.stage import Optimization

FAST = Optimization(steps=12, batch_size=4, learning_rate=0.05, warmup=0.2, ema=0.9, save_every=4)


class Line:
    """Fits a line to noisy points, and may fail at a step."""

    name = "line"

    def __init__(self, fail_at: int | None = None, infinite_at: int | None = None) -> None:
        torch.manual_seed(0)
        self.trained = nn.ModuleDict({"line": nn.Linear(1, 1)})
        self.extra = nn.Module()
        self.fail_at, self.infinite_at = fail_at, infinite_at

    def loss(self, step: int, progress: float, rng: torch.Generator) -> Mapping[str, Tensor]:
        if step == self.fail_at:
            raise KeyboardInterrupt
        x = torch.randn(8, 1, generator=rng)
        loss = (self.trained["line"](x) - 3 * x + 1).square().mean()
        return {"fit": loss * (float("nan") if step == self.infinite_at else 1.0)}

    def validation_loss(self) -> Mapping[str, Tensor]:
        return self.loss(-1, 0.0, torch.Generator().manual_seed(0))

    def picture(self) -> Image.Image | None:
        return Image.new("L", (4, 4))

    def finish(self) -> None: ...


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_it_learns_and_leaves_curves_and_pictures(tmp_path: Path) -> None:
    stage = Line()
    seen: list[int] = []
    train_stage(
        stage, replace(FAST, steps=80), tmp_path, 0, lambda text, done, total: seen.append(done)
    )
    records = lines(tmp_path)
    assert [record["step"] for record in records] == list(range(1, 81)) == seen
    held_out = [record["validation"] for record in records if "validation" in record]
    assert held_out[-1] < 0.3 * held_out[0]
    assert (tmp_path / "loss.png").stat().st_size > 1000
    assert (tmp_path / "samples.png").exists()


@pytest.mark.parametrize("fail_at", [3, 4, 9, 11])
def test_a_resumed_run_takes_the_same_steps(tmp_path: Path, fail_at: int) -> None:
    whole, broken = Line(), Line(fail_at)
    train_stage(whole, FAST, tmp_path / "whole", 0)
    with pytest.raises(KeyboardInterrupt):
        train_stage(broken, FAST, tmp_path / "resumed", 0)
    resumed = Line()
    train_stage(resumed, FAST, tmp_path / "resumed", 0)
    for key in ("step", "loss", "rate"):
        assert [r[key] for r in lines(tmp_path / "resumed")] == [
            r[key] for r in lines(tmp_path / "whole")
        ]
    for a, b in zip(whole.trained.parameters(), resumed.trained.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_loss_that_is_not_finite_stops_and_says_where(tmp_path: Path) -> None:
    with pytest.raises(DivergenceError, match="line: loss is not finite at step 7"):
        train_stage(Line(infinite_at=7), FAST, tmp_path, 0)
    assert lines(tmp_path)[-1]["step"] == 7


def test_the_rate_rises_then_falls_to_nearly_nothing() -> None:
    rates = [learning_rate(step, replace(FAST, steps=100)) for step in range(100)]
    assert max(rates) == pytest.approx(FAST.learning_rate)
    assert rates.index(max(rates)) in (19, 20)
    assert rates[0] == pytest.approx(FAST.learning_rate / 20)
    assert rates[-1] < 0.001 * FAST.learning_rate


def test_seeds_differ_between_runs_stages_and_steps() -> None:
    names = ("denoising-frontal", "denoising-lateral", "joint", "shared_space")
    seeds = {step_seed(s, n, t) for s in (0, 1) for n in names for t in range(50)}
    assert len(seeds) == 2 * len(names) * 50
    assert all(0 <= seed < 2**63 for seed in seeds)
