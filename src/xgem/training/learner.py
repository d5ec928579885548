"""What a stage trains, made ready for precision, memory and devices."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from xgem.denoisers.blocks import ResidualBlock, SpatialTransformer
from xgem.training.lora import add_adapters, merge_adapters
from xgem.training.precision import autocast
from xgem.training.processes import Place
from xgem.training.stage import Batch, Optimization, Stage

T = TypeVar("T")
_CONTAINERS = (nn.ModuleList, nn.ModuleDict)


class Learner(nn.Module):
    """All that the loss of a stage runs through, as one module; calling it runs any work on it.

    Everything that touches weights is run by such a call, because sharded weights are whole only
    inside of one.
    """

    _parallel: DistributedDataParallel | None

    def __init__(self, stage: Stage[Any], optimization: Optimization, place: Place) -> None:
        super().__init__()
        self.trained, self.extra, self.frozen = stage.trained, stage.extra, stage.frozen
        self.to(place.device)
        add_adapters(self.trained, optimization.lora)
        if optimization.states == "bf16":
            for parameter in (*self.trained.parameters(), *self.frozen.parameters()):
                parameter.data = parameter.data.bfloat16()
        blocks = list(self.blocks())
        for block in blocks:
            if optimization.checkpoint_activations:
                block.forward = partial(checkpoint, block.forward, use_reentrant=False)
            if optimization.compile:
                # Once for every shape: for shapes left open torch's C++ compiler fails where blocks
                # differ in width. Blocks share their code, and so the count of its compilations.
                torch._dynamo.config.recompile_limit = max(8, len(blocks))
                block.compile(dynamic=False)
        # Kept out of the module tree, of which it would be both a child and the parent.
        parallel: DistributedDataParallel | None = None
        if place.split.world > 1 and optimization.sharded:
            self._shard(place)
        elif place.split.world > 1:
            # What a pass leaves untouched differs from step to step, and is found anew each time.
            parallel = DistributedDataParallel(
                self, find_unused_parameters=True, forward_sync_buffers=False
            )
        object.__setattr__(self, "_parallel", parallel)

    def forward(self, work: Callable[[], T]) -> T:
        return work()

    def train(self, mode: bool = True) -> "Learner":
        """Set the mode of what is trained; what is frozen stays in that of use."""
        super().train(mode)
        self.frozen.eval()
        return self

    def _shard(self, place: Place) -> None:
        mesh = init_device_mesh(place.device.type, (place.split.world,))
        for block in self.blocks():
            fully_shard(block, mesh=mesh, reshard_after_forward=True)
        for part in self.extra.children():
            fully_shard(part, mesh=mesh, reshard_after_forward=True)
        fully_shard(self, mesh=mesh, reshard_after_forward=True)

    def score(self, work: Callable[[], T]) -> T:
        """Run work from whose result gradients will be asked."""
        result: T = self(work) if self._parallel is None else self._parallel(work)
        return result

    def holding_gradients(self, held: bool) -> AbstractContextManager[object]:
        """Leave gradients in this process, to be added up before they are exchanged."""
        if isinstance(self, FSDPModule):
            self.set_requires_gradient_sync(not held)
        elif held and self._parallel is not None:
            return self._parallel.no_sync()
        return nullcontext()

    def blocks(self) -> Iterator[nn.Module]:
        """List what is computed, compiled and sharded as a unit: the repeated parts of networks."""
        for component in (*self.trained.children(), *self.frozen.children()):
            yield from _blocks(component)

    def state(self) -> dict[str, Tensor]:
        """Return what training changes, by name: trained parameters, and buffers beside them."""
        stored = self.state_dict().keys()
        tensors = {n: p.detach() for n, p in self.named_parameters() if p.requires_grad}
        tensors |= {n: b for n, b in self.named_buffers() if n in stored}
        return {n: t for n, t in tensors.items() if not n.startswith("frozen.")}

    def merge_adapters(self) -> None:
        """Leave plain components, with what adapters have learned in their weights."""
        for component in self.trained.children():
            merge_adapters(component)


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    for child in module.children():
        member = isinstance(module, _CONTAINERS) and not isinstance(child, _CONTAINERS)
        if member or isinstance(child, ResidualBlock | SpatialTransformer):
            yield child
        else:
            yield from _blocks(child)


def scored(
    learner: Learner,
    stage: Stage[Any],
    batch: Batch,
    optimization: Optimization,
    step: int,
    place: Place,
) -> Mapping[str, Tensor]:
    """Score the batch of one pass of a step."""
    moved = batch.to(place.device)
    with autocast(optimization.precision, place.device):
        return learner.score(lambda: stage.loss(moved, step / optimization.steps))


def full(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors whole, on the CPU; all processes must ask, and all get them."""
    return {
        name: (tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor).detach().cpu()
        for name, tensor in tensors.items()
    }
