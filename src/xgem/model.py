"""A model: the parts of each modality, built from one configuration."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from torch import Tensor, nn

# Imported for the kinds that they define.
import xgem.denoisers.image_unet
import xgem.denoisers.report_unet
import xgem.latents.image_vae
import xgem.latents.report_vae
import xgem.prompts.image_encoder
import xgem.prompts.report_encoder  # noqa: F401
from xgem.data.radiograph import Preprocessing
from xgem.denoisers.coupling import Coupling, CouplingConfig, CouplingMode
from xgem.denoisers.environment import Environment, EnvironmentConfig
from xgem.denoisers.unet import Couple, UNet, UNetConfig
from xgem.diffusion.defaults import SamplingDefaults
from xgem.diffusion.process import Prediction, Process, alpha_bar, precondition
from xgem.errors import CheckpointError, ConfigError
from xgem.kinds import AutoencoderKind, ByKind, PromptEncoderKind
from xgem.precision import Precision
from xgem.prompts.whitening import Whitening
from xgem.ranges import Count
from xgem.study import Content, Modality
from xgem.weights import without_weights


@runtime_checkable
class PromptEncoder(Protocol):
    """Content -> one unit vector in the shared space."""

    @property
    def empty(self) -> Content:
        """What stands for nothing given: a zero image, an empty report."""
        ...

    def doubt(self, content: Content) -> str | None:
        """What of a content it does not read, in a sentence; None where it reads all."""
        ...

    def collate(self, contents: Sequence[Content]) -> Tensor: ...

    def __call__(self, batch: Tensor) -> Float[Tensor, "batch width"]: ...


@runtime_checkable
class Autoencoder(Protocol):
    """Content <-> latent."""

    @property
    def latent_shape(self) -> tuple[int, ...]: ...

    @property
    def spread(self) -> Float[Tensor, "*channels"]:
        """Standard deviation of each channel of a normalized latent, broadcastable to it."""
        ...

    @property
    def decoding(self) -> tuple[str, ...]:
        """Names of the submodules that `decode` needs, as in "net.decoder"."""
        ...

    def collate(self, contents: Sequence[Content]) -> Tensor: ...

    def to_latent(self, batch: Tensor) -> Float[Tensor, "batch *latent"]:
        """Return normalized latents."""
        ...

    def decode(
        self,
        latents: Float[Tensor, "batch *latent"],
        sources: Sequence[torch.Generator] | None = None,
    ) -> list[Content]:
        """Decode normalized latents; where chance has a say, by one CPU generator a latent."""
        ...


@dataclass(frozen=True)
class ModalityParts:
    """Everything that one modality needs; nothing downstream asks which modality it is."""

    modality: Modality
    prompt_encoder: PromptEncoder
    autoencoder: Autoencoder
    denoiser: UNet
    environment: Environment | None
    coupling: Coupling | None
    process: Process

    @cached_property
    def levels(self) -> Float[Tensor, " timesteps"]:
        """Signal level of every timestep."""
        return alpha_bar(self.process.schedule)

    def predict(
        self,
        noisy: Float[Tensor, "batch *latent"],
        timestep: Float[Tensor, " batch"],
        prompt: Float[Tensor, "batch tokens width"],
        couple: Couple | None = None,
    ) -> Float[Tensor, "batch *latent"]:
        """Predict noise or velocity, as the process says.

        A velocity network is preconditioned for the spread of the latents; where that is 1, as in
        the release, this is the plain network.
        """
        predicted: Tensor
        if self.process.prediction is Prediction.NOISE:
            predicted = self.denoiser(noisy, timestep, prompt, couple)
            return predicted
        level = self.levels.to(noisy.device)[timestep.long()]
        into, around, out = precondition(level, self.autoencoder.spread.to(noisy.device))
        predicted = self.denoiser(into * noisy, timestep, prompt, couple)
        return around * noisy + out * predicted

    def environment_vector(
        self, noisy: Float[Tensor, "batch *latent"], timestep: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch width"]:
        """Encode a noisy latent to a unit vector, for what is made beside it."""
        assert self.environment is not None
        vector: Tensor = self.environment(noisy, self.denoiser.embed_time(timestep))
        return vector


PromptEncoderConfig = Annotated[PromptEncoderKind, ByKind()]
AutoencoderConfig = Annotated[AutoencoderKind, ByKind()]
DenoiserConfig = Annotated[UNetConfig, ByKind()]


@dataclass(frozen=True, kw_only=True)
class ModalityConfig:
    """The parts of one modality. Prompt encoders and autoencoders may be shared, by name."""

    modality: Modality
    prompt_encoder: str
    """A name in ``ModelConfig.prompt_encoders``."""
    autoencoder: str
    """A name in ``ModelConfig.autoencoders``."""
    denoiser: DenoiserConfig
    environment: EnvironmentConfig | None = None
    coupling: CouplingConfig | None = None


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A whole model, as it stands in a checkpoint's JSON."""

    modalities: tuple[ModalityConfig, ...]
    prompt_encoders: dict[str, PromptEncoderConfig]
    autoencoders: dict[str, AutoencoderConfig]
    prompt_width: Count = 768
    """Width of the shared space."""
    process: Process = field(default_factory=Process)
    coupling_mode: CouplingMode = CouplingMode.CROSS
    sampling: SamplingDefaults = field(default_factory=SamplingDefaults)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    """How radiographs were prepared for training, and must be for use."""
    precision: Precision = "fp32"
    """Of the weights as the networks compute with them; a file may hold them in less, and they are
    widened when they are loaded. Training is in fp32 whatever stands here."""

    def __post_init__(self) -> None:
        for parts in self.modalities:
            for name, home in (
                (parts.prompt_encoder, self.prompt_encoders),
                (parts.autoencoder, self.autoencoders),
            ):
                if name not in home:
                    raise ConfigError(
                        f"{parts.modality.name} names {name!r}, which is none of {', '.join(home)}"
                    )
        for kind in ("letter", "name"):
            found = [getattr(parts.modality, kind) for parts in self.modalities]
            if len(set(found)) < len(found):
                raise ConfigError(f"two modalities have the same {kind}: {', '.join(found)}")

    @property
    def components(self) -> list[str]:
        """Names of all components, in the order in which they are built."""
        names = ["whitening", *self.prompt_encoders, *self.autoencoders]
        for parts in self.modalities:
            name = parts.modality.name
            names.append(f"{name}_denoiser")
            names += [f"{name}_environment"] * (parts.environment is not None)
            names += [f"{name}_coupling"] * (parts.coupling is not None)
        return names

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        value: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ModelConfig":
        """Read what ``to_json`` gave.

        Raises:
            CheckpointError: a field is missing, unknown, of the wrong type or outside its range.
        """
        try:
            config = _ADAPTER.validate_json(json.dumps(value), strict=True)
            config.require_whole()
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise _edited(f"{place or 'root'}: {first['msg']}") from error
        except ConfigError as error:
            raise _edited(str(error)) from error
        return config

    def require_whole(self) -> None:
        """Check that there is something to make, and that all parts take what is prepared for them.

        Raises:
            ConfigError: there is no modality, or a part takes radiographs of another size.
        """
        if not self.modalities:
            raise ConfigError("a model needs at least one modality")
        parts: dict[str, Any] = {**self.prompt_encoders, **self.autoencoders}
        for name, part in parts.items():
            size = getattr(part, "image_size", self.preprocessing.size)
            if size != self.preprocessing.size:
                raise ConfigError(
                    f"{name} takes images of {size} pixels a side, which are prepared to "
                    f"{self.preprocessing.size}; make these equal"
                )


def _edited(problem: str) -> CheckpointError:
    return CheckpointError(
        f"model configuration: {problem}; it was written by another version of xgem, or edited"
    )


_ADAPTER = TypeAdapter(ModelConfig)


class Model(nn.Module):
    """All components by name, and the parts of each modality made of them.

    A component is what a checkpoint stores in one file: ``whitening``, every prompt encoder and
    autoencoder by its name, and ``frontal_denoiser``, ``frontal_environment``,
    ``frontal_coupling`` and so on for each modality.
    """

    def __init__(
        self,
        config: ModelConfig,
        only: Collection[str] | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Build with fresh weights, a component at a time.

        Args:
            config: What to build.
            only: Components that get memory, besides the whitening; the others have shapes alone
                (on the meta device). The weights of a component do not depend on this.
            dtype: Of the parameters; as they are made where None.
        """
        super().__init__()
        self.config = config
        self.components = nn.ModuleDict()
        for name in config.components:
            component = build_component(config, name, dict(self.components))
            if only is not None and name not in {"whitening", *only}:
                component.to("meta")
            elif dtype is not None and name != "whitening":
                for parameter in component.parameters():
                    parameter.data = parameter.data.to(dtype)
            self.components[name] = component

    @cached_property
    def parts(self) -> dict[Modality, ModalityParts]:
        """The parts of each modality, in the order of the configuration."""
        return {parts.modality: self._parts(parts) for parts in self.config.modalities}

    def _parts(self, config: ModalityConfig) -> ModalityParts:
        def component(name: str) -> Any:
            return self.components[name] if name in self.components else None

        name = config.modality.name
        return ModalityParts(
            modality=config.modality,
            prompt_encoder=component(config.prompt_encoder),
            autoencoder=component(config.autoencoder),
            denoiser=component(f"{name}_denoiser"),
            environment=component(f"{name}_environment"),
            coupling=component(f"{name}_coupling"),
            process=self.config.process,
        )

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What the model knows, in the order of the configuration."""
        return tuple(self.parts)

    @property
    def process(self) -> Process:
        return self.config.process

    @property
    def preprocessing(self) -> Preprocessing:
        return self.config.preprocessing

    @property
    def whitening(self) -> Whitening:
        whitening = self.components["whitening"]
        assert isinstance(whitening, Whitening)
        return whitening

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.whitening.mean.device


def build_model(config: ModelConfig, *, weights: bool = True) -> Model:
    """Build a model with fresh weights, or without any, to be filled from a checkpoint."""
    if weights:
        return Model(config)
    with without_weights():
        return Model(config)


def described_model(description: Mapping[str, Any]) -> Model:
    """Build the model that a checkpoint describes, without weights.

    Raises:
        CheckpointError: no model can be built so.
    """
    config = ModelConfig.from_json(description)
    try:
        return build_model(config, weights=False)
    except Exception as error:  # whatever a network says of numbers that do not go together
        problem = str(error).strip().partition("\n")[0] or type(error).__name__
        raise _edited(f"no network can be built so ({problem})") from error


def build_shapes(config: ModelConfig) -> dict[str, nn.Module]:
    """Build every component on the meta device, where it takes no memory.

    Raises:
        ConfigError: one cannot be built.
    """
    components = {}
    for name in config.components:
        try:
            with torch.device("meta"):
                components[name] = build_component(config, name)
        except Exception as error:  # whatever a network says of numbers that do not go together
            problem = str(error).strip().partition("\n")[0] or type(error).__name__
            raise ConfigError(
                f"{name} cannot be built: {problem}; change its settings (--set model...)"
            ) from error
    return components


def build_component(config: ModelConfig, name: str, built: Mapping[str, Any] | None = None) -> Any:
    """Build one component of a model with fresh weights.

    Args:
        config: Of the model.
        name: Of the component.
        built: The components before it, where they are there: a coupling looks at its denoiser.

    Raises:
        ConfigError: the model has none of that name.
    """
    if name == "whitening":
        return Whitening(config.prompt_width)
    part = config.prompt_encoders.get(name) or config.autoencoders.get(name)
    if part is not None:
        return part.build()
    for parts in config.modalities:
        modality, _, kind = name.rpartition("_")
        if modality != parts.modality.name or name not in config.components:
            continue
        if kind == "denoiser":
            return parts.denoiser.build()
        if kind == "environment" and parts.environment is not None:
            return parts.environment.build(parts.denoiser)
        if kind == "coupling" and parts.coupling is not None:
            if built is not None:
                denoiser: Any = built[f"{modality}_denoiser"]
                return parts.coupling.build(denoiser)
            with torch.device("meta"):
                return parts.coupling.build(parts.denoiser.build())
    raise ConfigError(f"no component {name!r}; the model has {', '.join(config.components)}")
