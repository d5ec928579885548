"""The judge: small classifiers of simulated radiographs, one a view, to score generated ones.

It was never shown a real patient and says nothing of one.
"""

import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from xgem.checkpoint import load_into, write_checkpoint
from xgem.data.batches import chunks, collate_images
from xgem.data.store import Store
from xgem.errors import CheckpointError, InputError, StoreError, TaskError
from xgem.evaluation.findings import Target
from xgem.evaluation.judge_network import JudgeNetwork
from xgem.manifest import checkpoint_hash, read_manifest
from xgem.phantoms.store import SOURCE
from xgem.study import Content, Modality, Study


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, kw_only=True)
class JudgeConfig:
    """What a judge looks at, what it looks for, and how large it is."""

    views: tuple[tuple[Modality, tuple[Target, ...]], ...]
    """Each view with what is looked for in it."""
    image_size: int = 128
    """Rows and columns of a radiograph."""
    channels: tuple[int, ...] = (32, 48, 96, 192)
    """Width of each level; see `JudgeNetwork`."""


class Judge:
    """Scores radiographs for the findings of each view.

    >>> judge = Judge.from_pretrained()
    >>> logits = judge.score(studies, FRONTAL, SCORED[FRONTAL])
    """

    def __init__(
        self,
        config: JudgeConfig,
        networks: Mapping[Modality, JudgeNetwork] | None = None,
        card: Mapping[str, Any] | None = None,
        checkpoint: str | None = None,
    ) -> None:
        self.config = config
        self.networks = networks or {
            view: JudgeNetwork(len(targets), config.channels) for view, targets in config.views
        }
        """By view; random where none are given."""
        for network in self.networks.values():
            network.eval()
        self.card: Mapping[str, Any] = card or {}
        """What it was trained on, how, and what it makes of phantoms that were held out."""
        self.checkpoint = checkpoint
        """Hash of its weights; None until it is saved."""

    def targets(self, view: Modality) -> tuple[Target, ...]:
        """What it looks for in a view.

        Raises:
            TaskError: it does not look at that.
        """
        views = dict(self.config.views)
        if view not in views:
            seen = " and ".join(known.name for known in views)
            raise TaskError(f"the judge looks at {seen} radiographs, not at a {view.name}")
        return views[view]

    @torch.inference_mode()
    def logits(
        self,
        images: Sequence[Content],
        view: Modality,
        targets: Sequence[Target] | None = None,
        batch_size: int = 64,
    ) -> Float[np.ndarray, "images targets"]:
        """Score radiographs in [0, 1] of the judge's size; above 0 is more likely than not.

        Args:
            images: of one view.
            view: which.
            targets: what to look for; all that it knows of this view where None.
            batch_size: images that are computed at once; changes speed and memory alone.

        Raises:
            TaskError: it does not look at this view, or not for such a target.
            InputError: an image has another size.
        """
        columns = self._columns(view, targets)
        head = self.networks[view].head
        features = torch.from_numpy(self.features(images, view, batch_size))
        found: np.ndarray = head(features).numpy()
        return found[:, columns]

    @torch.inference_mode()
    def features(
        self, images: Sequence[Content], view: Modality, batch_size: int = 64
    ) -> Float[np.ndarray, "images features"]:
        """What the judge tells findings from, to compare distributions of radiographs by.

        Args:
            images: of one view, in [0, 1], of the judge's size.
            view: which.
            batch_size: images that are computed at once.

        Raises:
            TaskError: it does not look at this view.
            InputError: an image has another size.
        """
        self.targets(view)
        self._require_size(images)
        network = self.networks[view]
        seen = [
            network.features(collate_images([images[i] for i in chunk]))
            for chunk in chunks(len(images), batch_size)
        ] or [torch.zeros(0, network.head.in_features)]
        found: np.ndarray = torch.cat(seen).numpy()
        return found

    def score(
        self,
        studies: Store | Sequence[Study],
        view: Modality,
        targets: Sequence[Target] | None = None,
        *,
        source: str = SOURCE,
        batch_size: int = 64,
    ) -> Float[np.ndarray, "studies targets"]:
        """Score one view of simulated or generated studies; see `logits`.

        Args:
            studies: a store, or studies.
            view: which; a study without it has NaN.
            targets: what to look for; all that it knows of this view where None.
            source: where the studies come from, to be named where they are not phantoms: what
                the judge then says is a measurement of the judge, not of a patient.
            batch_size: studies that are read and computed at once.

        Raises:
            StoreError: the store is of another source than the one that was named.
            InputError: a study is not marked as synthetic and no source was named, or an image
                has another size.
            TaskError: it does not look at this view, or not for such a target.
        """
        require_source(studies, source)
        scores = np.full((len(studies), len(self._columns(view, targets))), np.nan, np.float32)
        for chunk in chunks(len(studies), batch_size):
            images = {i: studies[i].contents.get(view) for i in chunk}
            there = {i: image for i, image in images.items() if image is not None}
            scores[list(there)] = self.logits(list(there.values()), view, targets, batch_size)
        return scores

    def save(self, folder: Path) -> None:
        """Write the judge as a checkpoint, whole or not at all.

        Weights are stored in half precision, to which training has rounded them.

        Raises:
            OutputError: the disk is full or something else is in the way.
        """
        weights = {view.name: network.state_dict() for view, network in self.networks.items()}
        write_checkpoint(folder, weights, asdict(self.config), self.card, torch.float16)
        self.checkpoint = checkpoint_hash(folder)

    @classmethod
    def from_pretrained(cls, path: str | Path | None = None) -> "Judge":
        """Open what `save` wrote; None is the bundled judge.

        Raises:
            CheckpointError: the folder is incomplete or changed, or holds something else.
        """
        folder = Path(path) if path is not None else bundled_judge()
        if path is None and not folder.is_dir():
            raise CheckpointError(
                "this copy of xgem comes without its judge; train one with `xgem judge train` and "
                "name its folder, xgem-judge/model"
            )
        manifest = read_manifest(folder)
        try:
            config = TypeAdapter(JudgeConfig).validate_python(dict(manifest.config))
        except ValidationError as error:
            raise CheckpointError(
                f"{folder} holds no judge of this version of xgem; train one with `xgem judge "
                f"train`"
            ) from error
        judge = cls(config, card=manifest.card, checkpoint=checkpoint_hash(folder))
        for view, network in judge.networks.items():
            load_into(network, folder, manifest, view.name)
        return judge

    def _columns(self, view: Modality, targets: Sequence[Target] | None) -> list[int]:
        """Places of targets among those of a view."""
        known = self.targets(view)
        wanted = known if targets is None else targets
        for target in wanted:
            if target not in known:
                raise TaskError(
                    f"the judge does not look for {target} in a {view.name} radiograph, only for "
                    f"{', '.join(map(str, known))}; leave it out"
                )
        return [known.index(target) for target in wanted]

    def _require_size(self, images: Sequence[Content]) -> None:
        size = self.config.image_size
        for image in images:
            if np.shape(image) != (size, size):
                found = " x ".join(map(str, np.shape(image)))
                raise InputError(
                    f"a radiograph has {found} pixels, this judge looks at {size} x {size}; "
                    f"choose a judge that was trained at that size"
                )


def bundled_judge() -> Path:
    """The folder of the judge that comes with the package."""
    return Path(str(importlib.resources.files("xgem") / "bundled" / "judge"))


def require_source(studies: Store | Sequence[Study], source: str) -> None:
    """Refuse what may be patients, unless it is called by its name.

    Raises:
        StoreError: the store is of another source.
        InputError: a study is not marked as synthetic, and no source but phantoms was named.
    """
    advice = "the judge has seen phantoms alone and says nothing of patients; to score"
    if isinstance(studies, Store):
        found = studies.manifest["source"]
        if found != source:
            raise StoreError(
                f"{studies.folder} holds studies of {found}, not {source}; {advice} these all the "
                f"same, name them: --source {found}"
            )
    elif source == SOURCE:
        for study in studies:
            if not study.synthetic:
                raise InputError(
                    f"study {study.id} is not marked as synthetic; {advice} it all the same, name "
                    f"where it comes from (source=...)"
                )
