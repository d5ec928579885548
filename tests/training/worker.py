"""One of several processes that go on with a run; started by test_processes.

python worker.py RUN [STAGE STEP]: stops hard after a step of a stage where one is named. Writes
what kind of tensors its trained parameters were, by stage, to RUN/kinds-RANK-of-WORLD.json.
"""

import json
import os
import sys
from pathlib import Path

from xgem.training.loop import Training
from xgem.training.run import resume


def main() -> None:
    run = Path(sys.argv[1])
    stop = (sys.argv[2], int(sys.argv[3])) if len(sys.argv) > 2 else None
    file = run / f"kinds-{os.environ['RANK']}-of-{os.environ['WORLD_SIZE']}.json"
    kinds: dict[str, list[str]] = json.loads(file.read_text()) if file.exists() else {}
    note = Training._note

    def stopping(training: Training, record: dict) -> None:
        note(training, record)
        found = {type(p).__name__ for p in training.parameters.values()}
        kinds[training.stage.name] = sorted(found)
        file.write_text(json.dumps(kinds))
        if (training.stage.name, training.done) == stop:
            os._exit(9)

    Training._note = stopping
    resume(run)


if __name__ == "__main__":
    main()
