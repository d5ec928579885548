import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from xgem.errors import DivergenceError
from xgem.training.divergence import replay
from xgem.training.loop import train_stage


def test_a_kept_step_says_what_was_scored_and_fails_again(line, brief, tmp_path: Path) -> None:
    optimization = replace(brief, accumulate=2)
    with pytest.raises(DivergenceError, match=r"in .*diverged-00000006"):
        train_stage(line(infinite_at=6), optimization, tmp_path, 0)
    kept = tmp_path / "diverged-00000006"
    record = json.loads((kept / "step.json").read_text())
    assert (record["stage"], record["step"], record["seed"]) == ("line", 6, 0)
    assert record["terms"] == [{"fit": "nan"}]  # of the first pass, where it stopped
    assert record["studies"] == [[["point-0", "point-1", "point-2", "point-3"]]]
    assert record["timesteps"] == [[[0, 10, 20, 30]]]
    assert math.isnan(replay(kept, line(infinite_at=6), optimization)["fit"])


def test_the_weights_are_those_that_the_step_began_with(line, brief, tmp_path: Path) -> None:
    whole = line()
    train_stage(whole, brief, tmp_path / "whole", 0)
    records = [
        json.loads(row) for row in (tmp_path / "whole/metrics.jsonl").read_text().splitlines()
    ]
    with pytest.raises(DivergenceError):
        train_stage(line(steep_at=6), brief, tmp_path / "broken", 0)
    again = replay(tmp_path / "broken" / "diverged-00000006", line(), brief)
    assert again["fit"] == pytest.approx(records[6]["fit"], rel=1e-5)
    assert torch.isfinite(torch.tensor(again["fit"]))


def test_a_gradient_that_was_not_finite_is_so_again(line, brief, tmp_path: Path) -> None:
    with pytest.raises(DivergenceError):
        train_stage(line(steep_at=6), brief, tmp_path, 0)
    stage = line(steep_at=6)
    replay(tmp_path / "diverged-00000006", stage, brief)
    (weight, *_) = stage.trained.parameters()
    assert not weight.grad.isfinite().all()
