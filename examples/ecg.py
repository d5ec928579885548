"""A fourth modality in one file: the electrocardiogram's lead I, as a vector of voltages.

Everything that xgem needs to know of it stands here: what it is, the encoder that makes prompts of
it, the autoencoder that makes latents of it, and which denoiser serves it. Training, sampling and
checkpoints take it from the model's configuration, as they take radiographs and reports.

    recipe = replace(recipe, model=with_ecg(recipe.model), stages=...)
    train(recipe, run, data=EcgStore(store))  # gone on with by resume(run, data=EcgStore(store))
    XGeM.from_pretrained(run / "model").generate(study, to="E")

The recordings are simulated: a heart that is enlarged on the radiograph beats with a taller R wave.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.data.store import Store
from xgem.denoisers.report_unet import ReportUNetConfig
from xgem.kinds import AutoencoderKind, PromptEncoderKind
from xgem.latents.normalization import LatentNormalization
from xgem.latents.posterior import kl_divergence, sample_posterior
from xgem.model import ModalityConfig, ModelConfig
from xgem.share import Share
from xgem.study import Content, Modality, Study

ECG = Modality("E", "ecg")
SAMPLES = 128
"""One second at 128 Hz, in millivolts."""


def collate_signals(contents: Sequence[Content]) -> Tensor:
    """Stack recordings into (batch, SAMPLES)."""
    return torch.from_numpy(np.stack([np.asarray(signal, np.float32) for signal in contents]))


@dataclass(frozen=True, kw_only=True)
class EcgEncoderConfig(PromptEncoderKind):
    """Recording -> one unit vector in the shared space."""

    kind: Literal["ecg_encoder"] = "ecg_encoder"
    channels: int = 32
    width: int = 128
    """Of the shared space."""

    def build(self) -> "EcgEncoder":
        return EcgEncoder(self)


class EcgEncoder(nn.Module):
    """Two strided convolutions, then a linear map of what is left in its order."""

    collate = staticmethod(collate_signals)

    def __init__(self, config: EcgEncoderConfig) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, config.channels, 7, stride=4, padding=3),
            nn.SiLU(),
            nn.Conv1d(config.channels, config.channels, 5, stride=4, padding=2),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(config.channels * SAMPLES // 16, config.width),
        )

    @property
    def empty(self) -> Content:
        """What stands for no recording: a flat line."""
        return np.zeros(SAMPLES, np.float32)

    def doubt(self, content: Content) -> str | None:
        """Nothing: every recording is read as a whole."""
        return None

    def forward(self, signals: Tensor) -> Tensor:
        return F.normalize(self.layers(signals[:, None]).float(), dim=-1)


@dataclass(frozen=True, kw_only=True)
class EcgVaeConfig(AutoencoderKind):
    """Recording <-> latent vector."""

    kind: Literal["ecg_vae"] = "ecg_vae"
    hidden: int = 128
    latent: int = 16
    kl_weight: float = 1e-3
    aside: ClassVar[frozenset[str]] = frozenset({"kl_weight"})
    """What may change while weights stay."""

    def build(self) -> "EcgVae":
        return EcgVae(self)


class EcgVae(nn.Module):
    """A variational autoencoder of one hidden layer a side."""

    decoding = ("decoder", "normalization")
    """The parts that decoding needs."""
    collate = staticmethod(collate_signals)

    def __init__(self, config: EcgVaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = nn.Sequential(
            nn.Linear(SAMPLES, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, 2 * config.latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(config.latent, config.hidden), nn.SiLU(), nn.Linear(config.hidden, SAMPLES)
        )
        self.normalization = LatentNormalization(config.latent, 0)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.latent,)

    @property
    def spread(self) -> Tensor:
        return self.normalization.spread

    def encode(self, signals: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = self.encoder(signals).chunk(2, dim=-1)
        return mean, logvar

    def to_latent(self, signals: Tensor) -> Tensor:
        latent: Tensor = self.normalization(self.encode(signals)[0])
        return latent

    def fit_normalization(self, raw: Tensor) -> None:
        self.normalization.fit(raw)

    def decode(
        self, latents: Tensor, sources: Sequence[torch.Generator] | None = None
    ) -> list[Content]:
        return list(self.decoder(self.normalization.inverse(latents)).float().cpu().numpy())

    def loss(self, signals: Tensor, progress: float, share: Share) -> Mapping[str, Tensor]:
        mean, logvar = self.encode(signals)
        again = self.decoder(sample_posterior(mean, logvar, share.randn(self.config.latent)))
        return {
            "error": share.mean((again.float() - signals).square().mean(1)),
            "kl": self.config.kl_weight * share.mean(kl_divergence(mean, logvar).sum(1)),
        }


def with_ecg(model: ModelConfig) -> ModelConfig:
    """Let the ECG join a model; environment and coupling are as those of its first modality."""
    first = model.modalities[0]
    denoiser = ReportUNetConfig(
        latent=EcgVaeConfig().latent,
        slots=2,
        model_channels=32,
        multipliers=(1, 2),
        blocks=(1, 1),
        attention=(True, True),
        heads=2,
        context=model.prompt_width,
        groups=4,
        prompt_in_time=True,
    )
    parts = ModalityConfig(
        modality=ECG,
        prompt_encoder="ecg_prompt",
        autoencoder="ecg_vae",
        denoiser=denoiser,
        environment=first.environment,
        coupling=first.coupling,
    )
    return replace(
        model,
        modalities=(*model.modalities, parts),
        prompt_encoders={
            **model.prompt_encoders,
            "ecg_prompt": EcgEncoderConfig(width=model.prompt_width),
        },
        autoencoders={**model.autoencoders, "ecg_vae": EcgVaeConfig()},
    )


class EcgStore(Store):
    """A store of chest studies, most of which have a recording too."""

    def __getitem__(self, index: int) -> Study:
        study = super().__getitem__(index)
        if not self.holds(ECG)[index]:
            return study
        return replace(study, contents={**study.contents, ECG: recording(study, index)})

    def holds(self, modality: Modality) -> np.ndarray:
        """Every fifth study has none."""
        return np.arange(len(self)) % 5 > 0 if modality == ECG else super().holds(modality)


def recording(study: Study, seed: int) -> np.ndarray:
    """Simulate a beat: P, Q, R, S and T waves as bumps, with a little noise."""
    rng = np.random.default_rng(seed)
    enlarged = any(finding.label == "Cardiomegaly" for finding in study.findings or ())
    place, time = 0.35 + 0.1 * rng.random(), np.linspace(0, 1, SAMPLES)
    waves = [(-0.17, 0.15, 0.025), (-0.03, -0.1, 0.008), (0.0, 1.0 + enlarged, 0.010),
             (0.03, -0.2, 0.008), (0.25, 0.3, 0.040)]  # fmt: skip
    signal = sum(
        height * np.exp(-(((time - place - after) / width) ** 2) / 2)
        for after, height, width in waves
    )
    return (signal + 0.02 * rng.standard_normal(SAMPLES)).astype(np.float32)
