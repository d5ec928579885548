"""How fast studies are generated, how soon a user sees that something happens, and in what memory.

    python benchmarks/generate_speed.py [--model DIR] [--threads 2]

Prints progress on stderr and one JSON line on stdout: seconds of T->F and of all three parts from
nothing (without the start of the process), seconds from starting ``xgem generate`` to its first
progress line and to its end, and the peak memory of both processes in MB.
"""

import argparse
import json
import os
import platform
import pty
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPORT = "FINDINGS: Large left pleural effusion. Mild cardiomegaly."
REPEATS = 3


def main() -> None:
    """Measure in processes of their own, whose memory is theirs alone."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", help="model folder; the bundled one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        print(json.dumps(generation(arguments.model)))
        return
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads)}
    model = ["--model", arguments.model] if arguments.model else []
    print("generating in Python ...", file=sys.stderr)
    inside = [sys.executable, __file__, "--inside", *model]
    python = subprocess.run(inside, env=environment, check=True, stdout=subprocess.PIPE)
    print("generating on the command line ...", file=sys.stderr)
    from xgem.version import commit, version

    measured = {
        **json.loads(python.stdout),
        **command_line(model, environment),
        "threads": arguments.threads,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "xgem": version(),
        "commit": commit(),
    }
    print(json.dumps(measured))


def generation(model: str | None) -> dict[str, object]:
    """Seconds of one sample, the first (cold) and the best of the next."""
    from xgem.sampling.pipeline import XGeM
    from xgem.study import REPORT as REPORT_MODALITY
    from xgem.study import Study

    xgem = XGeM.from_pretrained(model)
    report = Study(id="report", contents={REPORT_MODALITY: REPORT})

    def seconds(study: Study | None, to: str) -> dict[str, float]:
        times = []
        for repeat in range(1 + REPEATS):
            started = time.perf_counter()
            xgem.generate(study, to=to, seed=repeat)
            times.append(round(time.perf_counter() - started, 3))
        return {"first": times[0], "best": min(times[1:])}

    settings = xgem.settings()
    return {
        "checkpoint": xgem.checkpoint,
        "steps": settings.steps,
        "T->F seconds": seconds(report, "F"),
        "->F+L+T seconds": seconds(None, "F+L+T"),
        "python peak MB": megabytes(resource.getrusage(resource.RUSAGE_SELF)),
    }


def command_line(model: list[str], environment: dict[str, str]) -> dict[str, object]:
    """Start ``xgem generate`` as a user would, before a terminal, and watch it."""
    with tempfile.TemporaryDirectory() as folder:
        call = [sys.executable, "-m", "xgem", "generate", *model, "--report", REPORT]
        call += ["--to", "F+L", "--out", str(Path(folder) / "out")]
        screen, terminal = pty.openpty()
        started = time.perf_counter()
        process = subprocess.Popen(
            call, env=environment, stderr=terminal, stdout=subprocess.DEVNULL
        )
        os.close(terminal)
        seen, first = b"", None
        while True:
            try:
                chunk = os.read(screen, 4096)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            seen += chunk
            if first is None and b"loading the model" in seen:
                first = round(time.perf_counter() - started, 3)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"xgem generate failed:\n{seen.decode(errors='replace')}")
    return {
        "first progress line seconds": first,
        "xgem generate T->F+L seconds": round(time.perf_counter() - started, 3),
        "xgem generate peak MB": megabytes(usage),
    }


def megabytes(usage: resource.struct_rusage) -> int:
    """Largest resident memory; Linux counts it in KiB."""
    return round(usage.ru_maxrss * 1024 / 1e6)


if __name__ == "__main__":
    main()
