"""A model of the smallest recipe with random weights, and studies that take no time to make."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from xgem.data.report_tokens import ReportTokens
from xgem.data.store import Store
from xgem.data.store.writer import write_store
from xgem.model import build_model
from xgem.recipes.micro import micro
from xgem.sampling.pipeline import XGeM
from xgem.study import FRONTAL, LATERAL, REPORT, Finding, Study
from xgem.training.vocabularies import with_vocabulary

TEXT = "FINDINGS: Large left pleural effusion.\nIMPRESSION: Effusion."


@pytest.fixture(scope="session")
def xgem() -> XGeM:
    config = with_vocabulary(micro().model, ReportTokens.learn([TEXT] * 4, 64))
    torch.manual_seed(0)
    model = build_model(replace(config, sampling=replace(config.sampling, steps=2)))
    return XGeM(model.eval().requires_grad_(False))


@pytest.fixture(scope="session")
def studies() -> list[Study]:
    """Studies of 64 px that hold everything."""
    rng = np.random.default_rng(0)
    images = rng.random((3, 2, 64, 64), dtype=np.float32)
    return [
        Study(id=f"study-{place}", contents={FRONTAL: f, LATERAL: v, REPORT: TEXT}, synthetic=True)
        for place, (f, v) in enumerate(images)
    ]


def spotted(key: int) -> Study:
    """A bright square: an effusion on the patient's right (left in the picture) or left."""
    rng = np.random.default_rng(key)
    image = rng.random((32, 32), dtype=np.float32) * 0.3
    side = ("left", "right", None)[key % 3]
    row, column = rng.integers(2, 20), rng.integers(2, 8)
    if side is not None:
        column += 16 * (side == "left")
        image[row : row + 6, column : column + 6] += 0.6
    findings = () if side is None else (Finding(label="Pleural Effusion", side=side),)
    contents = {FRONTAL: image, LATERAL: image.T.copy(), REPORT: TEXT}
    return Study(id=f"spot-{key}", contents=contents, findings=findings, synthetic=True)


@pytest.fixture(scope="session")
def spots(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of 216 such studies of 32 px."""
    folder: Path = tmp_path_factory.mktemp("stores") / "spots"
    return write_store(
        folder, spotted, range(216), source="phantoms", preprocessing={"size": 32, "policy": "xgem"}
    )
