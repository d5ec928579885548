"""Which parts of a model are in memory, and on its device: those that are needed, while they are.

A model that is read from a folder begins without weights. A component's weights are mapped from
its file when it is first needed, in the model's precision; of an autoencoder only the half that
decodes is. What nobody needs any longer is let go if it can be mapped again as it is, which costs
next to nothing. The rest stays, ready for the next generation, or, with ``offload``, leaves the
device at once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from xgem.checkpoint import load_into
from xgem.manifest import Manifest
from xgem.model import Autoencoder, Model
from xgem.tensor_file import DTYPES
from xgem.weight_layout import Layout, lay_out
from xgem.weights import empty, unique_state

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Source:
    """Where a model's weights lie."""

    folder: Path
    manifest: Manifest


@dataclass(frozen=True)
class Need:
    """A part of a model that is about to be used."""

    module: Any
    """A component."""
    parts: tuple[str, ...] = ()
    """Submodules that are needed; all where empty."""

    @classmethod
    def decoding(cls, autoencoder: Autoencoder) -> "Need":
        """The half of an autoencoder that makes contents of latents."""
        return cls(autoencoder, autoencoder.decoding)


class Residence:
    """Brings parts of one model to its device, and lets them go.

    Buffers stay all the time: they are small, and one component asks for those of another, as a
    velocity network does for the spread of its autoencoder's latents.
    """

    def __init__(
        self,
        model: Model,
        source: Source | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        offload: bool | None = None,
        layout: Layout = Layout.PLAIN,
    ) -> None:
        """Watch over ``model``.

        Args:
            model: with its weights where ``source`` is None, else without.
            source: where they lie.
            device: where they are computed with; where they are now, if None.
            dtype: in which they are computed with; as stored where None.
            offload: let go of each part as soon as nobody needs it; if None, of those that are
                mapped from their file as they are.
            layout: how weights from ``source`` lie in memory.

        Raises:
            CheckpointError: a file with buffers is missing or another's, or damaged as far as that
                can be seen without reading its weights.
        """
        self._model, self._source = model, source
        self._device, self._dtype, self._offload = device, dtype, offload
        self._layout = layout
        self._names = {id(module): name for name, module in model.components.items()}
        self._users: Counter[str] = Counter()
        self._verified: set[str] = set()
        for name in () if source is None else self._names.values():
            self._bring_buffers(name)

    @contextmanager
    def present(self, *needs: Any) -> Iterator[None]:
        """Have components, or the parts of them that a `Need` names, on the device in the block.

        Raises:
            CheckpointError: its file is missing, changed or another's.
        """
        wanted = [need if isinstance(need, Need) else Need(need) for need in needs]
        held = [self._names[id(n.module)] for n in wanted if id(n.module) in self._names]
        self._users.update(held)
        try:
            # Weights outlive the generation that brought them, and may then be trained.
            with torch.inference_mode(False):
                for need in wanted:
                    self._bring(need)
            yield
        finally:
            self._users.subtract(held)
            idle = [name for name in held if not self._users[name]]
            self.release(name for name in idle if self._is_to_go(name))

    def _is_to_go(self, name: str) -> bool:
        if self._offload is not None:
            return self._offload
        if self._source is None or (self._device or _CPU).type != "cpu":
            return False
        if name not in self._source.manifest.components:  # an error is on its way
            return False
        if self._layout is not Layout.PLAIN:
            return self._layout is Layout.NARROW
        stored = self._source.manifest.components[name].tensors
        keys = [key for key, _ in self._model.components[name].named_parameters()]
        # As it is: whatever has not to be widened to the precision of the model.
        return self._dtype in (None, *(DTYPES[stored[key].dtype] for key in keys[:1]))

    def release(self, names: Iterable[str] | None = None) -> None:
        """Let components leave the device, to their file or, if they have none, to the CPU.

        All that nobody uses where ``names`` is None.
        """
        if names is None:
            names = [name for name in self._names.values() if not self._users[name]]
        for name in list(names):
            component = self._model.components[name]
            if self._source is not None:
                empty(component)
            else:
                component.to("cpu")

    def _bring(self, need: Need) -> None:
        name = self._names.get(id(need.module))
        if name is None:  # no component: a part of one that is here
            return
        if self._source is None:
            if self._device is not None:
                need.module.to(self._device)
        elif lacking := _lacking(need):
            self._load(name, lacking)
            self._verified.add(name)

    def _bring_buffers(self, name: str) -> None:
        component = self._model.components[name]
        weights = {key for key, _ in component.named_parameters()}
        if stored := unique_state(component).keys() - weights:
            # The hash of a file is taken when its weights are read, if it holds any.
            self._load(name, sorted(stored), verified=bool(weights))
        for part in component.modules():
            for key, buffer in part._buffers.items():
                part._buffers[key] = None if buffer is None else buffer.to(self._device)

    def _load(self, name: str, keys: list[str], verified: bool = False) -> None:
        assert self._source is not None
        component, plain = self._model.components[name], self._layout is Layout.PLAIN
        load_into(
            component,
            self._source.folder,
            self._source.manifest,
            name,
            keys=keys,
            device=self._device,
            dtype=self._dtype if plain else None,
            verified=verified or name in self._verified,
        )
        if not plain:
            assert self._dtype is not None
            lay_out(component, self._dtype, self._layout)


def _lacking(need: Need) -> list[str]:
    """The parameters that are needed and have no memory yet."""
    prefixes = tuple(f"{part}." for part in need.parts)
    return [
        key
        for key, value in unique_state(need.module).items()
        if value.is_meta and (not prefixes or key.startswith(prefixes))
    ]
