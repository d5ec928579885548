"""Many studies completed at once: the same samples as one by one, in a fraction of the time."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from xgem.data.batches import chunks
from xgem.denoisers.coupling import CouplingMode
from xgem.errors import TaskError
from xgem.progress import Progress
from xgem.sampling.context import PromptReader
from xgem.sampling.pipeline import XGeM
from xgem.sampling.plan import Listening, plan_stages, resolve_task
from xgem.study import Modality, Study


@torch.inference_mode()
def complete(
    xgem: XGeM,
    studies: Sequence[Study],
    to: str | Iterable[Modality],
    *,
    batch_size: int = 32,
    seed: int = 0,
    coupling: Listening | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> list[Study]:
    """Make one sample of each study, as ``xgem.generate(study, to=to, seed=seed + k)`` of study k.

    Args:
        xgem: the model.
        studies: inputs, all with the same modalities.
        to: outputs, made together or one after the other as the model does.
        batch_size: studies that are computed at once.
        seed: of the sample of the first study.
        coupling: whom outputs that are made together listen to, as `XGeM.generate` takes it.
        progress: told what is being done, how much is done, and how much there is in all.
        settings: as `XGeM.settings` takes them.

    Raises:
        TaskError: the studies hold different modalities, or one that is also an output.
    """
    tasks = {resolve_task(study.modalities, to, xgem.model.parts) for study in studies}
    if len(tasks) > 1:
        raise TaskError(
            f"the studies are to be completed in different ways ({', '.join(map(str, tasks))}); "
            f"give studies that hold the same modalities"
        )
    chosen = xgem.settings(**settings)
    mode = None if coupling is None else CouplingMode(coupling)
    reader = PromptReader(xgem.model, xgem.residence)
    made: list[Study] = []
    for task in tasks:
        stages = plan_stages(task, joint=chosen.joint, chain=chosen.chain)
        for chunk in chunks(len(studies), batch_size):
            batch = [studies[place] for place in chunk]
            vectors = {
                prompt: reader.encode(prompt, [study.contents[prompt] for study in batch])
                for prompt in task.inputs
            }
            seeds = range(seed + chunk[0], seed + chunk[-1] + 1)
            contents = xgem.complete_batch(stages, seeds, chosen, vectors, reader, mode)
            made += [
                Study(
                    id=f"{study.id}-s{sample_seed}",
                    contents={output: each[place] for output, each in contents.items()},
                    synthetic=True,
                )
                for place, (study, sample_seed) in enumerate(zip(batch, seeds, strict=True))
            ]
            if progress is not None:
                progress(f"generating {task}", len(made), len(studies))
    return made
