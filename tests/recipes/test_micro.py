"""The first losses of `micro` are fixed: a change that moves them says so (`make golden`)."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from xgem.recipes.micro import micro
from xgem.training.recipe import PhantomData, Recipe, StageConfig
from xgem.training.run import train

GOLDEN = Path(__file__).parent / "golden" / "micro_losses.json"
REL = 0.06
"""Processors differ: Adam's first steps follow the signs of gradients, small ones too, so that two
makes were .03 apart at the third step."""


def first_steps() -> Recipe:
    """`micro` on a few studies, three steps a stage."""
    recipe = micro()

    def shorter(stage: StageConfig) -> StageConfig:
        full = stage.optimization
        size = min(8, full.batch_size)
        return replace(stage, optimization=replace(full, steps=3, batch_size=size, save_every=3))

    return replace(
        recipe,
        data=PhantomData(studies=40),
        held_out=8,
        stages=tuple(shorter(stage) for stage in recipe.stages),
    )


def test_first_losses_are_those_on_record(tmp_path: Path) -> None:
    train(first_steps(), tmp_path)
    found = {
        path.parent.name: [json.loads(line)["loss"] for line in path.read_text().splitlines()]
        for path in sorted(tmp_path.glob("*/metrics.jsonl"))
    }
    if os.environ.get("XGEM_WRITE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(json.dumps({"rel": REL, "losses": found}, indent=1) + "\n")
    golden = json.loads(GOLDEN.read_text())
    assert found.keys() == golden["losses"].keys()
    for stage, losses in golden["losses"].items():
        assert found[stage] == pytest.approx(losses, rel=golden["rel"]), stage
