from pathlib import Path

import pytest
import torch
from torch import nn

from xgem.errors import CheckpointError
from xgem.training.first_format import read_first_format
from xgem.training.loop import Training


def write_first_format(learner: nn.Module, folder: Path) -> None:
    """As the first loop did: one pickle after a step of AdamW."""
    optimizer = torch.optim.AdamW(learner.parameters(), lr=0.1, fused=True)
    for parameter in learner.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    state = {
        "learner": learner.state_dict(),
        "optimizer": optimizer.state_dict(),
        "ema": {name: 2 * p.detach() for name, p in learner.named_parameters()},
        "step": 5,
        "seconds": 7.5,
    }
    folder.mkdir()
    torch.save(state, folder / "state.pt")


def test_a_stage_goes_on_from_the_first_format(line, brief, tmp_path: Path) -> None:
    old = nn.ModuleDict({"trained": line().trained, "extra": nn.Module()})
    write_first_format(old, tmp_path / "line")
    training = Training(line(), brief, tmp_path / "line", 0)
    assert (training.done, training.spent) == (5, 7.5)
    for name, parameter in training.parameters.items():
        assert torch.equal(parameter, old.get_parameter(name))
        assert torch.equal(training.ema.average[name], 2 * parameter)
        moments = training.optimizer.state[parameter]
        assert moments["step"] == 1
        torch.testing.assert_close(moments["exp_avg"], torch.full_like(parameter, 0.1))
    training.run()
    assert training.done == brief.steps


def test_there_may_be_none_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    assert read_first_format(tmp_path, []) is None
    (tmp_path / "state.pt").write_bytes(b"nothing that torch wrote")
    with pytest.raises(CheckpointError, match=r"state\.pt is damaged"):
        read_first_format(tmp_path, [])
