"""How a judge learns: from simulated studies, whose findings are known, and from nothing else."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.data.batches import batch_indices, collate_images
from xgem.data.store import Store
from xgem.errors import StoreError
from xgem.evaluation.findings import ANY_SIDE, BY_SIDE, Target, presence
from xgem.evaluation.judge import Judge, JudgeConfig, JudgeNetwork
from xgem.progress import Progress
from xgem.share import Share, Split
from xgem.study import FRONTAL, Modality
from xgem.training.loop import train_stage
from xgem.training.stage import Batch, Optimization
from xgem.training.studies import Studies
from xgem.version import commit, version

HELD_OUT = 128
"""Studies at the end of a store that are only validated on."""
OPTIMIZATION = Optimization(
    steps=1600,
    batch_size=16,
    learning_rate=4e-3,
    weight_decay=1e-3,
    warmup=0.1,
    ema=0.0,
    save_every=800,
)
"""About three minutes on two cores."""
_SHIFT = 4
"""Pixels by which training images are moved at most."""


def train_judge(
    store: Store,
    modality: Modality,
    *,
    optimization: Optimization = OPTIMIZATION,
    held_out: int = HELD_OUT,
    seed: int = 0,
    progress: Progress | None = None,
) -> Judge:
    """Train a judge of one view.

    Raises:
        StoreError: the store holds other studies than phantoms, or too few.
    """
    source = store.manifest["source"]
    if source != "phantoms":
        raise StoreError(
            f"{store.folder} holds studies of {source}; a judge learns from phantoms alone, whose "
            f"findings are certain: make some with xgem phantoms"
        )
    if len(store) <= held_out:
        raise StoreError(
            f"{store.folder} holds {len(store)} studies, of which {held_out} are kept for "
            f"validation; give the judge more to learn from"
        )
    torch.manual_seed(seed)
    config = JudgeConfig(
        modality=modality,
        targets=targets_of(modality),
        image_size=store.manifest["preprocessing"]["size"],
    )
    network = JudgeNetwork(config)
    studies = len(store) - held_out
    stage = JudgeStage(
        network,
        config,
        Studies(store, range(studies)),
        Studies(store, range(studies, len(store))),
        optimization.batch_size,
        seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        train_stage(stage, optimization, Path(folder), seed, progress)
    card = {
        "name": f"xgem judge of {modality.name} radiographs",
        "description": "tells findings of simulated chests, to score generated ones; says nothing "
        "of patients",
        "trained_on": "simulated chests",
        "studies": studies,
        "data_hash": store.hash,
        "steps": optimization.steps,
        "seed": seed,
        "xgem": version(),
        "commit": commit(),
    }
    return Judge(config, network, card)


def targets_of(modality: Modality) -> tuple[Target, ...]:
    """What can be seen in a view: sides stand beside each other in the frontal one alone."""
    sides = [target for target in BY_SIDE if target.side is not None]
    return (*ANY_SIDE, *sides) if modality == FRONTAL else ANY_SIDE


@dataclass(frozen=True)
class JudgeBatch(Batch):
    """Radiographs, and what can be seen in each."""

    images: Float[Tensor, "rows 1 height width"]
    wanted: Float[Tensor, "rows targets"]


class JudgeStage:
    """Binary cross-entropy on slightly moved and re-exposed radiographs."""

    def __init__(
        self,
        network: JudgeNetwork,
        config: JudgeConfig,
        train: Studies,
        held_out: Studies,
        batch_size: int,
        seed: int,
    ) -> None:
        self.network, self.config = network, config
        self.train, self.held_out = train, held_out
        self.batch_size, self.seed = batch_size, seed
        self.name = f"judge-{config.modality.name}"
        self.trained = nn.ModuleDict({"judge": network})
        self.frozen, self.extra = nn.ModuleDict(), nn.Module()

    def batch(self, step: int, split: Split, rng: torch.Generator) -> JudgeBatch:
        studies = batch_indices(len(self.train), self.batch_size, self.seed, step)
        share = split.share(len(studies), rng)
        own = share.of(studies)
        images = collate_images(self.train.contents(self.config.modality, own))
        return JudgeBatch(tuple(own), share, varied(images, share), self._truth(self.train, own))

    def loss(self, batch: JudgeBatch, progress: float) -> Mapping[str, Tensor]:
        logits = self.network(batch.images)
        losses = F.binary_cross_entropy_with_logits(logits, batch.wanted, reduction="none")
        return {"judge": batch.share.mean(losses.mean(1))}

    def validation_loss(self, split: Split) -> Mapping[str, Tensor]:
        share = split.share(len(self.held_out), torch.Generator())
        own = share.of(range(len(self.held_out)))
        images = collate_images(self.held_out.contents(self.config.modality, own))
        return self.loss(
            JudgeBatch(tuple(own), share, images, self._truth(self.held_out, own)), 1.0
        )

    def picture(self) -> None:
        return None

    def finish(self) -> None:
        pass

    def study_ids(self, studies: Sequence[int]) -> list[str]:
        return self.train.ids(studies)

    def _truth(self, studies: Studies, batch: Sequence[int]) -> Float[Tensor, "batch targets"]:
        truth = presence([studies[index].findings or () for index in batch], self.config.targets)
        return torch.from_numpy(truth).float()


def varied(
    images: Float[Tensor, "batch 1 height width"], share: Share
) -> Float[Tensor, "batch 1 height width"]:
    """Move each image by a few pixels, and change its contrast and brightness a little."""
    height, width = images.shape[-2:]
    padded = F.pad(images, (_SHIFT,) * 4, mode="replicate")
    places = share.randint(2 * _SHIFT + 1, 2).tolist()
    moved = torch.stack(
        [
            image[:, y : y + height, x : x + width]
            for image, (y, x) in zip(padded, places, strict=True)
        ]
    )
    contrast, brightness = (share.rand(1, 1, 1) for _ in range(2))
    exposed: Tensor = moved * (0.9 + 0.2 * contrast) + 0.1 * (brightness - 0.5)
    return exposed
