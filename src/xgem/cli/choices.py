"""What a user may choose about a generation, and how an earlier sample's choices come back."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from xgem.diffusion.defaults import Joint, SamplingDefaults, SolverName
from xgem.errors import ConfigError
from xgem.sampling.plan import Listening
from xgem.sampling.provenance import Provenance
from xgem.study import Modality, Task, parse_modalities


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """The options of a generation; None where the user left one to the model."""

    to: tuple[Modality, ...] | None = None
    weights: dict[Modality, float] | None = None
    samples: int | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | dict[str, float] | None = None
    solver: SolverName | None = None
    joint: Joint | None = None
    coupling: Listening | None = None
    coupling_guidance: float | None = None
    guidance_interval: tuple[float, float] | None = None
    guidance_rescale: float | None = None

    def repeating(self, earlier: Provenance) -> "Choices":
        """Return the choices of an earlier sample.

        Raises:
            ConfigError: something else was chosen this time.
        """
        task = Task.parse(earlier.task)
        recorded = Choices(
            to=task.outputs,
            weights={m: earlier.weights[m.letter] for m in task.inputs} or None,
            samples=1,
            seed=earlier.seed,
            steps=earlier.steps,
            guidance=earlier.guidance,
            solver=earlier.solver,
            joint=earlier.joint,
            coupling=earlier.coupling,
            coupling_guidance=earlier.coupling_guidance,
            guidance_interval=earlier.guidance_interval,
            guidance_rescale=earlier.guidance_rescale,
        )
        for field in fields(self):
            now, then = getattr(self, field.name), getattr(recorded, field.name)
            if isinstance(then, dict) and isinstance(now, dict):
                now = {**then, **now}
            if now is not None and now != then:
                option = {"weights": "weight"}.get(field.name, field.name).replace("_", "-")
                raise ConfigError(
                    f"--{option} {_said(now)} contradicts the sample to be repeated, which was "
                    f"made with {_said(then)}; leave that option out"
                )
        return recorded


def parse_weights(texts: Sequence[str]) -> dict[Modality, float] | None:
    """Read ``["F=2"]`` as weights by modality; [] is None.

    Raises:
        TaskError: a letter is unknown.
        ConfigError: a text is not a letter and a number, or a letter stands twice.
    """
    weights: dict[Modality, float] = {}
    for text in texts:
        letter, _, number = text.partition("=")
        try:
            weight = float(number)
        except ValueError:
            raise ConfigError(f"--weight {text} is not a letter and a number, as in F=2") from None
        modalities = parse_modalities(letter)
        if len(modalities) != 1:
            raise ConfigError(f"--weight {text} is not one letter and a number, as in F=2")
        if modalities[0] in weights:
            raise ConfigError(f"--weight {modalities[0]} stands twice; give it one number")
        weights[modalities[0]] = weight
    return weights or None


def parse_interval(text: str | None) -> tuple[float, float] | None:
    """Read "0.03:0.93".

    Raises:
        ConfigError: it is not two shares of signal, the smaller one first.
    """
    if text is None:
        return None
    low, _, high = text.partition(":")
    try:
        interval = float(low), float(high)
    except ValueError:
        raise ConfigError(
            f"--guidance-interval {text} is not two shares of signal, as in 0.03:0.93"
        ) from None
    return SamplingDefaults(guidance_interval=interval).guidance_interval


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={number:g}" for key, number in value.items())
    if isinstance(value, tuple) and isinstance(value[0], float):
        return ":".join(f"{number:g}" for number in value)
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)
