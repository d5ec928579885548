"""How a judge of one view learns: cross-entropy on radiographs whose findings are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from xgem.data.batches import batch_indices, chunks, collate_images
from xgem.evaluation.findings import Target, presence
from xgem.evaluation.judge_network import JudgeNetwork
from xgem.share import Share, Split
from xgem.study import Modality
from xgem.training.stage import Batch
from xgem.training.studies import Studies
from xgem.training.variation import Variation


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
        view: Modality,
        targets: Sequence[Target],
        train: Studies,
        held_out: Studies,
        batch_size: int,
        seed: int,
    ) -> None:
        self.network, self.view, self.targets = network, view, targets
        self.train, self.held_out = train, held_out
        self.batch_size, self.seed = batch_size, seed
        self.name = f"judge-{view.name}"
        self.trained = nn.ModuleDict({"judge": network})
        self.frozen, self.extra = nn.ModuleDict(), nn.ModuleDict()

    def batch(self, step: int, split: Split, rng: torch.Generator) -> JudgeBatch:
        studies = batch_indices(len(self.train), self.batch_size, self.seed, step)
        share = split.share(len(studies), rng)
        own = share.of(studies)
        images = collate_images(self.train.contents(self.view, own))
        images = Variation.drawn(share)(images)
        return JudgeBatch(tuple(own), share, images, self._truth(self.train, own))

    def loss(self, batch: JudgeBatch, progress: float) -> Mapping[str, Tensor]:
        return {"judge": _loss(self.network(batch.images), batch.wanted, batch.share)}

    def validation_loss(self, split: Split) -> Mapping[str, Tensor]:
        share = split.share(len(self.held_out), torch.Generator())
        own = share.of(range(len(self.held_out)))
        logits = [  # a batch at a time: there may be many
            self.network(collate_images(self.held_out.contents(self.view, [own[i] for i in chunk])))
            for chunk in chunks(len(own), self.batch_size)
        ]
        return {"judge": _loss(torch.cat(logits), self._truth(self.held_out, own), share)}

    def picture(self) -> None:
        return None

    def finish(self) -> None:
        pass

    def study_ids(self, studies: Sequence[int]) -> list[str]:
        return self.train.ids(studies)

    def _truth(self, studies: Studies, batch: Sequence[int]) -> Float[Tensor, "batch targets"]:
        truth = presence([studies[index].findings or () for index in batch], self.targets)
        return torch.from_numpy(truth).float()


def _loss(
    logits: Float[Tensor, "rows targets"], wanted: Float[Tensor, "rows targets"], share: Share
) -> Float[Tensor, ""]:
    losses = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return share.mean(losses.mean(1))
