"""The one training loop; stages supply losses."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xgem.data.whole_file import make_folder, write_bytes
from xgem.errors import DivergenceError, OutputError
from xgem.progress import Progress
from xgem.training.ahead import ahead
from xgem.training.curves import draw_curves
from xgem.training.divergence import keep_step
from xgem.training.ema import Ema
from xgem.training.learner import Learner, scored
from xgem.training.metrics import Metrics, peak_gigabytes
from xgem.training.pictures import png_of
from xgem.training.precision import autocast
from xgem.training.processes import HERE, Place
from xgem.training.schedule import learning_rate, step_seed
from xgem.training.stage import Batch, Optimization, Stage
from xgem.training.state import latest_state, load_groups, prune, save_state

MOMENTS = ("exp_avg", "exp_avg_sq")
"""What AdamW remembers of each parameter, beside the number of its steps."""
SMALLEST_SCALE = 2.0**-10
"""Of the loss in fp16: where this overflows, it is not for want of range."""


def train_stage(
    stage: Stage[Any],
    optimization: Optimization,
    folder: Path,
    seed: int,
    progress: Progress | None = None,
    *,
    place: Place = HERE,
    tensorboard: bool = False,
) -> None:
    """Train to the last step, from the last saved state where there is one.

    Leaves the averaged weights in the stage's components, and what `Stage.finish` fits to them.
    The batch and the noise of a step depend on the seed and the step alone, so a resumed run takes
    the same steps as one without a break.

    Raises:
        DivergenceError: a loss or gradient is not finite; the states before it and all that is
            needed to take the step again are kept.
        OutputError: the disk is full; the states before it are kept. Where a step that is not
            finite cannot be kept, it says that too.
    """
    Training(stage, optimization, folder, seed, place, tensorboard).run(progress)


class Training:
    """One stage in training."""

    def __init__(
        self,
        stage: Stage[Any],
        optimization: Optimization,
        folder: Path,
        seed: int,
        place: Place = HERE,
        tensorboard: bool = False,
    ) -> None:
        self.stage, self.optimization, self.folder = stage, optimization, folder
        self.seed, self.place = seed, place
        self.learner = Learner(stage, optimization, place)
        self.parameters = {n: p for n, p in self.learner.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(),
            lr=optimization.learning_rate,
            weight_decay=optimization.weight_decay,
            fused=True,
        )
        self.scaler = torch.amp.GradScaler(
            place.device.type, enabled=optimization.precision == "fp16"
        )
        self.ema = Ema(self.learner, optimization.ema) if optimization.ema else None
        self.done, self.spent = 0, 0.0
        self.best: tuple[float, int] | None = None
        pending = self._load()
        self.metrics: Metrics | None = None
        if place.first:
            self.metrics = Metrics(folder, self.done, tensorboard=tensorboard)
            if pending and not self.metrics.has(self.done):
                self.metrics.add(pending)

    def run(self, progress: Progress | None = None) -> None:
        """Take the steps that are left."""
        self.learner.train()
        started = time.monotonic() - self.spent
        steps = self.optimization.steps
        for batches in ahead(self._batches, range(self.done, steps)):
            record = self.step(batches)
            if progress:
                progress(f"{self.stage.name}: loss {record['loss']:.4f}", self.done, steps)
            self.spent = time.monotonic() - started
            if self.done % self.optimization.save_every == 0 or self.done == steps:
                record |= self.look()
                self.save(record)
            self._note(record)
        if self.metrics is not None:
            self.metrics.close()
        self.end()

    def _batches(self, step: int) -> list[Batch]:
        """Make the batches of all passes of a step."""
        splits = self.place.split.of_passes(self.optimization.accumulate)
        seed = step_seed(self.seed, self.stage.name, step)
        return [
            self.stage.batch(step, split, torch.Generator().manual_seed(seed)) for split in splits
        ]

    def step(self, batches: Sequence[Batch]) -> dict[str, float | int]:
        """Take one step and return its record."""
        rate = learning_rate(self.done, self.optimization)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        passes: list[tuple[Batch, Mapping[str, float]]] = []
        for place, batch in enumerate(batches):
            with self.learner.holding_gradients(place < len(batches) - 1):
                terms = scored(
                    self.learner, self.stage, batch, self.optimization, self.done, self.place
                )
                values = torch.stack([term.detach().float() for term in terms.values()]).tolist()
                passes.append((batch, dict(zip(terms, values, strict=True))))
                if not all(map(math.isfinite, values)):
                    raise self._diverged("loss", passes, None)
                total = torch.stack([term.float() for term in terms.values()]).sum()
                self.scaler.scale(total).backward()
        norm = self._descend(passes)
        totals = _added(terms for _, terms in passes)
        self.done += 1
        seen = {"norm": norm} if math.isfinite(norm) else {"skipped": 1}
        return {"step": self.done, "loss": sum(totals.values()), "rate": rate, **seen, **totals}

    def _descend(self, passes: Sequence[tuple[Batch, Mapping[str, float]]]) -> float:
        """Clip the gradient, follow it, and return its norm before clipping."""
        self.scaler.unscale_(self.optimizer)
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        value = float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)
        # A scaled loss may overflow on the way back; the scaler then skips the step and goes lower.
        if not math.isfinite(value) and not self._may_scale_down():
            raise self._diverged("gradient", passes, value)
        nn.utils.clip_grads_with_norm_(self.parameters.values(), self.optimization.clip, norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.ema is not None and math.isfinite(value):
            self.ema.update(self.learner, self.done)
        return value

    def _may_scale_down(self) -> bool:
        return self.scaler.is_enabled() and self.scaler.get_scale() > SMALLEST_SCALE

    def _diverged(
        self,
        what: str,
        passes: Sequence[tuple[Batch, Mapping[str, float]]],
        norm: float | None,
    ) -> DivergenceError | OutputError:
        terms = ", ".join(f"{name} {value:.4g}" for name, value in passes[-1][1].items())
        said = f"{self.stage.name}: {what} is not finite at step {self.done} ({terms})"
        then = (
            f"Begin again with a lower learning rate (--set "
            f"stages.{self.stage.name}.optimization.learning_rate=...)"
        )
        try:
            kept = keep_step(
                self.folder,
                self.stage,
                self.learner,
                self.done,
                self.seed,
                passes,
                norm,
                self.place,
            )
        except OutputError as error:
            return OutputError(f"{said}, and the step cannot be kept: {error}. {then}")
        return DivergenceError(f"{said}; its studies, timesteps and weights are in {kept}. {then}")

    @torch.no_grad()
    def look(self) -> dict[str, float]:
        """Score held-out studies and draw a picture, both with the averaged weights."""
        self._swap()
        self.learner.eval()
        with autocast(self.optimization.precision, self.place.device):
            terms = self.learner(lambda: self.stage.validation_loss(self.place.split))
            picture = self.learner(self.stage.picture)
        if picture is not None and self.place.first:
            make_folder(self.folder)
            write_bytes(self.folder / "samples.png", png_of(picture))
        self.learner.train()
        self._swap()
        seen = {"validation": sum(term.item() for term in terms.values())} if terms else {}
        score = seen.get("validation", math.nan)
        if math.isfinite(score) and (self.best is None or score < self.best[0]):
            self.best = score, self.done
        left = self.optimization.steps - self.done
        return seen | {
            "seconds": round(self.spent, 1),
            "seconds_left": round(self.spent / self.done * left, 1),
            "peak_gigabytes": round(peak_gigabytes(self.place.device), 3),
        }

    def _swap(self) -> None:
        if self.ema is not None:
            self.ema.swap(self.learner)

    def _note(self, record: Mapping[str, float | int]) -> None:
        if self.metrics is not None:
            self.metrics.add(record)
            if "seconds" in record:
                draw_curves(self.folder, self.stage.name)

    def save(self, record: Mapping[str, float | int]) -> None:
        """Keep this step; the record goes with it, in case that the run ends before it is noted."""
        states = self.folder / "states"
        counts = {
            name: int(self.optimizer.state[parameter]["step"])
            for name, parameter in self.parameters.items()
            if parameter in self.optimizer.state
        }
        remembered = {
            "record": dict(record),
            "seconds": self.spent,
            "best": self.best,
            "scaler": self.scaler.state_dict(),
            "counts": counts,
        }
        save_state(
            states,
            self.done,
            self._groups(list(counts)),
            remembered,
            self.place.split,
            sharded=self.optimization.sharded and self.place.split.world > 1,
        )
        if self.place.first:
            prune(states, self.optimization.keep, self.best[1] if self.best else None)

    def _groups(self, optimized: Sequence[str]) -> dict[str, dict[str, Tensor]]:
        """Return all tensors that a state holds."""
        states = {name: self.optimizer.state[self.parameters[name]] for name in optimized}
        return {
            "weights": self.learner.state(),
            "average": {} if self.ema is None else self.ema.average,
            "optimizer": {
                f"{moment}.{name}": state[moment]
                for name, state in states.items()
                for moment in MOMENTS
            },
        }

    def _load(self) -> dict[str, Any] | None:
        """Go on from the last state, and return the record that was saved with it."""
        found = latest_state(self.folder / "states")
        if found is None:
            return None
        path, facts = found
        for name, count in facts["counts"].items():
            parameter = self.parameters[name]
            self.optimizer.state[parameter] = {
                "step": torch.tensor(float(count), device=self.place.device),
                **{moment: torch.zeros_like(parameter) for moment in MOMENTS},
            }
        load_groups(path, self._groups(list(facts["counts"])), facts["tensors"])
        self.scaler.load_state_dict(facts["scaler"])
        self.done, self.spent = facts["step"], facts["seconds"]
        best = facts["best"]
        self.best = (best[0], best[1]) if best and math.isfinite(best[0]) else None
        record: dict[str, Any] = facts["record"]
        return record

    def end(self) -> None:
        """Leave the average in the components, plain and ready for use."""
        if self.ema is not None:
            self.ema.copy_to(self.learner)
        self.learner.eval()
        # What follows from the weights is fitted in full precision, where these have it.
        halved = self.optimization.states == "bf16"
        with autocast("bf16" if halved else "fp32", self.place.device):
            self.learner(self.stage.finish)
        self.learner.merge_adapters()


def _added(terms: Any) -> dict[str, float]:
    totals: dict[str, float] = {}
    for one in terms:
        for name, value in one.items():
            totals[name] = totals.get(name, 0.0) + value
    return totals
