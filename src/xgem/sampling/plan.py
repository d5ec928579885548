"""What a generation has to do: which prompts are heard, what is made together or in turn."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from xgem.diffusion.defaults import Joint
from xgem.errors import TaskError
from xgem.study import Modality, Task, parse_modalities

Listening = Literal["cross", "own"]
"""Whose environment vectors a joint output hears; see `xgem.denoisers.coupling.CouplingMode`."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Outputs that are denoised in lock step, from the same prompts."""

    outputs: tuple[Modality, ...]
    prompts: Mapping[Modality, float]
    """Relative weights, all positive, of what is heard: inputs, and outputs of earlier stages.
    Empty: nothing is, an unconditional generation."""


def resolve_task(
    given: Iterable[Modality],
    to: str | Iterable[Modality] | None,
    known: Iterable[Modality],
) -> Task:
    """Say which modalities are inputs and which are outputs.

    Args:
        given: what the study holds.
        to: outputs as "F+L" or as modalities; None asks for all that is missing.
        known: what the model can read and make.

    Raises:
        TaskError: nothing is missing or asked for, an output is also an input, or the model does
            not know a modality.
    """
    given, known = tuple(given), tuple(known)
    if isinstance(to, str):
        outputs = parse_modalities(to, known)
    elif to is not None:
        outputs = tuple(to)
    else:
        outputs = tuple(modality for modality in known if modality not in given)
        if not outputs:
            there = ", ".join(modality.name for modality in known)
            raise TaskError(f"nothing is missing: {there} are all given; leave out what to make")
    for modality in (*given, *outputs):
        if modality not in known:
            choices = ", ".join(f"{m.letter} ({m.name})" for m in known)
            raise TaskError(f"this model does not know {modality.name}; it knows {choices}")
    if len(set(outputs)) < len(outputs):
        raise TaskError(f"an output stands twice in {[str(m) for m in outputs]}; name it once")
    return Task(given, outputs)


def plan_stages(
    task: Task,
    weights: Mapping[Modality, float] | None = None,
    joint: Joint = "parallel",
    chain: Sequence[str] = (),
) -> tuple[Stage, ...]:
    """Say what is generated from what, in order.

    Each input counts relative to the others by its weight, 1 where it has none; 0 leaves it out.
    Chained outputs come in the order of the letters of ``chain``, what it does not name after
    these; one that becomes a prompt for the next counts 1.

    Raises:
        TaskError: a weight is for something that is not an input, is negative or not a number, or
            all weights are 0.
    """
    prompts = _weighted_inputs(task, weights or {})
    if joint == "parallel":
        return (Stage(task.outputs, prompts),)
    if joint != "chained":
        raise TaskError(f"unknown way {joint!r} to join outputs; use 'parallel' or 'chained'")
    places = {letter: place for place, letter in enumerate(chain)}
    stages = []
    for output in sorted(task.outputs, key=lambda output: places.get(output.letter, len(chain))):
        stages.append(Stage((output,), dict(prompts)))
        prompts[output] = 1.0
    return tuple(stages)


def _weighted_inputs(task: Task, weights: Mapping[Modality, float]) -> dict[Modality, float]:
    for modality, weight in weights.items():
        if modality not in task.inputs:
            raise TaskError(
                f"a weight is given for {modality.name}, which is not an input of {task}; "
                f"leave the weight out or give the {modality.name}"
            )
        if not math.isfinite(weight) or weight < 0:
            raise TaskError(f"the weight of {modality.name} is {weight}; use 0 or more")
    prompts = {modality: float(weights.get(modality, 1.0)) for modality in task.inputs}
    heard = {modality: weight for modality, weight in prompts.items() if weight > 0}
    if task.inputs and not heard:
        raise TaskError("all weights are 0, so no input would be heard; make one of them positive")
    return heard
