import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from xgem.model import Model, build_component
from xgem.recipes.mimic_256 import mimic_256
from xgem.share import ALONE
from xgem.training.autoencoders import AutoencoderStage, AutoencoderStageConfig
from xgem.training.learner import Learner, full
from xgem.training.processes import HERE
from xgem.training.stage import Optimization

OPTIMIZATION = Optimization(steps=2, batch_size=6, learning_rate=1e-3)


class Parts:
    """A stage of which nothing is asked but what it trains."""

    name = "parts"

    def __init__(self, **components: nn.Module) -> None:
        self.trained, self.frozen = nn.ModuleDict(components), nn.ModuleDict()
        self.extra = nn.ModuleDict()

    def batch(self) -> None: ...

    def loss(self) -> None: ...

    def validation_loss(self) -> None: ...

    def picture(self) -> None: ...

    def finish(self) -> None: ...

    def study_ids(self) -> None: ...


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("frontal_denoiser", 12 - 1 + 12 + 3),  # without the stem; the middle has three
        ("report_denoiser", 12 - 1 + 12 + 3),
        ("image_prompt", 24),
        ("report_prompt", 12),
        ("report_vae", 24),
        ("frontal_environment", 5),
        ("frontal_coupling", 15),
    ],
)
def test_the_published_networks_are_cut_into_their_blocks(name: str, blocks: int) -> None:
    with torch.device("meta"):
        component = build_component(mimic_256().model, name)
    learner = Learner(
        Parts(part=component), OPTIMIZATION, replace(HERE, device=torch.device("meta"))
    )
    found = list(learner.blocks())
    assert len(found) == blocks
    inside = sum(p.numel() for block in found for p in block.parameters())
    embeddings = sum(m.weight.numel() for m in component.modules() if isinstance(m, nn.Embedding))
    assert inside > 0.7 * (sum(p.numel() for p in component.parameters()) - embeddings)


@pytest.mark.parametrize("part", ["image_vae", "report_vae"])
def test_activations_that_are_computed_again_give_the_same_gradients(
    small_model: Model, gappy_studies, part: str
) -> None:
    config = AutoencoderStageConfig(part=part, optimization=OPTIMIZATION)
    gradients = []
    for again in (False, True):
        stage = AutoencoderStage(config, small_model, gappy_studies, gappy_studies, 0)
        learner = Learner(stage, replace(OPTIMIZATION, checkpoint_activations=again), HERE)
        batch = stage.batch(0, ALONE, torch.Generator().manual_seed(0))
        terms = learner.score(lambda stage=stage, batch=batch: stage.loss(batch, 0.5))
        small_model.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        gradients.append([p.grad.clone() for p in learner.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) > 10
    for plain, computed_again in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, computed_again)


def test_half_precision_states_leave_buffers_as_they_are(small_model: Model) -> None:
    learner = Learner(
        Parts(vae=small_model.components["image_vae"]),
        replace(OPTIMIZATION, states="bf16", precision="bf16"),
        HERE,
    )
    state = learner.state()
    assert state["trained.vae.normalization.mean"].dtype == torch.float32
    assert {p.dtype for p in learner.parameters()} == {torch.bfloat16}


def test_the_state_is_what_is_trained(small_model: Model) -> None:
    stage = Parts(vae=small_model.components["report_vae"])
    stage.frozen = nn.ModuleDict({"denoiser": small_model.components["frontal_denoiser"]})
    stage.extra.temperature = nn.Parameter(torch.zeros(1))
    names = Learner(stage, OPTIMIZATION, HERE).state().keys()
    assert "extra.temperature" in names
    assert "trained.vae.normalization.std" in names
    assert not any(name.startswith("frozen") for name in names)
    # Tied weights once, so that safetensors can hold them.
    assert sum("wte" in name or "lm_head" in name for name in names) == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's, of itself
def test_compiled_blocks_give_the_same_loss(small_model: Model, gappy_studies) -> None:
    config = AutoencoderStageConfig(part="image_vae", optimization=OPTIMIZATION)
    losses = []
    for compiled in (False, True):
        stage = AutoencoderStage(config, small_model, gappy_studies, gappy_studies, 0)
        learner = Learner(stage, replace(OPTIMIZATION, compile=compiled), HERE)
        batch = stage.batch(0, ALONE, torch.Generator().manual_seed(0))
        terms = learner.score(lambda stage=stage, batch=batch: stage.loss(batch, 0.5))
        total = torch.stack(list(terms.values())).sum()
        total.backward()
        losses.append(total.item())
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


SEVERAL_WIDTHS = """
import torch
from torch import nn
from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.training.learner import Learner
from xgem.training.processes import HERE
from xgem.training.stage import Optimization

class Denoising:
    unet = ImageUNetConfig(
        model_channels=8, multipliers=(1, 1.5), blocks=(1, 1), attention=(False, False),
        heads=2, context=8, groups=4, latent_channels=4,
    ).build()
    trained = nn.ModuleDict({"unet": unet})
    frozen, extra = nn.ModuleDict(), nn.ModuleDict()

optimization = Optimization(steps=2, batch_size=6, learning_rate=1e-3, compile=True)
learner = Learner(Denoising(), optimization, HERE)
noisy, prompt = torch.randn(2, 4, 8, 8), torch.randn(2, 1, 8)
predicted = learner.score(lambda: Denoising.unet(noisy, torch.ones(2), prompt))
predicted.square().mean().backward()
assert Denoising.unet.stem.weight.grad is not None
"""


@pytest.mark.slow
def test_blocks_of_several_widths_can_be_compiled() -> None:
    # In a process of its own, because the compiler cannot look through the checks of types that
    # tests add to every function.
    subprocess.run([sys.executable, "-c", SEVERAL_WIDTHS], check=True)


def test_what_is_frozen_stays_in_the_mode_of_use(small_model: Model) -> None:
    stage = Parts(vae=small_model.components["report_vae"])
    stage.frozen = nn.ModuleDict({"denoiser": small_model.components["frontal_denoiser"]})
    learner = Learner(stage, OPTIMIZATION, HERE).train()
    assert stage.trained.training
    assert not any(module.training for module in stage.frozen.modules())
    assert not any(module.training for module in learner.eval().modules())


def test_full_tensors_are_on_the_cpu() -> None:
    tensors = full({"a": torch.ones(2, requires_grad=True)})
    assert not tensors["a"].requires_grad
