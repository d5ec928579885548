"""The one training loop; stages supply losses."""

import json
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn

from xgem.errors import DivergenceError
from xgem.training.curves import draw_curves
from xgem.training.ema import Ema
from xgem.training.stage import Optimization, Stage
from xgem.training.state import load_state, save_state

Progress = Callable[[str, int, int], None]


def train_stage(
    stage: Stage,
    optimization: Optimization,
    folder: Path,
    seed: int,
    progress: Progress | None = None,
) -> None:
    """Train to the last step, from the last saved state where there is one.

    Leaves the averaged weights in the stage's components. The batch and the noise of a step depend
    on the seed and the step alone, so a resumed run takes the same steps as one without a break.

    Raises:
        DivergenceError: a loss is not finite; the state before it is kept.
    """
    learner = nn.ModuleDict({"trained": stage.trained, "extra": stage.extra})
    optimizer = torch.optim.AdamW(
        learner.parameters(),
        lr=optimization.learning_rate,
        weight_decay=optimization.weight_decay,
        fused=True,
    )
    ema = Ema(learner, optimization.ema)
    first, spent = 0, 0.0
    state = load_state(folder)
    if state is not None:
        learner.load_state_dict(state["learner"])
        optimizer.load_state_dict(state["optimizer"])
        ema.load_state(state["ema"])
        first, spent = state["step"], state["seconds"]
    forget_after(folder, first)

    learner.train()
    started = time.monotonic() - spent
    for step in range(first, optimization.steps):
        rate = learning_rate(step, optimization)
        for group in optimizer.param_groups:
            group["lr"] = rate
        rng = torch.Generator().manual_seed(step_seed(seed, stage.name, step))
        with autocast(optimization):
            terms = stage.loss(step, step / optimization.steps, rng)
        total = torch.stack([term.float() for term in terms.values()]).sum()
        if not total.isfinite():
            raise DivergenceError(
                f"{stage.name}: loss is not finite at step {step} ({_said(terms)}); lower the "
                f"learning rate, then go on with --resume from the last saved step"
            )
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(learner.parameters(), optimization.clip)
        optimizer.step()
        ema.update(learner, step)

        done = step + 1
        if progress:
            progress(f"{stage.name}: loss {total.item():.4f}", done, optimization.steps)
        record = {"step": done, "loss": total.item(), "rate": rate, **_numbers(terms)}
        if done % optimization.save_every == 0 or done == optimization.steps:
            seconds = time.monotonic() - started
            save_state(
                folder,
                {
                    "learner": learner.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "ema": ema.average,
                    "step": done,
                    "seconds": seconds,
                },
            )
            record |= {
                "seconds": round(seconds, 1),
                **look(stage, optimization, learner, ema, folder),
            }
        append_metrics(folder, record)
        if "validation" in record:
            draw_curves(folder, stage.name)
    if optimization.ema:
        ema.copy_to(learner)
    learner.eval()


def look(
    stage: Stage, optimization: Optimization, learner: nn.Module, ema: Ema, folder: Path
) -> dict[str, float]:
    """Score held-out studies and draw a picture, both with the averaged weights."""
    current = {name: value.detach().clone() for name, value in learner.named_parameters()}
    if optimization.ema:
        ema.copy_to(learner)
    learner.eval()
    with torch.inference_mode(), autocast(optimization):
        terms = stage.validation_loss()
        picture = stage.picture()
    if picture is not None:
        picture.save(folder / "samples.png")
    with torch.no_grad():
        for name, value in learner.named_parameters():
            value.copy_(current[name])
    learner.train()
    return {"validation": sum(_numbers(terms).values())}


def learning_rate(step: int, optimization: Optimization) -> float:
    """Linear warm-up, then cosine to zero; ``step`` counts from 0."""
    warmup = max(1, round(optimization.warmup * optimization.steps))
    if step < warmup:
        return optimization.learning_rate * (step + 1) / warmup
    share = (step - warmup) / max(1, optimization.steps - warmup)
    return optimization.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def step_seed(seed: int, name: str, step: int) -> int:
    """Seed of the noise of one step of one stage."""
    place = int.from_bytes(name.encode()[-4:], "little")
    return (seed * 1_000_003 + place) * 10_000_019 + step & 0x7FFF_FFFF_FFFF_FFFF


def autocast(optimization: Optimization) -> AbstractContextManager[object]:
    """bf16 where the recipe says so."""
    if optimization.precision == "bf16":
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return nullcontext()


def append_metrics(folder: Path, record: Mapping[str, float | int]) -> None:
    """Add one line to ``metrics.jsonl``."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps({key: _short(value) for key, value in record.items()}) + "\n")


def forget_after(folder: Path, step: int) -> None:
    """Drop the metrics of steps that are taken again, and a line that a crash cut short."""
    path = folder / "metrics.jsonl"
    if not path.exists():
        return
    kept = []
    for line in path.read_text().splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except json.JSONDecodeError:
            continue
    path.write_text("".join(f"{line}\n" for line in kept))


def _short(value: float | int) -> float | int:
    return value if isinstance(value, int) else float(f"{value:.6g}")


def _numbers(terms: Mapping[str, Tensor]) -> dict[str, float]:
    return {name: term.item() for name, term in terms.items()}


def _said(terms: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in _numbers(terms).items())
