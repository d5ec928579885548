"""Time of a denoising step against a plain loop around diffusers' UNet of equal size and batch.

    python benchmarks/step_time.py [--steps 15] [--threads 1] [--profile FILE]

Both train the network of `tiny`'s shape without its extras (the prompt in the time embedding, the
time that scales), which diffusers' UNet2DConditionModel has not: the same widths, levels,
attention, heads and, but for naming, the same parameters, on the same 16 x 16 latents of 32
channels, one context token, batch 64, fp32 and bf16. The plain loop is what one writes first:
latents and prompts in memory, noise, forward, squared error, AdamW as torch makes it, no average.
Ours is the whole `denoising` stage as `xgem train` runs it: Multi-Prompt Training from
memory-mapped encodings, clipping, averaged weights, records. Rounds alternate, and the best of
each counts. The data path is the time that a step waits for its batch. Prints one JSON line.
"""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from safetensors.torch import save_file
from torch import Tensor

from xgem.data.whole_file import write_json
from xgem.file_hash import file_hash
from xgem.model import Model
from xgem.precision import Precision
from xgem.recipes.tiny import tiny
from xgem.training.denoising import Denoising, DenoisingConfig
from xgem.training.encoding_shards import MANIFEST, Manifest, open_encodings
from xgem.training.loop import Training
from xgem.training.precision import autocast
from xgem.version import commit, version

BATCH, STUDIES = 64, 4096
CPU = torch.device("cpu")


def main(
    steps: Annotated[int, typer.Option(min=2, help="A round.")] = 15,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    profile: Annotated[Path | None, typer.Option(help="Where a profile of our step goes.")] = None,
) -> None:
    """Time both in turn."""
    torch.set_num_threads(threads)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for precision in ("fp32", "bf16"):
            ours = Ours(Path(folder) / precision, precision)
            plain = plain_loop(precision)
            best = {"ours": float("inf"), "plain": float("inf"), "waiting": float("inf")}
            for _ in range(rounds):
                best["plain"] = min(best["plain"], timed(plain, steps))
                best["ours"] = min(best["ours"], timed(ours.step, steps))
                best["waiting"] = min(best["waiting"], timed(ours.batch, steps))
            results[precision] = {
                "ms a step": round(1000 * best["ours"], 1),
                "ms a plain step": round(1000 * best["plain"], 1),
                "speedup": round(best["plain"] / best["ours"], 2),
                "data path of a step": round(best["waiting"] / best["ours"], 4),
            }
            if profile is not None and precision == "fp32":
                profile.write_text(profiled(ours.step))
    facts = {"batch": BATCH, "threads": threads, **results}
    typer.echo(json.dumps({**facts, "xgem": version(), "commit": commit()}))


def timed(step: Callable[[], None], steps: int) -> float:
    """Seconds a step, the first left out."""
    step()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - started) / steps


class Ours:
    """The denoising stage of `xgem train`, a step at a time."""

    def __init__(self, folder: Path, precision: Precision) -> None:
        recipe = tiny()
        frontal = recipe.model.modalities[0]
        denoiser = replace(frontal.denoiser, prompt_in_time=False, time_scale=False)
        modalities = (replace(frontal, denoiser=denoiser), *recipe.model.modalities[1:])
        config = replace(recipe.model, modalities=modalities)
        stored = next(s for s in recipe.stages if s.name == "denoising-frontal")
        assert isinstance(stored, DenoisingConfig)
        optimization = replace(
            stored.optimization, precision=precision, steps=10**6, save_every=10**6
        )
        torch.manual_seed(0)
        model = Model(config, ["frontal_denoiser", "image_vae"])
        encoded = open_encodings(encodings(model, folder), tuple(model.parts), {})
        stage = Denoising(
            replace(stored, optimization=optimization), model, encoded, encoded, seed=0
        )
        self.training = Training(stage, optimization, folder / "stage", 0)
        self.training.learner.train()

    def batch(self) -> None:
        """Make what a step needs."""
        self.training._batches(self.training.done)

    def step(self) -> None:
        """Make a batch and take a step; nothing is made ahead, so that all is counted."""
        record = self.training.step(self.training._batches(self.training.done))
        self.training._note(record)


def encodings(model: Model, folder: Path) -> Path:
    """Random prompts and latents as a run stores them."""
    place = folder / "encoded"
    place.mkdir(parents=True)
    rng = torch.Generator().manual_seed(0)
    tensors: dict[str, Tensor] = {}
    for modality, parts in model.parts.items():
        shape = parts.autoencoder.latent_shape
        prompts = torch.randn(STUDIES, model.config.prompt_width, generator=rng)
        tensors |= {
            f"prompts.{modality.name}": prompts,
            f"latents.{modality.name}": torch.randn(STUDIES, *shape, generator=rng).half(),
            f"present.{modality.name}": torch.ones(STUDIES, dtype=torch.bool),
        }
    save_file(tensors, place / "rows-00000.safetensors")
    empty = {m.name: torch.zeros(model.config.prompt_width) for m in model.parts}
    save_file(empty, place / "empty.safetensors")
    manifest = Manifest(
        schema_version=1,
        made_by={},
        ids=[str(study) for study in range(STUDIES)],
        rows=STUDIES,
        files={file.name: file_hash(file) for file in place.glob("*.safetensors")},
    )
    write_json(place / MANIFEST, manifest.model_dump(mode="json", by_alias=True))
    return place


def plain_loop(precision: Precision) -> Callable[[], None]:
    """A step of the loop that one writes first."""
    from diffusers.models import UNet2DConditionModel

    torch.manual_seed(0)
    denoiser: Any = tiny().model.modalities[0].denoiser
    down = ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in denoiser.attention]
    up = ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(denoiser.attention)]
    channels = denoiser.latent_channels * denoiser.patch**2
    network = UNet2DConditionModel(
        in_channels=channels,
        out_channels=channels,
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        block_out_channels=denoiser.widths,
        layers_per_block=list(denoiser.blocks),
        attention_head_dim=denoiser.heads,
        cross_attention_dim=denoiser.context,
        norm_num_groups=denoiser.groups,
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=8e-4)
    latents, prompts = torch.randn(STUDIES, channels, 16, 16), torch.randn(STUDIES, 1, 128)
    levels = torch.linspace(0.999, 0.001, 1000)

    def step() -> None:
        rows = torch.randint(STUDIES, (BATCH,))
        timestep = torch.randint(1000, (BATCH,))
        clean, noise = latents[rows], torch.randn(BATCH, channels, 16, 16)
        level = levels[timestep].view(-1, 1, 1, 1)
        noisy = level.sqrt() * clean + (1 - level).sqrt() * noise
        with autocast(precision, CPU):
            predicted = network(noisy, timestep, prompts[rows]).sample
        loss = (predicted.float() - noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def profiled(step: Callable[[], None]) -> str:
    """Where the time of our step goes, by operator."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        for _ in range(3):
            step()
    averages = profiler.key_averages()
    listed: str = averages.table(sort_by="self_cpu_time_total", row_limit=25)
    return listed


if __name__ == "__main__":
    typer.run(main)
