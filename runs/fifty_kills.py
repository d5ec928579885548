"""Kill a training run fifty times at random moments, and see that it takes the same steps.

    python runs/fifty_kills.py [--kills 50] [--seed 0] [--longest SECONDS] [--out build/kills]
        [--docs docs/results]

A short run of all four stages on 40 phantoms goes through without a break. Then the same command is
started and killed (SIGKILL) after a random time, again and again, going on with --resume; when such
a run is finished before the kills are used up, another is begun. After every kill, each record that
the run has written (loss, gradient norm, learning rate, terms, validation loss) must equal that of
the run without a break to the last digit that is written; in the end, so must the hash of every
component, as each stage has left it in fp32 and as the model holds it.
Every kill is noted in OUT/kills.jsonl; stopped at any moment, the same call goes on. Prints one
JSON line, and keeps it as fifty_kills.json.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from xgem.data.whole_file import write_json
from xgem.manifest import read_manifest
from xgem.training.metrics import records
from xgem.version import commit, version

STEPS = 16
SETTINGS = (
    "held_out=8",
    "model.sampling.steps=2",
    f"stages.*.optimization.steps={STEPS}",
    "stages.*.optimization.batch_size=8",
    "stages.*.optimization.save_every=3",
)
BY_THE_CLOCK = ("seconds", "seconds_left", "peak_gigabytes")
"""What differs from run to run."""
Steps = dict[tuple[str, int], dict[str, Any]]


def main(
    kills: Annotated[int, typer.Option(min=1)] = 50,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
    longest: Annotated[
        float | None,
        typer.Option(help="Seconds that a process lives at most.", show_default="half a run"),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("build/kills"),
    docs: Annotated[Path, typer.Option(help="Where the result goes.")] = Path("docs/results"),
) -> None:
    """Kill, go on, compare."""
    whole = out / "whole"
    whole_run = seconds_of_a_run(whole)  # whatever --longest says, there is something to compare
    longest = longest or whole_run / 2
    expected, log = steps_of(whole), out / "kills.jsonl"
    while len(noted := lines(log)) < kills:
        run = unfinished(out)
        life = random.Random(f"{seed} {len(noted)}").uniform(1, longest)
        fresh = not run.exists()
        if killed(run, life):
            found = steps_of(run)
            exact = all(expected.get(step) == record for step, record in found.items())
            note = {"in": latest(run), "after": round(life, 1), "records": len(found)}
            with log.open("a") as stream:
                stream.write(json.dumps({**note, "exact": exact}) + "\n")
            typer.echo(f"kill {len(noted) + 1}: {note}, exact {exact}", err=True)
        elif fresh:
            raise SystemExit("a run was finished within one life; make --longest smaller")
    last = unfinished(out)
    subprocess.run(command(last), check=True)
    finished = sorted(out.glob("killed-*"))
    for run in finished:
        assert_equal(run, whole, expected)
    exact = sum(note["exact"] for note in noted)
    summary = {
        "kills": len(noted),
        "exact": exact,
        "finished runs with equal records and weights": len(finished),
        "records a run": len(expected),
        "killed in": Counter(note["in"] for note in noted),
        "seed": seed,
        "longest life, seconds": round(longest, 1),
        "xgem": version(),
        "commit": commit(),
    }
    typer.echo(json.dumps(summary))
    docs.mkdir(parents=True, exist_ok=True)
    write_json(docs / "fifty_kills.json", summary)
    raise SystemExit(exact != kills)


def seconds_of_a_run(whole: Path) -> float:
    """Train without a break, and say how long that took."""
    file = whole.with_suffix(".json")
    if not file.exists():
        shutil.rmtree(whole, ignore_errors=True)
        call = command(whole)
        started = time.monotonic()
        subprocess.run(call, check=True)
        file.write_text(json.dumps(time.monotonic() - started))
    return float(json.loads(file.read_text()))


def lines(log: Path) -> list[dict[str, Any]]:
    """What is noted of the kills so far."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def unfinished(out: Path) -> Path:
    """The run to go on with, or to begin."""
    place = 0
    while (out / f"killed-{place}" / "model").exists():
        place += 1
    return out / f"killed-{place}"


def command(run: Path) -> list[str]:
    """Begin a run, or go on with it."""
    xgem = [sys.executable, "-m", "xgem", "train"]
    if (run / "run.json").exists():
        return [*xgem, "--resume", str(run)]
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return [*xgem, "micro", *settings, "--data", str(phantoms_of(run)), "--out", str(run)]


def phantoms_of(run: Path) -> Path:
    """Simulate the studies beside all runs, or find them there."""
    folder = run.parent / "phantoms"
    simulate = [sys.executable, "-m", "xgem", "phantoms", "--count", "40", "--size", "64"]
    if not (folder / "store.json").exists():
        subprocess.run([*simulate, "--out", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder


def killed(run: Path, seconds: float) -> bool:
    """Let a run live for so long; False where it was finished before."""
    process = subprocess.Popen(command(run), stdout=subprocess.DEVNULL)
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return True
    if code:
        raise SystemExit(f"a resumed run failed with exit code {code}")
    return False


def steps_of(run: Path) -> Steps:
    """All records by stage and step, without what the clock decides."""
    return {
        (path.parent.name, record["step"]): {
            key: value for key, value in record.items() if key not in BY_THE_CLOCK
        }
        for path in sorted(run.glob("*/metrics.jsonl"))
        for record in records(path.parent)
    }


def latest(run: Path) -> str:
    """The stage that a run is in."""
    written = sorted(run.glob("*/metrics.jsonl"), key=lambda path: path.stat().st_mtime)
    return written[-1].parent.name if written else "before the first step"


def assert_equal(run: Path, whole: Path, expected: Steps) -> None:
    """Compare all records and the hashes of all weights: of each stage in fp32, of the model."""
    if steps_of(run) != expected:
        raise SystemExit(f"{run} took other steps than {whole}")
    ours, theirs = weights_of(run), weights_of(whole)
    differing = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
    if differing:
        raise SystemExit(f"{run} has other weights than {whole} in {', '.join(differing)}")


def weights_of(run: Path) -> dict[str, str]:
    """Hashes of the components that each stage has left, in full precision, and of the model's."""
    folders = [*sorted(path.parent for path in run.glob("*/done/model.json")), run / "model"]
    return {
        f"{folder.relative_to(run)}/{name}": component.sha256
        for folder in folders
        for name, component in read_manifest(folder).components.items()
    }


if __name__ == "__main__":
    typer.run(main)
