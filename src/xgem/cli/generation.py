"""What `xgem generate` does once its call is known to be right; importing this brings torch."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xgem.cli.choices import Choices
from xgem.cli.new_folder import new_folder
from xgem.cli.progress import warn
from xgem.data.radiograph import InputWarning
from xgem.data.study_files import input_hashes
from xgem.progress import Progress
from xgem.sampling.pipeline import XGeM
from xgem.sampling.plan import resolve_task
from xgem.sampling.provenance import Checkpoint, Provenance
from xgem.sampling.sample_files import write_sample, write_sheet
from xgem.study import Modality, Study, Task

Given = Mapping[Modality, Path | str]
"""The file, or the text, of each input."""


def complete(
    given: Given,
    choices: Choices,
    *,
    model: Path | None,
    device: str,
    offload: bool | None,
    fast: bool,
    earlier: Provenance | None,
    out: Path,
    report: Progress,
) -> dict[str, Any]:
    """Generate what was chosen, write it to ``out``, and say what was made.

    The model is the bundled one where ``model`` is None; ``earlier`` is a sample to be repeated;
    ``device``, ``offload`` and ``fast`` are as for `XGeM.from_pretrained`.

    Raises:
        XGeMError: the model, an input, a choice or the disk is not as it must be; nothing is
            written.
    """
    xgem = XGeM.from_pretrained(model, device=device, offload=offload, fast=fast)
    study, doubts = _read(xgem, given)
    task = resolve_task(study.modalities, choices.to, xgem.model.modalities)
    began = _provenance(xgem, given, task, choices)
    if earlier is not None:
        earlier.require_same(began.checkpoint, began.inputs)
    for doubt in doubts:
        warn(doubt)
    with _noting(given) as more:
        made = _make(xgem, study, task, began, choices.samples or 1, report)
    for doubt in more:
        warn(doubt)
    doubts += more
    report("writing", 0, 0)
    records = [
        began.model_copy(update={"seed": began.seed + k, "warnings": tuple(doubts)})
        for k in range(len(made))
    ]
    files = _write(out, study, made, records)
    return {
        "out": str(out),
        "sheet": str(out / "sheet.png"),
        "task": str(task),
        "samples": [
            {"seed": record.seed, "files": [str(out / name) for name in names]}
            for record, names in zip(records, files, strict=True)
        ],
        "warnings": doubts,
    }


def _read(xgem: XGeM, given: Given) -> tuple[Study, list[str]]:
    """Read the inputs, and say what is doubtful about them."""
    with _noting(given) as doubts:
        study = xgem.read(**{modality.name: source for modality, source in given.items()})
    return study, doubts


@contextmanager
def _noting(given: Given) -> Iterator[list[str]]:
    """Yield a list that holds in the end what was doubtful about inputs, without their names."""
    doubts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        yield doubts
    for found in caught:
        if issubclass(found.category, InputWarning):
            doubt = str(found.message)
            for modality, source in given.items():
                doubt = doubt.replace(f"{source}: ", f"{modality.name}: ")
            doubts.append(doubt)


def _provenance(
    xgem: XGeM,
    given: Given,
    task: Task,
    choices: Choices,
) -> Provenance:
    """Say what the first sample comes from; the others differ in their seed."""
    settings = xgem.settings(
        steps=choices.steps,
        guidance=choices.guidance,
        solver=choices.solver,
        joint=choices.joint,
        coupling_guidance=choices.coupling_guidance,
        guidance_interval=choices.guidance_interval,
        guidance_rescale=choices.guidance_rescale,
    )
    guidance = settings.guidance
    weights = choices.weights or {}
    hashes = input_hashes(**{modality.name: source for modality, source in given.items()})
    return Provenance(
        checkpoint=Checkpoint(name=str(xgem.card.get("name")), hash=str(xgem.checkpoint)),
        task=str(task),
        weights={m.letter: weights.get(m, 1.0) for m in task.inputs},
        seed=choices.seed or 0,
        steps=settings.steps,
        solver=settings.solver,
        guidance=dict(guidance) if isinstance(guidance, Mapping) else guidance,
        joint=settings.joint,
        coupling=choices.coupling or xgem.model.config.coupling_mode.value,
        coupling_guidance=settings.coupling_guidance,
        guidance_interval=settings.guidance_interval,
        guidance_rescale=settings.guidance_rescale,
        preprocessing=xgem.model.preprocessing.describe(),
        inputs={m.letter: hashes[m.name] for m in task.inputs},
        time=datetime.now(UTC).replace(microsecond=0),
    )


def _make(
    xgem: XGeM, study: Study, task: Task, began: Provenance, samples: int, report: Progress
) -> list[Study]:
    """Generate exactly as ``began`` says."""
    return xgem.generate(
        study,
        to=task.outputs,
        samples=samples,
        seed=began.seed,
        steps=began.steps,
        guidance=began.guidance,
        weights={m: began.weights[m.letter] for m in task.inputs},
        solver=began.solver,
        joint=began.joint,
        coupling=began.coupling,
        coupling_guidance=began.coupling_guidance,
        guidance_interval=began.guidance_interval,
        guidance_rescale=began.guidance_rescale,
        progress=report,
    )


def _write(
    out: Path, study: Study, made: Sequence[Study], records: Sequence[Provenance]
) -> list[list[str]]:
    """Write all samples and the sheet, or nothing; return each sample's files within ``out``."""
    with new_folder(out) as folder:
        files = []
        for place, (sample, record) in enumerate(zip(made, records, strict=True)):
            written = write_sample(folder / f"sample-{place:03d}", sample, record)
            files.append([str(path.relative_to(folder)) for path in written])
        write_sheet(folder / "sheet.png", study, made, records)
    return files
