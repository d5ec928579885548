"""Fixtures for all tests."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from torch import nn

    from xgem.model import Model, ModelConfig

# A busy machine is no failure of the code under test.
hypothesis.settings.register_profile("xgem", deadline=None, max_examples=50)
hypothesis.settings.load_profile("xgem")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("../shared is absent: real files and reference tensors are not checked")
    return folder


@pytest.fixture(scope="session")
def shared_file(shared: Path) -> Callable[[str], Path]:
    """Look up a file or folder in ../shared, or skip naming it."""

    def find(name: str) -> Path:
        path = shared / name
        if not path.exists():
            pytest.skip(f"../shared/{name} is absent")
        return path

    return find


@pytest.fixture(scope="session")
def edit() -> Callable[[Path, Callable[[dict[str, Any]], None]], None]:
    """Change a model's description as it was first written: without a hash of itself."""

    def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
        path = folder / "model.json"
        content = json.loads(path.read_text())
        del content["sha256"]
        change(content)
        path.write_text(json.dumps(content))

    return edit


@pytest.fixture(scope="session")
def small_config() -> "ModelConfig":
    """A model of all three modalities that is built and run in an instant: 32 px, fresh weights."""
    from xgem.data.radiograph import Preprocessing
    from xgem.data.report_tokens import ReportTokens
    from xgem.denoisers.coupling import CouplingConfig
    from xgem.denoisers.environment import EnvironmentConfig
    from xgem.denoisers.image_unet import ImageUNetConfig
    from xgem.denoisers.report_unet import ReportUNetConfig
    from xgem.diffusion.defaults import SamplingDefaults
    from xgem.diffusion.process import Prediction, Process, ScheduleConfig
    from xgem.latents.image_vae import ImageVaeConfig
    from xgem.latents.report_vae import ReportVaeConfig
    from xgem.model import ModalityConfig, ModelConfig
    from xgem.prompts.image_encoder import ConvImageEncoderConfig
    from xgem.prompts.report_encoder import ReportEncoderConfig
    from xgem.study import FRONTAL, LATERAL, REPORT

    words = "FINDINGS: No left or right effusion. IMPRESSION: Normal heart, large nodule, edema."
    tokens = ReportTokens.learn([words] * 4, 400)
    levels = {"model_channels": 16, "multipliers": (1, 2), "blocks": (1, 1), "heads": 2}
    network = {**levels, "attention": (True, False), "context": 16, "groups": 4}
    environment = EnvironmentConfig(model_channels=16, multipliers=(1, 2), blocks=(1, 1), width=8)
    image = ModalityConfig(
        modality=FRONTAL,
        prompt_encoder="image_prompt",
        autoencoder="image_vae",
        denoiser=ImageUNetConfig(**network, patch=2, prompt_in_time=True),
        environment=environment,
        coupling=CouplingConfig(layer="linear", width=8),
    )
    return ModelConfig(
        prompt_width=16,
        process=Process(schedule=ScheduleConfig(kind="cosine"), prediction=Prediction.VELOCITY),
        sampling=SamplingDefaults(steps=3, guidance=2.0),
        preprocessing=Preprocessing(size=32),
        prompt_encoders={
            "image_prompt": ConvImageEncoderConfig(image_size=32, channels=(8, 16), width=16),
            "report_prompt": ReportEncoderConfig(
                vocabulary=tokens.json, vocabulary_size=len(tokens), positions=24,
                hidden=16, feed_forward=32, layers=1, heads=2, width=16,
            ),
        },
        autoencoders={
            "image_vae": ImageVaeConfig(
                image_size=32, channels=1, unshuffle=4, block_channels=(32,),
                layers_per_block=1, middle_attention=False, latent_std=1.0,
            ),
            "report_vae": ReportVaeConfig(
                encoder_vocabulary=tokens.json, decoder_vocabulary=tokens.json,
                encoder_vocabulary_size=len(tokens), decoder_vocabulary_size=len(tokens),
                positions=24, decoder_positions=24, first_position=0, longest=12, width=16,
                feed_forward=32, encoder_layers=1, decoder_layers=2, heads=2, latent=8,
                memory_tokens=2, latent_std=1.0, kl_start=0.0, free_bits=0.1,
                word_dropout=0.1, emphasized_words=("left", "right"), emphasis=3.0,
            ),
        },
        modalities=(
            image,
            replace(image, modality=LATERAL),
            ModalityConfig(
                modality=REPORT,
                prompt_encoder="report_prompt",
                autoencoder="report_vae",
                denoiser=ReportUNetConfig(**network, latent=8, slots=2, prompt_in_time=True),
                environment=environment,
                coupling=CouplingConfig(layer="linear", width=8),
            ),
        ),
    )  # fmt: skip


@pytest.fixture
def small_model(small_config: "ModelConfig") -> "Model":
    """A model of ``small_config``, the same each time, with no branch at its zero start."""
    import torch

    from xgem.model import build_model

    torch.manual_seed(0)
    model = build_model(small_config).eval()
    # Couplings alone stay as they begin: what they add is for the tests to say.
    for name, component in model.components.items():
        if not name.endswith("_coupling"):
            stir(component)
    return model


@pytest.fixture(scope="session")
def stirred() -> "Callable[[nn.Module], nn.Module]":
    """Fill what a network begins with as zero, as if it had learned something."""
    return stir


def stir(module: "nn.Module") -> "nn.Module":
    """Give every parameter that is all zero small seeded values."""
    import torch

    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.any():
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=rng))
    return module
