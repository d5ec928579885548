"""What a sample came from: enough to make it again, and nothing of the input itself."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from xgem.data.report import write_text
from xgem.diffusion.defaults import Joint, SolverName
from xgem.errors import InputError
from xgem.sampling.plan import Listening
from xgem.study import Modality, Task
from xgem.version import commit, version

Sha256 = str


class Checkpoint(BaseModel):
    """Which model made the sample."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    hash: str
    """Of its weights and configuration, as `xgem.manifest.checkpoint_hash` gives it."""


class Provenance(BaseModel):
    """The content of ``provenance.json``: one sample of one generation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    """Of the layout of the file."""
    xgem_version: str = Field(default_factory=version)
    xgem_commit: str | None = Field(default_factory=commit)
    """With "+" where files were changed; None where xgem does not run from its checkout."""
    checkpoint: Checkpoint
    task: str
    """As in "F+T->L"."""
    weights: dict[str, float]
    """One for each given modality, by letter."""
    seed: int
    """Of this sample: sample k of seed S has the seed S + k."""
    steps: int = Field(ge=1)
    solver: SolverName
    guidance: float | dict[str, float]
    """One number, or one for each modality by letter."""
    joint: Joint
    coupling: Listening
    """Whom outputs that are made together heard."""
    coupling_guidance: float
    """As used where outputs are made together."""
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    """Levels between which prompts were guided."""
    guidance_rescale: float = 0.0
    """How far guided predictions were brought back to the size of those as trained."""
    preprocessing: str
    """How inputs were prepared, in words."""
    inputs: dict[str, Sha256]
    """For each given modality, by letter, the SHA-256 of its file or its cleaned text."""
    time: AwareDatetime
    """When the generation began, in UTC."""
    warnings: tuple[str, ...] = ()

    @property
    def in_short(self) -> dict[str, str]:
        """What a picture says of itself beside being synthetic, as text chunks of its PNG."""
        return {
            "Software": f"xgem {self.xgem_version}",
            "Checkpoint": f"{self.checkpoint.name}, {self.checkpoint.hash}",
            "Task": self.task,
            "Seed": str(self.seed),
        }

    def require_given(self, given: Iterable[Modality]) -> None:
        """Check that the same modalities are given as then.

        Raises:
            InputError: one is missing or was not there then.
        """
        given, then = set(given), set(Task.parse(self.task).inputs)
        if missing := sorted(then - given):
            name = missing[0].name
            raise InputError(f"the sample was made from a {name}; give the same --{name}")
        if added := sorted(given - then):
            name = added[0].name
            raise InputError(
                f"the sample was made without a {name} (its task is {self.task}); "
                f"leave --{name} out"
            )

    def require_same(self, checkpoint: Checkpoint, inputs: Mapping[str, Sha256]) -> None:
        """Check that the same model is given the same files and text as then.

        Raises:
            InputError: it is another model, or an input has changed.
        """
        if checkpoint.hash != self.checkpoint.hash:
            raise InputError(
                f"the sample was made by the model {self.checkpoint.name} "
                f"({self.checkpoint.hash}), this is {checkpoint.name} ({checkpoint.hash}); "
                f"name the first with --model"
            )
        for modality in Task.parse(self.task).inputs:
            if inputs.get(modality.letter) != self.inputs.get(modality.letter):
                raise InputError(
                    f"this {modality.name} is not the one that the sample was made from; "
                    f"give the same --{modality.name}"
                )

    def write(self, path: Path) -> Path:
        """Write it as indented JSON.

        Raises:
            OutputError: the disk is full or may not be written.
        """
        return write_text(path, self.model_dump_json(indent=1))

    @classmethod
    def read(cls, path: Path) -> "Provenance":
        """Read a ``provenance.json``.

        Raises:
            InputError: there is no such file, or it is not a provenance of this schema.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise InputError(
                f"cannot read {path} ({error.strerror}); name the provenance.json of a sample"
            ) from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the whole file"
            raise InputError(
                f"{path} is not a provenance.json that this xgem reads "
                f"({place}: {first['msg']}); name the file beside a generated sample"
            ) from error
