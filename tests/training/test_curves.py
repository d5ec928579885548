import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xgem.errors import OutputError
from xgem.training.curves import draw_curves


def test_a_picture_shows_both_losses(tmp_path: Path) -> None:
    records = [{"step": s, "loss": 1 / s} for s in range(1, 60)]
    records[29]["validation"] = 0.5
    text = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "metrics.jsonl").write_text(text)
    draw_curves(tmp_path, "stage")
    pixels = np.asarray(Image.open(tmp_path / "loss.png").convert("RGB")).reshape(-1, 3)
    colors = {tuple(color) for color in pixels.tolist()}
    assert (31, 119, 180) in colors  # training
    assert (255, 127, 14) in colors  # held out


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 1.0}\n')
    (tmp_path / "loss.png").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*loss.png"):
        draw_curves(tmp_path, "stage")
