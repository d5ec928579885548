"""Does the published model fit? The memory that importing it and generating with it take.

    python benchmarks/published_memory.py make KEYS CHECKPOINT
    python benchmarks/published_memory.py measure CHECKPOINT FOLDER --tokenizers DIR

``make`` writes a checkpoint of the full size with random weights, 27 GB; KEYS is the list of the
release's keys and shapes (``state_dict_keys.json.gz``). Weights are normal, scaled so that
activations stay of unit size. ``measure`` imports it to FOLDER in bf16 (10 GB), or in what
``--precision`` names, makes T->F, F->T and F+L+T from T, each in a process of its own and with
``--steps``, and prints one JSON line: the largest resident memory of each, mapped files included,
and what it is a multiple of. What the model says means nothing; its size is true.
"""

import argparse
import gzip
import json
import math
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

GIB = 2**30
TASKS = ("T->F", "F->T", "T->F+L+T")
REPORT_TEXT = "FINDINGS: Large left pleural effusion. IMPRESSION: Effusion."


def main() -> None:
    """Do what the command says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make")
    make.add_argument("keys", type=Path)
    make.add_argument("checkpoint", type=Path)
    measure = commands.add_parser("measure")
    measure.add_argument("checkpoint", type=Path)
    measure.add_argument("folder", type=Path)
    measure.add_argument("--tokenizers", type=Path, required=True)
    measure.add_argument("--steps", type=int, default=2)
    measure.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="bf16")
    inside = commands.add_parser("inside")
    inside.add_argument("folder", type=Path)
    inside.add_argument("task")
    inside.add_argument("steps", type=int)
    inside.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    if given.command == "make":
        make_checkpoint(given.keys, given.checkpoint)
    elif given.command == "inside":
        print(json.dumps(generate(given.folder, given.task, given.steps, given.keep)))
    else:
        print(json.dumps(measured(given)))


def make_checkpoint(keys: Path, checkpoint: Path) -> None:
    """Reserve a file for all tensors, then fill it by memory map: it never is in memory whole."""
    import torch

    with gzip.open(keys) as file:
        listed = json.load(file)
    twins = {second: first for first, second in listed["tied"]}
    tensors: dict[str, torch.Tensor] = {}
    for key, entry in listed["keys"].items():
        dtype = getattr(torch, entry["dtype"])
        tensors[key] = tensors.get(twins.get(key, ""), torch.empty(entry["shape"], dtype=dtype))
    with torch.serialization.skip_data():
        torch.save(tensors, checkpoint)
    del tensors
    torch.serialization.set_default_mmap_options(1)  # MAP_SHARED: what is written stays
    mapped = torch.load(checkpoint, mmap=True, weights_only=True)
    rng = torch.Generator().manual_seed(0)
    known = constants(mapped)
    for place, (key, tensor) in enumerate(mapped.items()):
        if key in twins:
            continue
        if key in known:
            tensor.copy_(known[key])
        elif tensor.ndim < 2:  # norms are 1, biases 0
            tensor.fill_(float(key.endswith((".weight", ".g"))))
        else:
            tensor.normal_(0, 1 / math.sqrt(math.prod(tensor.shape[1:])), generator=rng)
        if place % 500 == 0:
            print(f"{place} of {len(mapped)} tensors", file=sys.stderr)


def constants(mapped: dict[str, Any]) -> dict[str, Any]:
    """What is no weight: the schedule, causal masks, position ids."""
    import torch

    from xgem.diffusion.process import ScheduleConfig
    from xgem.official.schedule import schedule_buffers

    values = schedule_buffers(ScheduleConfig())
    for key, tensor in mapped.items():
        if key.endswith("position_ids"):
            values[key] = torch.arange(tensor.shape[1])[None]
        elif key.endswith(".attn.bias") and tensor.ndim == 4:
            values[key] = torch.ones_like(tensor).tril()
    return values


def measured(given: argparse.Namespace) -> dict[str, Any]:
    """Import in one process, then generate in others."""
    from xgem.manifest import read_manifest
    from xgem.version import commit, version

    call = [sys.executable, "-m", "xgem", "official", "import", given.checkpoint]
    call += ["--out", given.folder, "--precision", given.precision]
    importing = watch([*call, "--tokenizers", given.tokenizers], "importing")
    components = read_manifest(given.folder).components
    largest = max(component.bytes for component in components.values())
    rows: dict[str, Any] = {"import": {**importing, "largest component GiB": gib(largest)}}
    rows["import"]["ratio"] = round(importing["peak GiB"] / gib(largest), 2)
    for task in TASKS:
        inside = [sys.executable, __file__, "inside", given.folder, task, given.steps]
        rows[task] = watch(inside, task)
        rows[f"{task}, all kept"] = watch([*inside, "--keep"], f"{task}, all kept")
    return {
        **rows,
        "checkpoint GiB": gib(given.checkpoint.stat().st_size),
        "folder GiB": gib(sum(component.bytes for component in components.values())),
        "precision": given.precision,
        "steps": given.steps,
        "threads": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "xgem": version(),
        "commit": commit(),
    }


def watch(call: list[object], name: str) -> dict[str, Any]:
    """Run a process of its own: its time and its largest resident memory."""
    print(f"{name} ...", file=sys.stderr)
    started = time.perf_counter()
    process = subprocess.Popen([str(word) for word in call], stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{name} failed")
    found = {"peak GiB": gib(usage.ru_maxrss * 1024), "seconds": time.perf_counter() - started}
    inside = json.loads(said) if said.startswith("{") else {}
    return {key: round(value, 2) for key, value in (found | inside).items()}


def generate(folder: Path, task: str, steps: int, keep: bool) -> dict[str, float]:
    """Make the outputs of ``task`` once, at random but in full size."""
    import numpy as np
    import torch

    from xgem.sampling.context import PromptReader
    from xgem.sampling.pipeline import XGeM
    from xgem.study import CHEST, REPORT, parse_modalities

    xgem = XGeM.from_pretrained(folder, offload=False if keep else None)
    loaded = time.perf_counter()
    inputs, outputs = (parse_modalities(part, CHEST) for part in task.split("->"))
    size = xgem.model.preprocessing.size
    gray = np.linspace(0, 1, size * size, dtype=np.float32).reshape(size, size)
    with torch.inference_mode():
        reader = PromptReader(xgem.model, xgem.residence)
        with xgem.residence.present(*(xgem.model.parts[m].prompt_encoder for m in inputs)):
            vectors = {m: reader.encode(m, [REPORT_TEXT if m == REPORT else gray]) for m in inputs}
            weights = dict.fromkeys(inputs, 1.0)
            contexts = {m: reader.context(m, vectors, weights, 1) for m in outputs}
        latents = xgem.denoise(contexts, [0], xgem.settings(steps=steps))
        denoised = time.perf_counter()
        made = xgem.decode(latents, [0])
    assert all(isinstance(c[0], str) or np.isfinite(c[0]).all() for c in made.values())
    return {
        "denoising seconds": denoised - loaded,
        "decoding seconds": time.perf_counter() - denoised,
    }


def gib(size: float) -> float:
    """Bytes in GiB."""
    return round(size / GIB, 3)


if __name__ == "__main__":
    main()
