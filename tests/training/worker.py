"""One of several processes that go on with a run; started by test_processes.

python worker.py RUN [STAGE STEP]: stops hard after a step of a stage where one is named. Writes
what kind of tensors its trained parameters were, by stage, to RUN/kinds-RANK.json.
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
    kinds: dict[str, list[str]] = {}
    end, note = Training.end, Training._note

    def seen(training: Training) -> None:
        found = {type(p).__name__ for p in training.parameters.values()}
        kinds[training.stage.name] = sorted(found)
        end(training)

    def stopping(training: Training, record: dict) -> None:
        note(training, record)
        if (training.stage.name, training.done) == stop:
            os._exit(9)

    Training.end, Training._note = seen, stopping
    resume(run)
    (run / f"kinds-{os.environ['RANK']}.json").write_text(json.dumps(kinds))


if __name__ == "__main__":
    main()
