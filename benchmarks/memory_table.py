"""How much memory each stage of `mimic_256` takes on each of 1, 8 and 64 GPUs.

    python benchmarks/memory_table.py [--docs docs/results]

Nothing is allocated: networks and batches are fake tensors, which have shapes alone. Weights,
gradients, AdamW's two moments and the averaged weights are counted by their shapes, spread evenly
over the devices where they are sharded (FSDP2), with the largest block whole twice (one in use, one
on its way) and what belongs to no block whole once. Activations are what autograd keeps for the way
back, counted while the loss runs: every storage once, without weights; plainly, and with each block
computed again. They are those of a device's share of the published batch, in bf16 autocast. Writes
memory.md and prints one JSON line.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from xgem.data.report_tokens import ReportTokens
from xgem.denoisers import blocks
from xgem.evaluation.tables import table
from xgem.model import Model, ModelConfig
from xgem.recipes.mimic_256 import mimic_256
from xgem.share import Split
from xgem.study import Modality
from xgem.training.autoencoders import AutoencoderBatch, AutoencoderStageConfig
from xgem.training.denoising import Denoising, DenoisingBatch, DenoisingConfig
from xgem.training.encoded import Encoded
from xgem.training.joint import Joint, JointConfig, Together
from xgem.training.learner import Learner
from xgem.training.processes import HERE
from xgem.training.shared_space import SharedSpace, SharedSpaceBatch
from xgem.training.stage import Batch, Optimization, Stage
from xgem.version import commit, version

DEVICES = (1, 8, 64)
TOKENS = 100
"""Of a report, about as long as MIMIC-CXR's."""


@dataclass
class Rows:
    """Rows of one tensor that has no memory."""

    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32

    def __getitem__(self, studies: list[int]) -> Tensor:
        return torch.empty(len(studies), *self.shape, dtype=self.dtype)


@dataclass
class Memory:
    """Bytes of one stage on one device."""

    weights: int
    gradients: int
    moments: int
    average: int
    gathered: int
    decoders: int
    """What draws sample pictures, whole on every device."""
    activations: int
    again: int
    """Activations where each block is computed again: what goes into each, and one block's own."""

    def total(self, activations: int) -> int:
        """Sum up with one or the other way of keeping activations."""
        kept = self.weights + self.gradients + self.moments + self.average
        return kept + self.gathered + self.decoders + activations


def main(
    docs: Annotated[Path, typer.Option(help="Where the table goes.")] = Path("docs/results"),
) -> None:
    """Count, and write the table."""
    blocks.attend = F.scaled_dot_product_attention  # as on a GPU: in bf16 throughout
    recipe = mimic_256()
    config = with_words(recipe.model)
    rows, found = [], {}
    for stage_config in recipe.stages:
        for devices in DEVICES:
            with FakeTensorMode(allow_non_fake_inputs=True):
                memory = measured(stage_config, Model(config), devices)
            found[f"{stage_config.name} / {devices}"] = vars(memory)
            rows.append([stage_config.name, devices, *described(memory)])
            typer.echo(f"{stage_config.name} {devices}: {rows[-1]}", err=True)
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "memory.md").write_text(page(rows))
    typer.echo(json.dumps({"bytes": found, "xgem": version(), "commit": commit()}))


def with_words(config: ModelConfig) -> ModelConfig:
    """Give text parts a small vocabulary and keep their published numbers of rows."""
    words = ReportTokens.learn(["No effusion."], 300).json

    def changed(part: Any) -> Any:
        names = [name for name in part.__dataclass_fields__ if name.endswith("vocabulary")]
        return replace(part, **dict.fromkeys(names, words))

    return replace(
        config,
        prompt_encoders={name: changed(part) for name, part in config.prompt_encoders.items()},
        autoencoders={name: changed(part) for name, part in config.autoencoders.items()},
    )


class StillLearner(Learner):
    """One that moves nothing: fake tensors are nowhere, and cannot be moved."""

    def to(self, *_: Any, **__: Any) -> "StillLearner":
        return self


def measured(config: Any, model: Model, devices: int) -> Memory:
    """Count one stage on one of several devices."""
    stage, batch = loaded(config, model, devices)
    optimization = replace(config.optimization, checkpoint_activations=False)
    learner = StillLearner(stage, optimization, HERE)
    trained = [p for p in learner.parameters() if p.requires_grad]
    everything = list(learner.parameters())
    blocks = [sum(p.numel() for p in block.parameters()) for block in learner.blocks()]
    loose = sum(p.numel() for p in everything) - sum(blocks)
    sharded = devices > 1
    share = devices if sharded else 1
    gathered = 4 * (loose + 2 * max(blocks)) if sharded else 0
    count = sum(p.numel() for p in trained)
    inside = set(map(id, everything))
    beside = (p for name in config.runs(model.config) for p in model.components[name].parameters())
    decoders = sum(4 * p.numel() for p in beside if id(p) not in inside)
    plainly, largest = kept_for_the_way_back(learner, stage, batch)
    with computed_again(learner, stage, optimization) as other:
        again, _ = kept_for_the_way_back(other, stage, batch)
    return Memory(
        weights=4 * sum(p.numel() for p in everything) // share,
        gradients=4 * count // share,
        moments=8 * count // share,
        average=4 * count // share,
        gathered=gathered,
        decoders=decoders,
        activations=plainly,
        again=again + largest,
    )


@contextmanager
def computed_again(
    learner: Learner, stage: Stage[Any], optimization: Optimization
) -> Iterator[Learner]:
    """The same with checkpointed blocks, which are plain again afterwards."""
    blocks = list(learner.blocks())
    yield StillLearner(stage, replace(optimization, checkpoint_activations=True), HERE)
    for block in blocks:
        del block.forward


def kept_for_the_way_back(learner: Learner, stage: Stage[Any], batch: Batch) -> tuple[int, int]:
    """Bytes of all storages that autograd keeps while the loss runs, without weights.

    The second number is what the largest block keeps.
    """
    weights = {p.untyped_storage()._cdata for p in learner.parameters()}
    seen: dict[int, Tensor] = {}
    begun: list[int] = []
    by_block: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()._cdata
        if storage not in weights:
            seen[storage] = tensor  # held, so that no other storage takes its place
        return tensor

    def enter(*_: Any) -> None:
        begun.append(len(seen))

    def leave(*_: Any) -> None:
        inside = list(seen.values())[begun.pop() :]
        by_block.append(sum(tensor.untyped_storage().nbytes() for tensor in inside))

    for block in learner.blocks():
        block._forward_pre_hooks.clear()
        block._forward_hooks.clear()
        block.register_forward_pre_hook(enter)
        block.register_forward_hook(leave)
    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", dtype=torch.bfloat16):
        kept = learner(lambda: scored(stage, batch))
    del kept
    return sum(tensor.untyped_storage().nbytes() for tensor in seen.values()), max(by_block)


def scored(stage: Stage[Any], batch: Batch) -> Any:
    """The loss; of the shared space the vectors, since which studies pair is not in shapes."""
    if isinstance(stage, SharedSpace):
        assert isinstance(batch, SharedSpaceBatch)
        parts = stage.model.parts
        return [parts[m].prompt_encoder(inputs) for m, inputs in batch.inputs.items()]
    return stage.loss(batch, 0.9)


def loaded(config: Any, model: Model, devices: int) -> tuple[Any, Batch]:
    """A stage, and the share of its batch that falls to one device, without memory."""
    size = max(1, config.optimization.batch_size // devices)
    share = Split().share(size, torch.Generator())
    rows = tuple(range(size))
    encoded = encodings(model)
    if config.stage == "shared_space":
        inputs, places, counted = {}, {}, {}
        for modality, parts in model.parts.items():
            image = hasattr(parts.prompt_encoder.config, "image_size")
            inputs[modality] = pixels(model, size) if image else words(size, 77)
            places[modality] = torch.arange(size)
            counted[modality] = torch.ones(size)
        stage = SharedSpace(config, model, [], [], 0)  # type: ignore[arg-type]
        return stage, SharedSpaceBatch(rows, share, inputs, places, counted, None)
    if config.stage == "autoencoders":
        assert isinstance(config, AutoencoderStageConfig)
        from xgem.training.autoencoders import AutoencoderStage

        inputs = pixels(model, size) if config.part == "image_vae" else words(size, TOKENS)
        stage = AutoencoderStage(config, model, [], [], 0)  # type: ignore[arg-type]
        return stage, AutoencoderBatch(rows, share, inputs)
    if config.stage == "denoising":
        assert isinstance(config, DenoisingConfig)
        shape = model.parts[config.modality].autoencoder.latent_shape
        batch = DenoisingBatch(
            rows,
            share,
            torch.empty(size, *shape),
            torch.empty(size, *shape),
            torch.zeros(size, dtype=torch.long),
            torch.ones(size, dtype=torch.float64),
            torch.empty(size, 1, model.config.prompt_width),
        )
        return Denoising(config, model, encoded, encoded, 0), batch
    assert isinstance(config, JointConfig)
    return Joint(config, model, encoded, encoded, 0), together(model, rows, share)


def together(model: Model, rows: tuple[int, ...], share: Any) -> Any:
    """A batch of the joint stage in which every study holds all outputs."""
    from xgem.training.joint import JointBatch

    size = len(rows)

    def latents(modality: Modality) -> Tensor:
        return torch.empty(size, *model.parts[modality].autoencoder.latent_shape)

    prompts = {m: torch.empty(size, 1, model.config.prompt_width) for m in model.parts}
    part = Together(
        studies=rows,
        share=share,
        outputs=tuple(model.parts),
        weight=1.0,
        timestep=torch.zeros(size, dtype=torch.long),
        level=torch.ones(size, dtype=torch.float64),
        clean={m: latents(m) for m in model.parts},
        noise={m: latents(m) for m in model.parts},
        prompts=prompts,
        heard={m: torch.zeros(size) for m in model.parts},
        own_prompts={m: prompt[:, 0] for m, prompt in prompts.items()},
    )
    return JointBatch(rows, share, [part])


def encodings(model: Model) -> Encoded:
    """Prompts and latents without memory."""
    width = model.config.prompt_width
    return Encoded(
        prompts={m: Rows((width,)) for m in model.parts},
        latents={m: Rows(p.autoencoder.latent_shape) for m, p in model.parts.items()},
        present={m: torch.ones(4, dtype=torch.bool) for m in model.parts},
        empty={m: torch.zeros(width) for m in model.parts},
    )


def pixels(model: Model, size: int) -> Tensor:
    """Radiographs without memory."""
    side = model.preprocessing.size
    return torch.empty(size, 1, side, side)


def words(size: int, tokens: int) -> Tensor:
    """Reports without memory."""
    return torch.ones(size, tokens, dtype=torch.long)


def described(memory: Memory) -> list[str]:
    """Gigabytes, as the table shows them."""
    cells = [memory.weights, memory.gradients, memory.moments, memory.average, memory.gathered]
    cells += [memory.decoders, memory.activations, memory.total(memory.activations)]
    cells += [memory.again, memory.total(memory.again)]
    return [f"{value / 1e9:.1f}" for value in cells]


def page(rows: list[list[Any]]) -> str:
    """The table as a page."""
    header = [
        "stage", "devices", "weights", "gradients", "moments", "average", "gathered",
        "decoders", "activations", "in all", "recomputed", "in all",
    ]  # fmt: skip
    return f"""# Memory of training at the published width

`mimic_256`, gigabytes on each device, at the published batch sizes; fp32 weights, optimizer and
average, bf16 autocast. One device holds everything; several hold equal parts of weights, gradients,
AdamW's moments and average (`sharded`, FSDP2), and gather a block at a time; decoders that
draw sample pictures are whole on each. Activations include
the copies of weights in bf16 that autocast makes; attention is counted in bf16, as on GPUs. The
last two columns are with `checkpoint_activations`. Counted by shapes, not measured on GPUs;
allocators and libraries add to it.
Made by `python benchmarks/memory_table.py`.

{table(header, rows)}

What does not fit is passed in parts: `accumulate` divides the activations.
"""


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
