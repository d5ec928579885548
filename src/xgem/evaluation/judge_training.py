"""How a judge learns: from simulated studies, whose findings are known, and from nothing else."""

import tempfile
from collections.abc import Mapping, Sequence
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
from xgem.study import FRONTAL, Modality
from xgem.training.loop import Progress, train_stage
from xgem.training.stage import Optimization
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
        self.extra = nn.Module()

    def loss(self, step: int, progress: float, rng: torch.Generator) -> Mapping[str, Tensor]:
        batch = batch_indices(len(self.train), self.batch_size, self.seed, step)
        images = collate_images(self.train.contents(self.config.modality, batch))
        return self._score(varied(images, rng), self.train, batch)

    def validation_loss(self) -> Mapping[str, Tensor]:
        batch = range(len(self.held_out))
        images = collate_images(self.held_out.contents(self.config.modality, batch))
        return self._score(images, self.held_out, batch)

    def picture(self) -> None:
        return None

    def finish(self) -> None:
        pass

    def _score(
        self, images: Float[Tensor, "batch 1 height width"], studies: Studies, batch: Sequence[int]
    ) -> Mapping[str, Tensor]:
        truth = presence([studies[index].findings or () for index in batch], self.config.targets)
        wanted = torch.from_numpy(truth).float()
        return {"judge": F.binary_cross_entropy_with_logits(self.network(images), wanted)}


def varied(
    images: Float[Tensor, "batch 1 height width"], rng: torch.Generator
) -> Float[Tensor, "batch 1 height width"]:
    """Move each image by a few pixels, and change its contrast and brightness a little."""
    height, width = images.shape[-2:]
    padded = F.pad(images, (_SHIFT,) * 4, mode="replicate")
    places = torch.randint(2 * _SHIFT + 1, (len(images), 2), generator=rng).tolist()
    moved = torch.stack(
        [
            image[:, y : y + height, x : x + width]
            for image, (y, x) in zip(padded, places, strict=True)
        ]
    )
    contrast, brightness = torch.rand(2, len(images), 1, 1, 1, generator=rng)
    exposed: Tensor = moved * (0.9 + 0.2 * contrast) + 0.1 * (brightness - 0.5)
    return exposed
