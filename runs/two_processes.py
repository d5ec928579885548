"""Two processes take the steps of one, at the same batches: a short `micro` run of all four stages.

    python runs/two_processes.py [--seed 0] [--longest 25] [--out build/two-processes]
        [--docs docs/results]

One process trains it without a break. So do two under torchrun, once with all weights in each (DDP)
and once with parts of them in each (FSDP2). Then, in both ways, two processes begin and are killed,
one goes on and is killed, two go on, and so forth at random moments to the end. Sums of floats are
taken in another order, so losses agree to within TOLERANCE, relative, and weights to within APART,
and not to the last digit.
Stopped at any moment, the same call goes on. Prints one JSON line with the largest differences of
losses and of the weights in the model, and keeps it as two_processes.json.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from fifty_kills import SETTINGS, phantoms_of, steps_of

from xgem.checkpoint import load_component
from xgem.data.whole_file import write_json
from xgem.manifest import read_manifest
from xgem.version import commit, version

TOLERANCE = 2e-3
"""Of losses, relative, over 16 steps of each stage: the joint stage, whose gradients are the
smallest, takes more than half of it, the others a tenth at most."""
APART = 1e-2
"""Of weights: AdamW steps as far for a tiny gradient as for a large one, whichever its sign."""
LIVES = 40
"""After so many, processes live too short to reach a checkpoint."""
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node")


def main(
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
    longest: Annotated[float, typer.Option(help="Seconds that processes live at most.")] = 25.0,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("build/two-processes"),
    docs: Annotated[Path, typer.Option(help="Where the result goes.")] = Path("docs/results"),
) -> None:
    """Train, compare."""
    alone = out / "alone"
    if not (alone / "model").exists():
        subprocess.run([sys.executable, "-m", "xgem", *call(alone, sharded=False)], check=True)
    found = {}
    for name, sharded in (("DDP", False), ("FSDP2", True)):
        together = out / name.lower()
        if not (together / "model").exists():
            command = [*TORCHRUN, "2", "-m", "xgem", *call(together, sharded=sharded)]
            subprocess.run(command, check=True, env=environment())
        found[name] = differences(together, alone)
        in_turn = out / f"{name.lower()}-in-turn"
        lives = taking_turns(in_turn, sharded, random.Random(seed), longest)
        found[f"{name}, two and one in turn"] = differences(in_turn, alone) | {"lives": lives}
    summary = {
        "tolerance": {"losses, relative": TOLERANCE, "weights": APART},
        "largest differences from one process": found,
        "xgem": version(),
        "commit": commit(),
    }
    typer.echo(json.dumps(summary))
    docs.mkdir(parents=True, exist_ok=True)
    write_json(docs / "two_processes.json", summary)
    raise SystemExit(
        any(
            max(one["losses, relative"].values()) > TOLERANCE or one["weights"] > APART
            for one in found.values()
        )
    )


def call(run: Path, *, sharded: bool) -> list[str]:
    """Begin a run, or go on with it."""
    if (run / "run.json").exists():
        return ["train", "--resume", str(run)]
    settings = (*SETTINGS, f"stages.*.optimization.sharded={str(sharded).lower()}")
    words = [word for setting in settings for word in ("--set", setting)]
    return ["train", "micro", *words, "--data", str(phantoms_of(run)), "--out", str(run)]


def environment() -> dict[str, str]:
    """One thread a process, unless it is set."""
    return {"OMP_NUM_THREADS": "1"} | os.environ


def taking_turns(run: Path, sharded: bool, moments: random.Random, longest: float) -> list[int]:
    """Train by two processes and by one, in turn, each killed at some moment but the last.

    Returns:
        How many processes there were, life by life.
    """
    kept = run.with_name(f"{run.name}-lives.json")
    lives: list[int] = json.loads(kept.read_text()) if kept.exists() else []
    while not (run / "model").exists():
        if len(lives) == LIVES:
            raise SystemExit(f"{run} is not finished after {LIVES} lives; make --longest larger")
        lives.append(2 - len(lives) % 2)
        kept.write_text(json.dumps(lives))
        live(call(run, sharded=sharded), lives[-1], moments.uniform(longest / 4, longest))
    return lives


def live(arguments: list[str], world: int, seconds: float) -> None:
    """Start processes as torchrun would, and kill all of them after so many seconds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}
    places = [
        address | {"WORLD_SIZE": str(world), "RANK": str(rank), "LOCAL_RANK": str(rank)}
        for rank in range(world)
    ]
    command = [sys.executable, "-m", "xgem", *arguments]
    processes = [
        subprocess.Popen(command, env=environment() | place, stdout=subprocess.DEVNULL)
        for place in places
    ]
    end = time.monotonic() + seconds
    while time.monotonic() < end and all(process.poll() is None for process in processes):
        time.sleep(0.1)
    if any(process.poll() for process in processes):
        raise SystemExit("a process failed; see above")
    for process in processes:
        if time.monotonic() >= end and process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()


def differences(run: Path, alone: Path) -> dict[str, Any]:
    """Compare the losses of all steps, by stage, and the weights of the models."""
    found, expected = steps_of(run), steps_of(alone)
    if found.keys() != expected.keys():
        raise SystemExit(f"{run} took other steps than {alone}")
    losses: dict[str, float] = {}
    for (stage, step), record in expected.items():
        apart = abs(found[stage, step]["loss"] / record["loss"] - 1)
        losses[stage] = max(losses.get(stage, 0.0), apart)
    ours, theirs = (read_manifest(folder / "model") for folder in (run, alone))
    weights = 0.0
    for name in theirs.components:
        a, b = (
            load_component(folder / "model", manifest, name)
            for folder, manifest in ((run, ours), (alone, theirs))
        )
        pairs = [(a[key].float(), value.float()) for key, value in b.items()]
        distances = [torch.dist(x, y, p=float("inf")).item() for x, y in pairs]
        weights = max([weights, *distances])  # a coupling that is a prompt has no weights
    rounded = {stage: float(f"{apart:.2g}") for stage, apart in losses.items()}
    return {"losses, relative": rounded, "weights": float(f"{weights:.2g}")}


if __name__ == "__main__":
    typer.run(main)
