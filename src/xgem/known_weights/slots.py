"""What a name after ``--init`` stands for: components, or halves of them, and what fits there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.errors import ConfigError
from xgem.known_weights.clip import TEXT, VISION
from xgem.known_weights.network import Network
from xgem.known_weights.report_models import BERT, GPT2
from xgem.known_weights.stable_diffusion import UNET, VAE
from xgem.latents.image_vae import ImageVaeConfig
from xgem.latents.report_vae import ReportVaeConfig
from xgem.model import ModelConfig
from xgem.prompts.image_encoder import ClipImageEncoderConfig
from xgem.prompts.report_encoder import ReportEncoderConfig

PARTS = ("image_vae", "image_unet", "prompt_encoders", "report_encoder", "report_decoder", "all")

_ASIDE = r"pairs\..*"
"""Keys of a head that helps a report autoencoder to learn, and that it may begin without."""


@dataclass(frozen=True)
class Slot:
    """One component, or a part of one, that can begin with known weights."""

    component: str
    network: Network | None = None
    """The published network that fits; None where only models of xgem do."""
    prefixes: tuple[str, ...] = ("",)
    """Our keys that belong to it begin with one of these."""
    subfolder: str = ""
    """Where diffusers keeps it in a pipeline."""
    vocabulary: str | None = None
    """Field of the configuration that holds the vocabulary of its tokens."""
    marked: bool = False
    """Whether marks are added to a published vocabulary."""
    apart: tuple[str, ...] = ()
    """Settings of the component that this part of it does not depend on."""

    @property
    def of_xgem(self) -> Network:
        """The same place, filled from the same component of another model of xgem."""

        def ours(component: nn.Module) -> dict[str, str]:
            first: dict[int, str] = {}
            pairs = {}
            for key, value in component.state_dict(keep_vars=True).items():
                # Tied weights may be stored once, under the first of their names.
                pairs[key] = first.setdefault(id(value), key)
            return {key: name for key, name in pairs.items() if key.startswith(self.prefixes)}

        others = "|".join(map(re.escape, self.prefixes))
        return Network(
            name=f"{self.component} of xgem",
            ours=ours,
            # The other half, the second names of tied weights, and what only training reads.
            dropped=re.compile(rf"(?!{others}).*|.*lm_head\.weight|{_ASIDE}"),
            optional=re.compile(_ASIDE),
        )


def slots_of(part: str, model: ModelConfig) -> list[Slot]:
    """List what a part consists of in a model.

    Raises:
        ConfigError: there is no such part.
    """
    known = list(_slots(model))
    if part == "all":
        return [Slot(name, vocabulary=_vocabulary(name, model)) for name in model.components]
    found = [slot for name, slot in known if name == part]
    if part == "prompt_encoders":
        found.append(Slot("whitening"))
    if found:
        return found
    if part in model.components:
        fitting = [slot for _, slot in known if slot.component == part]
        return fitting if len(fitting) == 1 else [Slot(part, vocabulary=_vocabulary(part, model))]
    raise ConfigError(
        f"--init {part}: no such part in this recipe's model; use {', '.join(PARTS)}, or one of "
        f"{', '.join(model.components)}"
    )


def _slots(model: ModelConfig) -> Iterator[tuple[str, Slot]]:
    for name, encoder in model.prompt_encoders.items():
        if isinstance(encoder, ClipImageEncoderConfig):
            yield "prompt_encoders", Slot(name, VISION, subfolder="image_encoder")
        elif isinstance(encoder, ReportEncoderConfig):
            slot = Slot(name, TEXT, subfolder="text_encoder", vocabulary="vocabulary")
            yield "prompt_encoders", slot
        else:
            yield "prompt_encoders", Slot(name)
    for name, autoencoder in model.autoencoders.items():
        if isinstance(autoencoder, ImageVaeConfig):
            yield "image_vae", Slot(name, VAE, subfolder="vae")
        elif isinstance(autoencoder, ReportVaeConfig):
            yield "report_encoder", _reading(name)
            yield "report_decoder", _writing(name)
    for parts in model.modalities:
        if isinstance(parts.denoiser, ImageUNetConfig):
            yield "image_unet", Slot(f"{parts.modality.name}_denoiser", UNET, subfolder="unet")


def _reading(component: str) -> Slot:
    """Make the half of a report autoencoder that reads."""
    return Slot(
        component,
        BERT,
        prefixes=("encoder.", "to_posterior."),
        vocabulary="encoder_vocabulary",
        apart=(
            "decoder_vocabulary", "decoder_vocabulary_size", "decoder_positions", "first_position",
            "decoder_layers", "decoder_width", "decoder_feed_forward", "decoder_heads",
            "memory_tokens",
        ),
    )  # fmt: skip


def _writing(component: str) -> Slot:
    """Make the half of a report autoencoder that writes."""
    return Slot(
        component,
        GPT2,
        prefixes=("decoder.", "to_memory.", "to_emb"),
        vocabulary="decoder_vocabulary",
        marked=True,
        apart=(
            "encoder_vocabulary", "encoder_vocabulary_size", "positions", "keep_end", "width",
            "feed_forward", "encoder_layers", "heads", "pooling", "logvar_offset",
        ),
    )  # fmt: skip


def _vocabulary(component: str, model: ModelConfig) -> str | None:
    """Name a field that holds a vocabulary; those of the report autoencoder go together."""
    part = (model.prompt_encoders | model.autoencoders).get(component)
    fields = getattr(part, "__dataclass_fields__", {})
    return next((name for name in fields if name.endswith("vocabulary")), None)
