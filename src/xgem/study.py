"""What a study holds, what may be missing from it, and what is asked for."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import numpy as np

from xgem.errors import TaskError

Content = np.ndarray | str
"""What a study holds of one modality: a radiograph, float32 (height, width) in [0, 1] with
bright bone, or the text of a report."""


@dataclass(frozen=True, slots=True, order=True)
class Modality:
    """One thing that a study may hold."""

    letter: str
    """One capital letter, as tasks are written ("F+T->L")."""
    name: str
    """The word for it in file names and messages."""

    def __str__(self) -> str:
        return self.letter


FRONTAL = Modality("F", "frontal")
LATERAL = Modality("L", "lateral")
REPORT = Modality("T", "report")
CHEST = (FRONTAL, LATERAL, REPORT)
"""The modalities of the paper, in the order in which people list them."""


def parse_modalities(text: str, known: Iterable[Modality] = CHEST) -> tuple[Modality, ...]:
    """Read "F+T" as modalities, in the order of ``known``; an empty text is no modality.

    Raises:
        TaskError: a letter is not one of ``known``, or stands there twice.
    """
    by_letter = {modality.letter: modality for modality in known}
    letters = [part.strip().upper() for part in text.split("+")] if text.strip() else []
    for letter in letters:
        if letter not in by_letter:
            choices = ", ".join(f"{m.letter} ({m.name})" for m in by_letter.values())
            raise TaskError(
                f"unknown modality {letter!r} in {text!r}; use {choices}, joined by '+'"
            )
        if letters.count(letter) > 1:
            raise TaskError(f"{by_letter[letter].name} stands twice in {text!r}; name it once")
    return tuple(by_letter[letter] for letter in by_letter if letter in letters)


@dataclass(frozen=True, slots=True)
class Task:
    """Which modalities are given and which are asked for, as in "F+T->L".

    Raises:
        TaskError: nothing is asked for, or an output is also an input.
    """

    inputs: tuple[Modality, ...]
    """May be empty: an unconditional study."""
    outputs: tuple[Modality, ...]
    """At least one, none of them an input."""

    def __post_init__(self) -> None:
        if not self.outputs:
            raise TaskError(f"task {str(self)!r} asks for nothing; name at least one output")
        for modality in self.outputs:
            if modality in self.inputs:
                raise TaskError(
                    f"{modality.name} is both input and output of {str(self)!r}; "
                    f"leave it out of one of the two"
                )

    def __str__(self) -> str:
        def joined(modalities: tuple[Modality, ...]) -> str:
            return "+".join(modality.letter for modality in modalities)

        return f"{joined(self.inputs)}->{joined(self.outputs)}"

    @classmethod
    def parse(cls, text: str, known: Iterable[Modality] = CHEST) -> "Task":
        """Read "F+T->L"; "->F+L" is unconditional.

        Raises:
            TaskError: the text has no arrow, an unknown letter, or an output that is an input.
        """
        inputs, arrow, outputs = text.partition("->")
        if not arrow:
            raise TaskError(f"task {text!r} has no '->'; write it as 'F+T->L'")
        known = tuple(known)
        return cls(parse_modalities(inputs, known), parse_modalities(outputs, known))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is abnormal, or placed there, in a chest."""

    label: str
    """CheXpert's name where it has one ("Pleural Effusion"), else a plain one ("Pacemaker")."""
    side: str | None = None
    """The patient's "left", "right" or "bilateral"; None where a side means nothing."""
    site: str | None = None
    """Where in the lung ("upper", "middle", "lower"), or a device's tip; None if not placed."""
    severity: float = 0.5
    """0 (at the edge of visibility) to 1 (extreme)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One chest study, of which any modality and any label may be missing."""

    id: str
    contents: Mapping[Modality, Content] = field(default_factory=dict)
    """What is there; a missing modality is simply absent."""
    findings: tuple[Finding, ...] | None = None
    """The truth of a simulated study, () where nothing is wrong; None where it is not known."""
    synthetic: bool = False
    """Simulated or generated, as its files say; everything else counts as a real patient's."""
    label_values: Mapping[str, float] = field(default_factory=dict)
    """What is known of a patient's labels: 1 present, 0 absent, -1 doubted; NaN or left out where
    it is not known."""

    def __post_init__(self) -> None:
        for name in ("contents", "label_values"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[object, ...]:
        # Read-only views cannot be pickled themselves, and pools of workers do so.
        return partial(
            Study,
            id=self.id,
            contents=dict(self.contents),
            findings=self.findings,
            synthetic=self.synthetic,
            label_values=dict(self.label_values),
        ), ()

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What the study holds, in the order of F, L, T and then others by letter."""
        order = {modality: place for place, modality in enumerate(CHEST)}
        return tuple(sorted(self.contents, key=lambda m: (order.get(m, len(order)), m.letter)))

    def labels(self, names: Iterable[str]) -> dict[str, float]:
        """1 where a finding is there, 0 where it is not, NaN where that is not known.

        -1 where a report or a publisher doubts it.
        """
        if self.findings is None:
            return {name: self.label_values.get(name, math.nan) for name in names}
        found = {finding.label for finding in self.findings}
        return {name: float(name in found if name != "No Finding" else not found) for name in names}
