"""What a model makes of held-out phantoms, scored: what all published figures are computed from.

Nothing here is run by itself; see bundled_figures.py and fewer_steps.py. Scores are kept on disk as
soon as they are there, so that a run that was stopped goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from keeping import digest_of, kept

from xgem.data.labels import findings_of
from xgem.data.radiograph import Preprocessing
from xgem.data.resampling import resize
from xgem.data.store import Store
from xgem.errors import ConfigError
from xgem.evaluation.completions import complete
from xgem.evaluation.findings import ANY_SIDE, BY_SIDE, Target, presence
from xgem.evaluation.judge import Judge, bundled_judge
from xgem.evaluation.judge_training import train_judge
from xgem.phantoms.store import write_phantoms
from xgem.progress import Progress
from xgem.sampling.pipeline import XGeM
from xgem.study import FRONTAL, LATERAL, REPORT, Content, Modality, Study, Task

HELD_OUT = 1_000_000
"""Seed of the first phantom that is scored; neither a model nor a judge has seen any above."""
LEARNED = range(10_000, 15_120)
"""Seeds of the phantoms that the bundled model was last trained on (`tiny` trains on those from 0);
no judge has seen them, and the last `HELD_BACK` only validated the model."""
HELD_BACK = 256
VIEWS = (FRONTAL, LATERAL)
TOLD: tuple[Target, ...] = tuple(dict.fromkeys((*ANY_SIDE, *BY_SIDE)))
"""What is looked for in reports."""
SMALL = 32
"""Pixels a side of what is kept of a radiograph, to compare it with others."""
BATCH = 32
Scores = dict[str, np.ndarray]
"""Of one set of studies, a row a study: "F logits", "F features", "F small", "F moments" (mean and
contrast of its pixels), the same of L, and "T told" (`TOLD`)."""


def ready_judge(folder: Path | None, size: int, phantoms: Path | None, report: Progress) -> Judge:
    """The judge that was named, the bundled one, or one that is trained in build/judge-SIZE."""
    if folder is not None:
        judge = Judge.from_pretrained(folder)
        if judge.config.image_size != size:
            raise ConfigError(
                f"the judge in {folder} looks at {judge.config.image_size} pixels, the model makes "
                f"{size}; choose another --judge"
            )
        return judge
    if bundled_judge().is_dir():
        judge = Judge.from_pretrained()
        if judge.config.image_size == size:
            return judge
    run = Path(f"build/judge-{size}")
    if not (run / "model").exists():
        train_judge(run, data=phantoms, size=size, progress=report)
    return Judge.from_pretrained(run / "model")


def phantoms(seeds: range, size: int, report: Progress) -> Path:
    """A store in build/ of the phantoms of some seeds, as they are simulated today."""
    folder = Path(f"build/phantoms-{digest_of('phantoms')}-{seeds.start}-{len(seeds)}-{size}")
    write_phantoms(folder, seeds, Preprocessing(size=size), progress=report)
    return folder


def simulated(seeds: range, size: int, report: Progress) -> list[Study]:
    """Phantoms of some seeds, kept as a store in build/."""
    store = Store(phantoms(seeds, size, report))
    return [store[place] for place in range(len(store))]


def logits(scores: Scores, view: Modality, judge: Judge, targets: Sequence[Target]) -> np.ndarray:
    """What the judge says of some findings in one view: (studies, targets)."""
    known = judge.targets(view)
    found: np.ndarray = scores[f"{view.letter} logits"][:, [known.index(t) for t in targets]]
    return found


def told(scores: Scores, targets: Sequence[Target]) -> np.ndarray:
    """Which findings reports name: (studies, targets)."""
    found: np.ndarray = scores["T told"][:, [TOLD.index(target) for target in targets]]
    return found


@dataclass
class Completed:
    """Completes held-out studies in any direction, and keeps how what comes out is scored."""

    xgem: XGeM
    judge: Judge
    studies: Sequence[Study]
    folder: Path
    seeds: range
    """Of the studies."""
    seed: int
    """Of the first sample."""
    report: Progress

    def true(self) -> Scores:
        """Scores of the studies themselves."""
        return self.kept("true", lambda: self.score(self.studies))

    def rebuilt(self) -> Scores:
        """Scores of the studies, encoded and decoded."""
        return self.kept("rebuilt", self._rebuilt)

    def made(
        self, task: str, name: str = "", of: Sequence[Study] | None = None, **settings: Any
    ) -> Scores:
        """Scores of what is generated.

        Args:
            task: such as "T->F+L"; without inputs, such as "->F+L+T".
            name: of the settings and studies, where they are not the model's own and the held-out.
            of: studies that are completed.
            settings: as `complete` takes them.
        """

        def make() -> Scores:
            chosen = Task.parse(task)
            given = [
                Study(id=s.id, contents={m: s.contents[m] for m in chosen.inputs}, synthetic=True)
                for s in of or self.studies
            ]
            settings_ = {"seed": self.seed, "batch_size": BATCH, **settings}
            return self.score(
                complete(self.xgem, given, chosen.outputs, progress=self.report, **settings_)
            )

        return self.kept(f"{task} {name}".strip(), make)

    def score(self, studies: Sequence[Study]) -> Scores:
        """Score what studies hold."""
        scores: Scores = {}
        held = studies[0].contents
        for view in VIEWS:
            if view in held:
                scores |= self._seen(view, [study.contents[view] for study in studies])
        if REPORT in held:
            said = [findings_of(str(study.contents[REPORT])) for study in studies]
            scores["T told"] = presence(said, TOLD)
        return scores

    def _seen(self, view: Modality, images: Sequence[Content]) -> Scores:
        pixels = np.stack([np.asarray(image, np.float32) for image in images])
        small = np.stack([resize(image, SMALL, SMALL).ravel() for image in pixels])
        moments = np.stack([pixels.mean((1, 2)), pixels.std((1, 2))], axis=-1)
        return {
            f"{view.letter} logits": self.judge.logits(images, view),
            f"{view.letter} features": self.judge.features(images, view),
            f"{view.letter} small": small,
            f"{view.letter} moments": moments,
        }

    def _rebuilt(self) -> Scores:
        contents: list[dict[Modality, Content]] = [{} for _ in self.studies]
        for modality in (*VIEWS, REPORT):
            autoencoder = self.xgem.model.parts[modality].autoencoder
            with self.xgem.residence.present(autoencoder):
                for first in range(0, len(self.studies), BATCH):
                    chosen = self.studies[first : first + BATCH]
                    batch = autoencoder.collate([study.contents[modality] for study in chosen])
                    for place, content in enumerate(
                        autoencoder.decode(autoencoder.to_latent(batch))
                    ):
                        contents[first + place][modality] = content
        return self.score([Study(id="rebuilt", contents=c, synthetic=True) for c in contents])

    def kept(self, name: str, make: Callable[[], Scores]) -> Scores:
        """Read scores, or make and keep them."""
        file = f"{name.replace('->', ' to ').replace(' ', '-').strip('-')}.npz"
        return kept(self.folder / file, make)


def kept_under(xgem: XGeM, judge: Judge, seed: int, count: int) -> str:
    """Name of the folder of scores that belong together: of model, judge, phantoms and code."""
    code = digest_of(
        "phantoms", "data", "model.py", "prompts", "latents", "denoisers", "diffusion", "sampling",
        "evaluation",
    )  # fmt: skip
    return f"{str(xgem.checkpoint)[:6]}-{str(judge.checkpoint)[:6]}-{code}-{seed}-{count}"
