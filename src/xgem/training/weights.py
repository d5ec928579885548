"""Where the weights of a run are: what a stage has left, what they were begun with, or fresh ones.

Components are brought together as they are needed, so a stage costs the memory of what it runs
through, and a model of any size is exported one component at a time.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from xgem.checkpoint import load_component, load_into
from xgem.manifest import read_manifest
from xgem.model import Model, ModelConfig
from xgem.prompts.whitening import Whitening
from xgem.weights import unique_state

DONE, INIT = "done", "init"


@runtime_checkable
class Leaves(Protocol):
    """A stage, as far as it leaves weights."""

    @property
    def name(self) -> str: ...

    def stores(self, model: ModelConfig) -> list[str]: ...


class RunWeights:
    """The components of a run's model, by name."""

    def __init__(self, run: Path, config: ModelConfig, stages: Sequence[Leaves], seed: int) -> None:
        self.run, self.config, self.stages, self.seed = run, config, stages, seed

    def source(self, component: str) -> Path | None:
        """Return the checkpoint that holds a component by now; None where it is fresh."""
        for stage in reversed(self.stages):
            done = self.run / stage.name / DONE
            if component in stage.stores(self.config) and done.exists():
                return done
        begun = self.run / INIT
        if begun.exists() and component in read_manifest(begun).components:
            return begun
        return None

    def model(self, components: Collection[str], dtype: torch.dtype | None = None) -> Model:
        """Build a model of which these components and the whitening have weights.

        Fresh weights depend on the run's seed alone.
        """
        torch.manual_seed(self.seed)
        model = Model(self.config, components, dtype)
        model.eval()
        for name in dict.fromkeys(["whitening", *components]):
            source = self.source(name)
            if source is not None:
                load_into(model.components[name], source, read_manifest(source), name)
        return model


class AllWeights(Mapping[str, Mapping[str, Tensor]]):
    """All components of a run, each read when it is asked for."""

    def __init__(self, weights: RunWeights) -> None:
        self._weights = weights
        self._names = weights.config.components
        fresh = [name for name in self._names if weights.source(name) is None]
        width = weights.config.prompt_width
        self._fresh: Mapping[str, nn.Module] = {"whitening": Whitening(width)}
        if set(fresh) - {"whitening"}:
            self._fresh = dict(weights.model(fresh).components.items())

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __getitem__(self, name: str) -> Mapping[str, Tensor]:
        source = self._weights.source(name)
        if source is None:
            return unique_state(self._fresh[name])
        return load_component(source, read_manifest(source), name)
