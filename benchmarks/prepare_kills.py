"""Kill a run of ``xgem data prepare`` with signal 9 at random moments; is the store the same?

    python benchmarks/prepare_kills.py [--kills 20] [--seed 0]

A small simulated release of MIMIC-CXR is prepared once without interruption. Then runs are started,
killed and started again, in turn the main process alone and all of its processes, at moments drawn
evenly over the time that an uninterrupted run takes; a run that ends before its moment is compared
with the first and begun anew. Parts that were whole before a kill must not be written again. Prints
one JSON line; the exit code says whether every finished store was byte for byte the same.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from xgem.file_hash import file_hash
from xgem.phantoms import simulate
from xgem.phantoms.releases import write_mimic_cxr
from xgem.version import commit, version

_INSIDE = """
import sys
from pathlib import Path
from xgem.data.store import writer as store_writer
from xgem.data.preparing.release import PrepareConfig, local_engine, prepare
from xgem.data.radiograph import Preprocessing
from xgem.data.sources import source_named

release, out, salt, shard = sys.argv[1:]
store_writer.SHARD = int(shard)
config = PrepareConfig(preprocessing=Preprocessing(size=128))
source = source_named("mimic-cxr", Path(release))
prepare(source, Path(out), config, engine=local_engine(2), salt=Path(salt))
"""


def main() -> None:
    """Prepare, kill, compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--studies", type=int, default=160)
    parser.add_argument("--shard", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        studies = [simulate(seed, 96) for seed in range(12)] * (1 + arguments.studies // 12)
        write_mimic_cxr(folder / "release", studies[: arguments.studies])
        began = time.perf_counter()
        start(folder, folder / "whole", arguments.shard).wait()
        seconds = time.perf_counter() - began
        expected = tree(folder / "whole")
        print(f"uninterrupted: {seconds:.1f} s, {len(expected)} files", file=sys.stderr)
        kills, finished, same, rewritten, kept = 0, 0, 0, 0, []
        while kills < arguments.kills or (folder / "store").exists():
            out = folder / "store"
            before = whole_parts(out)
            process = start(folder, out, arguments.shard)
            moment = rng.uniform(0, seconds) if kills < arguments.kills else 10 * seconds
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                kill(process, all_of_them=kills % 2 == 0)
                kills += 1
            parts = whole_parts(out)
            rewritten += sum(parts.get(name) != when for name, when in before.items())
            kept.append(len(parts))
            if process.returncode == 0:
                finished += 1
                same += tree(out) == expected
                for name in ("store", "store.private"):
                    subprocess.run(["rm", "-r", str(folder / name)], check=True)
            elif process.returncode > 0:
                sys.exit(f"a run failed with exit code {process.returncode}")
    result = {
        "kills": kills,
        "finished stores": finished,
        "byte for byte the same": same,
        "whole parts at each stop": kept,
        "whole parts written again": rewritten,
        "seconds of an uninterrupted run": round(seconds, 1),
        "parts": sum(name.endswith(".parquet") for name in expected),
        "xgem": version(),
        "commit": commit(),
    }
    print(json.dumps(result))
    sys.exit(same != finished or rewritten > 0)


def start(folder: Path, out: Path, shard: int) -> subprocess.Popen[bytes]:
    """One run, in a process group of its own."""
    words = [str(folder / "release"), str(out), str(folder / "salt"), str(shard)]
    return subprocess.Popen([sys.executable, "-c", _INSIDE, *words], start_new_session=True)


def kill(process: subprocess.Popen[bytes], all_of_them: bool) -> None:
    """Signal 9 to the main process, or to its workers as well."""
    if all_of_them:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def tree(folder: Path) -> dict[str, str]:
    """Every file of a store and its hash."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {file.relative_to(folder).as_posix(): file_hash(file) for file in files}


def whole_parts(folder: Path) -> dict[str, int]:
    """When each part that has its name was written."""
    return {file.name: file.stat().st_mtime_ns for file in folder.glob("data/[!.]*.parquet")}


if __name__ == "__main__":
    main()
