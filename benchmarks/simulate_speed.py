"""How long a study takes to simulate, both views and the report, on one core.

    python benchmarks/simulate_speed.py [--studies 20] [--size 128 --size 256]

The last line is JSON: seconds of the processor a study, median, by size in pixels.
"""

import argparse
import json
import time

import numpy as np

from xgem.phantoms import simulate
from xgem.version import commit

FIRST_SEED = 4_000_000


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--studies", type=int, default=20)
    arguments.add_argument("--size", type=int, action="append")
    chosen = arguments.parse_args()
    took = {
        size: round(float(np.median(seconds(size, chosen.studies))), 3)
        for size in chosen.size or (128, 256)
    }
    print(json.dumps({"seconds": took, "studies": chosen.studies, "commit": commit()}))


def seconds(size: int, studies: int) -> list[float]:
    """Of the processor, a study, after one that reads the atlas."""
    simulate(FIRST_SEED, size)
    found = []
    for seed in range(FIRST_SEED + 1, FIRST_SEED + 1 + studies):
        started = time.process_time()
        simulate(seed, size)
        found.append(time.process_time() - started)
    return found


if __name__ == "__main__":
    main()
