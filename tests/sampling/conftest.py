"""A model of small fake parts: instant, and honest about who hears whom."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.data.radiograph import Preprocessing
from xgem.denoisers.coupling import Coupling, CouplingConfig, CouplingMode
from xgem.denoisers.environment import Environment
from xgem.denoisers.unet import UNet
from xgem.diffusion.defaults import SamplingDefaults
from xgem.diffusion.process import Prediction, Process, ScheduleConfig
from xgem.model import ModalityParts, Model, ModelConfig
from xgem.prompts.whitening import Whitening
from xgem.study import FRONTAL, LATERAL, REPORT, Content, Modality

WIDTH, ENVIRONMENT, SIZE = 6, 5, 8
SHAPES = {FRONTAL: (2, 4, 4), LATERAL: (2, 4, 4), REPORT: (12,)}


def numbers(content: Content) -> Tensor:
    """A content as 64 numbers: pixels, or how often each letter occurs."""
    if isinstance(content, str):
        counts = np.bincount([ord(letter) % 64 for letter in content] or [0], minlength=64)
        return torch.from_numpy(counts).float() * bool(content)
    return torch.from_numpy(content).flatten()


class FakeEncoder(nn.Module):
    def __init__(self, empty: Content) -> None:
        super().__init__()
        self.empty = empty
        self.layer = nn.Linear(64, WIDTH)
        self.seen: list[Content] = []

    def doubt(self, content: Content) -> str | None:
        return None

    def collate(self, contents: Sequence[Content]) -> Tensor:
        self.seen += contents
        return torch.stack([numbers(content) for content in contents])

    def forward(self, batch: Tensor) -> Tensor:
        return F.normalize(self.layer(batch), dim=-1)


class FakeAutoencoder(nn.Module):
    """Latent -> an image of squares, or a word of letters "a" to "e"."""

    def __init__(self, latent_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.latent_shape = latent_shape
        self.decoding = ()
        self.spread = torch.ones([1] * len(latent_shape))

    def collate(self, contents: Sequence[Content]) -> Tensor:
        return torch.stack([numbers(content) for content in contents])

    def to_latent(self, batch: Tensor) -> Tensor:
        return batch[:, : int(np.prod(self.latent_shape))].view(-1, *self.latent_shape)

    def decode(self, latents: Tensor, sources: object = None) -> list[Content]:
        if latents.ndim == 2:
            letters = (latents * 2).round().clamp(-2, 2).int() + 2
            return ["".join("abcde"[place] for place in row) for row in letters.tolist()]
        images = F.interpolate(latents.mean(1, keepdim=True).sigmoid(), size=(SIZE, SIZE))[:, 0]
        return [image.numpy() for image in images]


class FakeDenoiser(UNet):
    def __init__(self, latent_shape: tuple[int, ...]) -> None:
        nn.Module.__init__(self)
        size = int(np.prod(latent_shape))
        self.latent = nn.Linear(size, size)
        self.context = nn.Linear(WIDTH, size)
        self.calls: list[tuple[int, bool]] = []
        """Batch size of each call, and whether others were heard."""

    def embed_time(self, timestep: Tensor) -> Tensor:
        return timestep[:, None] / 1000

    def forward(
        self, noisy: Tensor, timestep: Tensor, prompt: Tensor, couple: object = None
    ) -> Tensor:
        self.calls.append((len(noisy), couple is not None))
        features = self.latent(noisy.flatten(1)) + self.context(prompt.mean(1)) * 3
        features = features + self.embed_time(timestep)
        if couple is not None:
            features = couple("only", features[:, :, None, None])[:, :, 0, 0]
        return features.sin().view(noisy.shape)


class FakeEnvironment(Environment):
    def __init__(self, latent_shape: tuple[int, ...]) -> None:
        nn.Module.__init__(self)
        self.layer = nn.Linear(int(np.prod(latent_shape)), ENVIRONMENT)

    def forward(self, noisy: Tensor, embedding: Tensor) -> Tensor:
        return F.normalize(self.layer(noisy.flatten(1)) + embedding, dim=-1)


class FakeCoupling(Coupling):
    def __init__(self, latent_shape: tuple[int, ...]) -> None:
        nn.Module.__init__(self)
        self.config = CouplingConfig()
        self.layer = nn.Linear(ENVIRONMENT, int(np.prod(latent_shape)))

    def bind(self, tokens: Tensor) -> Callable[[str, Tensor], Tensor]:
        return lambda block, features: features + self.layer(tokens.mean(1))[:, :, None, None]


class FakeModel(Model):
    def __init__(
        self,
        modalities: Sequence[Modality] = (FRONTAL, LATERAL, REPORT),
        mode: CouplingMode = CouplingMode.CROSS,
        coupled: bool = True,
        sampling: SamplingDefaults | None = None,
        process: Process | None = None,
    ) -> None:
        nn.Module.__init__(self)
        torch.manual_seed(7)
        self.config = ModelConfig(
            modalities=(),
            prompt_encoders={},
            autoencoders={},
            prompt_width=WIDTH,
            coupling_mode=mode,
            process=process
            or Process(schedule=ScheduleConfig(kind="cosine"), prediction=Prediction.VELOCITY),
            sampling=sampling or SamplingDefaults(steps=4, guidance=2.0),
            preprocessing=Preprocessing(size=SIZE),
        )
        self.components = nn.ModuleDict({"whitening": Whitening(WIDTH)})
        self.whitening.fit(F.normalize(torch.randn(50, WIDTH), dim=-1))
        self.parts = {}
        for modality in modalities:
            shape = SHAPES[modality]
            empty = "" if modality == REPORT else np.zeros((SIZE, SIZE), np.float32)
            parts = {
                "prompt_encoder": FakeEncoder(empty),
                "autoencoder": FakeAutoencoder(shape),
                "denoiser": FakeDenoiser(shape),
                "environment": FakeEnvironment(shape) if coupled else None,
                "coupling": FakeCoupling(shape) if coupled else None,
            }
            self.components[modality.name] = nn.ModuleDict({k: v for k, v in parts.items() if v})
            self.parts[modality] = ModalityParts(
                modality=modality, process=self.config.process, **parts
            )


@pytest.fixture(scope="session")
def fake_model() -> type[FakeModel]:
    """Build fake models: ``fake_model(modalities=..., mode=..., coupled=..., ...)``."""
    return FakeModel
