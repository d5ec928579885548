"""How a model is best sampled where the user does not say: chosen by its recipe."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from xgem.errors import ConfigError

SolverName = Literal["ddim", "dpm++", "unipc"]
"""DDIM (the published sampler), DPM-Solver++ and UniPC (second order: fewer steps)."""

Joint = Literal["parallel", "chained"]
"""``parallel``: several outputs are denoised together and may hear each other. ``chained``: one
after the other, each a prompt for the next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingDefaults:
    """Settings of a generation, stored with the model.

    Raises:
        ConfigError: a value is outside its range.
    """

    steps: int = 20
    """Calls of each network (of each pass, where guidance needs several)."""
    guidance: Mapping[str, float] | float = 3.0
    """How closely prompts are followed, one number or one for each letter of a modality; 1 is as
    trained, 7.5 the release's."""
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    """Between which levels (shares of signal, see `process`) prompts are guided; at others they are
    followed as trained, in one pass of the network instead of two. Too noisy, and guidance makes
    all samples alike; nearly clean, and it changes nothing. The noise level of the paper is
    ``sigma = sqrt((1 - level) / level)``: its (0.28, 5.42] for Stable Diffusion XL is
    (0.033, 0.927).

    Source: Kynkäänniemi et al. 2024 (arXiv 2404.07724), eq. 6."""
    guidance_rescale: float = 0.0
    """How far guided predictions are brought back to the size of those as trained, from 0, not at
    all, to 1: strong guidance alone makes pictures of too much contrast.

    Source: Lin et al. 2023 (arXiv 2305.08891), section 3.4; 0.7 there."""
    coupling_guidance: float = 1.0
    """How closely joint outputs follow each other; 1 is as trained, 0 not at all."""
    joint: Joint = "parallel"
    """How several outputs are made."""
    chain: tuple[str, ...] = ()
    """Letters of modalities in the order in which chained outputs are made; what is not named comes
    after these, in the order asked for. What says most plainly what there is should come first."""
    solver: SolverName = "ddim"
    eta: float = 0.0
    """DDIM only: share of fresh noise in every step; the release's demo has 1."""
    spacing: Literal["trailing", "released"] = "trailing"
    """``released`` is DDIM with the ends of the published sampler: it starts below the last
    timestep and its last step, which changes nothing, is skipped."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError(f"{self.steps} sampling steps; use at least 1")
        if len(set(self.chain)) < len(self.chain):
            raise ConfigError(f"a letter stands twice in the chain {'+'.join(self.chain)}")
        low, high = self.guidance_interval
        if not 0 <= low < high <= 1:
            raise ConfigError(
                f"a guidance interval from {low:g} to {high:g}; give two shares of signal in "
                f"[0, 1], the smaller one first"
            )
        if not 0 <= self.guidance_rescale <= 1:
            raise ConfigError(
                f"guidance rescale {self.guidance_rescale:g} is outside [0, 1]; choose inside"
            )
        if not 0 <= self.eta <= 1:
            raise ConfigError(f"eta {self.eta} is outside [0, 1]; choose inside")
        if self.solver != "ddim" and (self.eta or self.spacing == "released"):
            raise ConfigError(
                f"eta and the released spacing belong to ddim; leave them out with {self.solver}"
            )

    def guidance_of(self, letter: str, level: float) -> float:
        """The guidance of one modality at a level; 1 where a mapping leaves it out."""
        low, high = self.guidance_interval
        if not low <= level <= high:
            return 1.0
        if isinstance(self.guidance, Mapping):
            return self.guidance.get(letter, 1.0)
        return self.guidance
