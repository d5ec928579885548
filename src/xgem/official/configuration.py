"""The release's settings -> ours: the same shape, and its quirks by their names."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xgem.data.radiograph import Preprocessing
from xgem.denoisers.coupling import CouplingConfig, CouplingMode
from xgem.denoisers.environment import EnvironmentConfig
from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.denoisers.report_unet import ReportUNetConfig
from xgem.diffusion.defaults import SamplingDefaults
from xgem.errors import ConfigError
from xgem.latents.image_vae import ImageVaeConfig
from xgem.latents.report_vae import ReportVaeConfig
from xgem.model import ModalityConfig, Model, ModelConfig, build_model
from xgem.prompts.image_encoder import ClipImageEncoderConfig
from xgem.prompts.report_encoder import ReportEncoderConfig
from xgem.study import FRONTAL, LATERAL, REPORT, Modality

VISION_SCALE = 0.18215
"""What image latents are multiplied by before diffusion."""
TEXT_SCALE = 4.3108
"""What report latents are multiplied by before diffusion."""


class _Settings(BaseModel):
    """A group of the release's settings; those that change neither shape nor number are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class UNetSettings(_Settings):
    """Of one denoiser with its environment encoder and connectors ("connecters")."""

    input_channels: int
    output_channels: int
    model_channels: int
    num_noattn_blocks: tuple[int, ...]
    channel_mult: tuple[int | float, ...]
    second_dim: tuple[int, ...] | None = None
    """Reports only: slots of each level."""
    with_attn: tuple[bool, ...]
    channel_mult_connector: tuple[int | float, ...]
    num_noattn_blocks_connector: tuple[int, ...]
    second_dim_connector: tuple[int, ...] | None = None
    with_connector: tuple[bool, ...]
    connector_output_channel: int
    num_heads: int
    context_dim: int
    use_video_architecture: bool = False


class VaeSettings(_Settings):
    """Of the image autoencoder ("autokl")."""

    double_z: bool = True
    z_channels: int
    in_channels: int
    out_ch: int
    ch: int
    ch_mult: tuple[int, ...]
    num_res_blocks: int
    attn_resolutions: tuple[int, ...] = ()
    use_video_arch: bool = False


class BertSettings(_Settings):
    """Of the report autoencoder's encoder."""

    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_hidden_layers: int
    vocab_size: int
    max_position_embeddings: int


class GptSettings(_Settings):
    """Of the report autoencoder's decoder."""

    n_embd: int
    n_head: int
    n_layer: int
    vocab_size: int
    n_positions: int
    latent_size: int


class ClipTextSettings(_Settings):
    """Of CLIP's text tower."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    vocab_size: int
    max_position_embeddings: int
    projection_dim: int


class ClipVisionSettings(_Settings):
    """Of CLIP's vision tower."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    image_size: int
    patch_size: int
    projection_dim: int


class ClipSettings(_Settings):
    """Of both towers."""

    text: ClipTextSettings
    vision: ClipVisionSettings


class ReleasedSettings(_Settings):
    """All of them, as in the ``config.json`` of a folder of reference tensors."""

    unet2d: UNetSettings
    lateral_over: dict[str, Any] = Field(default_factory=dict)
    """What the lateral view's denoiser has otherwise."""
    text: UNetSettings
    ctx: int
    vae: VaeSettings
    vae_embed: int
    img: tuple[int, int]
    bert: BertSettings
    gpt: GptSettings
    lat: int
    clip: ClipSettings
    tolerances: dict[str, float] = Field(default_factory=dict)
    """For reference tensors whose names match a shell pattern."""

    @property
    def lateral(self) -> UNetSettings:
        return UNetSettings.model_validate({**self.unet2d.model_dump(), **self.lateral_over})


def read_settings(path: Path) -> ReleasedSettings:
    """Read a ``config.json`` in the release's terms.

    Raises:
        ConfigError: there is none, or it is not of this form.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        settings = ReleasedSettings.model_validate(content)
        settings.lateral  # noqa: B018 - its overrides are read too
    except OSError as error:
        raise ConfigError(
            f"cannot read {path} ({error.strerror}); name a folder with the release's config.json"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "root"
        raise ConfigError(
            f"{path}: {place}: {first['msg']}; expected the settings of the release"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON ({error}); copy it again") from error
    return settings


def released_model(settings: ReleasedSettings) -> ModelConfig:
    """Describe the model of ``settings`` in our terms, quirks included.

    Raises:
        ConfigError: they describe a network that the release cannot be.
    """
    image_size, clip = max(settings.img), settings.clip
    _require(clip.vision.image_size == 224, "clip.vision.image_size must be 224")
    _require(settings.vae.double_z, "vae.double_z must be true")
    _require(not settings.vae.attn_resolutions, "vae.attn_resolutions must be empty")
    _require(settings.vae.z_channels == settings.vae_embed, "vae.z_channels must be vae_embed")
    _require(settings.vae.in_channels == settings.vae.out_ch, "vae.in_channels must be vae.out_ch")
    _require(settings.lat == settings.gpt.latent_size, "lat must be gpt.latent_size")
    views = ((FRONTAL, settings.unet2d), (LATERAL, settings.lateral))
    return ModelConfig(
        prompt_width=settings.ctx,
        coupling_mode=CouplingMode.OWN,
        sampling=SamplingDefaults(steps=50, guidance=7.5, eta=1.0, spacing="released"),
        preprocessing=Preprocessing(size=image_size, policy="released"),
        prompt_encoders={
            "image_prompt": _image_encoder(clip.vision, image_size),
            "report_prompt": _report_encoder(clip.text),
        },
        autoencoders={
            "image_vae": _image_vae(settings.vae, image_size),
            "report_vae": _report_vae(settings.bert, settings.gpt),
        },
        modalities=(
            *(_modality(view, unet, "image", _image_unet(unet)) for view, unet in views),
            _modality(REPORT, settings.text, "report", _report_unet(settings.text)),
        ),
    )


def empty_model(config: ModelConfig) -> Model:
    """Build the network that `released_model` described, without weights.

    Raises:
        ConfigError: no network can be built so.
    """
    try:
        return build_model(config, weights=False)
    except Exception as error:  # whatever a network says of numbers that do not go together
        problem = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ConfigError(
            f"no network can be built of the release's settings ({problem}); correct its "
            f"config.json"
        ) from error


def _modality(
    modality: Modality,
    settings: UNetSettings,
    kind: str,
    denoiser: ImageUNetConfig | ReportUNetConfig,
) -> ModalityConfig:
    connected = settings.with_connector
    _require(
        len(connected) == len(settings.channel_mult),
        "with_connector must have one value for each of channel_mult",
    )
    _require(
        len(settings.num_noattn_blocks_connector) == len(settings.channel_mult_connector),
        "num_noattn_blocks_connector must have one value for each of channel_mult_connector",
    )
    levels = None if connected == settings.with_attn else connected
    return ModalityConfig(
        modality=modality,
        prompt_encoder=f"{kind}_prompt",
        autoencoder=f"{kind}_vae",
        denoiser=denoiser,
        environment=EnvironmentConfig(
            model_channels=settings.model_channels,
            multipliers=settings.channel_mult_connector,
            blocks=settings.num_noattn_blocks_connector,
            width=settings.connector_output_channel,
        ),
        coupling=CouplingConfig(width=settings.connector_output_channel, levels=levels),
    )


def _image_unet(settings: UNetSettings) -> ImageUNetConfig:
    _require(settings.second_dim is None, "second_dim belongs to the text denoiser")
    _require(settings.input_channels == settings.output_channels, "channels in must be those out")
    return ImageUNetConfig(latent_channels=settings.input_channels, **_layout(settings))


def _report_unet(settings: UNetSettings) -> ReportUNetConfig:
    slots = {*(settings.second_dim or ()), *(settings.second_dim_connector or ())}
    if len(slots) != 1:
        raise ConfigError(
            f"second_dim {settings.second_dim} and second_dim_connector "
            f"{settings.second_dim_connector} must hold one value throughout, the same in both; "
            f"no environment encoder of other slots than its denoiser's can be built"
        )
    _require(settings.input_channels == settings.output_channels, "channels in must be those out")
    return ReportUNetConfig(latent=settings.input_channels, slots=slots.pop(), **_layout(settings))


def _layout(settings: UNetSettings) -> dict[str, Any]:
    return {
        "model_channels": settings.model_channels,
        "multipliers": settings.channel_mult,
        "blocks": settings.num_noattn_blocks,
        "attention": settings.with_attn,
        "heads": settings.num_heads,
        "context": settings.context_dim,
        "skip_aliasing": True,
    }


def _image_encoder(settings: ClipVisionSettings, image_size: int) -> ClipImageEncoderConfig:
    return ClipImageEncoderConfig(
        image_size=image_size,
        hidden=settings.hidden_size,
        feed_forward=settings.intermediate_size,
        layers=settings.num_hidden_layers,
        heads=settings.num_attention_heads,
        patch=settings.patch_size,
        width=settings.projection_dim,
        eight_bit=True,
    )


def _report_encoder(settings: ClipTextSettings) -> ReportEncoderConfig:
    return ReportEncoderConfig(
        vocabulary_size=settings.vocab_size,
        positions=settings.max_position_embeddings,
        hidden=settings.hidden_size,
        feed_forward=settings.intermediate_size,
        layers=settings.num_hidden_layers,
        heads=settings.num_attention_heads,
        width=settings.projection_dim,
    )


def _image_vae(settings: VaeSettings, image_size: int) -> ImageVaeConfig:
    return ImageVaeConfig(
        image_size=image_size,
        channels=settings.in_channels,
        block_channels=tuple(settings.ch * multiplier for multiplier in settings.ch_mult),
        layers_per_block=settings.num_res_blocks,
        latent_channels=settings.z_channels,
        latent_std=1 / VISION_SCALE,
    )


def _report_vae(encoder: BertSettings, decoder: GptSettings) -> ReportVaeConfig:
    config = ReportVaeConfig(
        encoder_vocabulary_size=encoder.vocab_size,
        positions=encoder.max_position_embeddings,
        width=encoder.hidden_size,
        feed_forward=encoder.intermediate_size,
        heads=encoder.num_attention_heads,
        encoder_layers=encoder.num_hidden_layers,
        keep_end=False,
        decoder_vocabulary_size=decoder.vocab_size,
        decoder_positions=decoder.n_positions,
        decoder_layers=decoder.n_layer,
        latent=decoder.latent_size,
        latent_std=1 / TEXT_SCALE,
        first_position=1,
        longest=min(100, decoder.n_positions - 1),
        writing="drawn",
        top_p_cut=True,
    )
    shape = decoder.n_embd, 4 * decoder.n_embd, decoder.n_head
    if shape == config.decoder_shape:
        return config
    width, feed_forward, heads = shape
    return replace(
        config,
        decoder_width=width,
        decoder_feed_forward=feed_forward,
        decoder_heads=heads,
    )


def _require(so: bool, rule: str) -> None:
    if not so:
        raise ConfigError(f"{rule}, in the release; correct its config.json")
