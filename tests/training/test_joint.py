from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from xgem.denoisers.coupling import CouplingMode
from xgem.errors import ConfigError
from xgem.model import Model, ModelConfig, build_model
from xgem.study import CHEST, FRONTAL, LATERAL
from xgem.training.encoded import Encoded, encode_studies
from xgem.training.joint import Joint, JointConfig, output_subsets
from xgem.training.stage import Optimization
from xgem.training.studies import Studies

CONFIG = JointConfig(optimization=Optimization(steps=2, batch_size=6, learning_rate=1e-3), group=3)


@pytest.fixture
def encoded(small_model: Model, gappy_studies: Studies, tmp_path: Path) -> Encoded:
    return encode_studies(small_model, gappy_studies, tmp_path / "e", "data", nullcontext)


def test_all_sets_of_two_or_more_are_trained() -> None:
    assert [len(subset) for subset in output_subsets(CHEST)] == [2, 2, 2, 3]


@pytest.mark.parametrize("outputs", output_subsets(CHEST), ids=lambda o: "+".join(map(str, o)))
def test_every_set_of_outputs_trains_couplings_and_environments_alone(
    small_model: Model, encoded: Encoded, outputs: tuple
) -> None:
    stage = Joint(CONFIG, small_model, encoded, encoded, 0)
    for name, component in stage.trained.items():
        if name.endswith("_coupling"):  # not at their start, where no gradient passes them
            for parameter in component.parameters():
                nn.init.normal_(parameter, std=0.1)
    terms = stage._loss(encoded, outputs, 0, torch.Generator().manual_seed(0))
    assert set(terms) == {"contrast", *(f"noise_{m}" for m in outputs)}
    torch.stack(list(terms.values())).sum().backward()
    touched = {
        name.split(".")[1]
        for name, parameter in small_model.named_parameters()
        if parameter.grad is not None and parameter.grad.any()
    }
    expected = {f"{m.name}_{kind}" for m in outputs for kind in ("environment", "coupling")}
    assert touched == expected
    assert stage.extra.log_scale.grad is not None


@torch.no_grad()
@pytest.mark.parametrize(("mode", "heard"), [(CouplingMode.CROSS, True), (CouplingMode.OWN, False)])
def test_cross_hears_the_partner_and_own_cannot(
    small_config: ModelConfig, encoded: Encoded, stirred, mode: CouplingMode, heard: bool
) -> None:
    torch.manual_seed(0)
    model = stirred(build_model(replace(small_config, coupling_mode=mode)))
    stage = Joint(CONFIG, model, encoded, encoded, 0)
    for component in stage.trained.values():
        for parameter in component.parameters():
            nn.init.normal_(parameter, std=0.1)

    def frontal_error(lateral: torch.Tensor) -> float:
        changed = replace(encoded, latents={**encoded.latents, LATERAL: lateral})
        rng = torch.Generator().manual_seed(0)
        return stage._loss(changed, (FRONTAL, LATERAL), 0, rng)["noise_F"].item()

    latents = encoded.latents[LATERAL]
    assert (frontal_error(latents) != frontal_error(latents.roll(1, 0) + 1)) is heard


def test_fewer_than_two_coupled_modalities_are_refused(
    small_config: ModelConfig, encoded: Encoded
) -> None:
    uncoupled = tuple(replace(m, coupling=None) for m in small_config.modalities)
    model = build_model(replace(small_config, modalities=uncoupled))
    with pytest.raises(ConfigError, match="two modalities with a coupling"):
        Joint(CONFIG, model, encoded, encoded, 0)
