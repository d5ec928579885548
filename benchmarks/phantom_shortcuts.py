"""Whether the findings of phantoms can be told by cheating, and whether all patients are one.

    python benchmarks/phantom_shortcuts.py [--data STORE] [--judge DIR]

A linear probe on 32 x 32 pixels and the judge look at the same frontal phantoms, the last of the
store, which neither was trained on: mean AUROC over the scored findings, the pacemaker left out,
with 95 % over studies. The probe learns from all others but as many as are tested, on which its
regularization is chosen. Then, how unlike two takes of one patient are, beside the nearest other of
some patients. Without --data, phantoms are simulated in build/. The last line is JSON.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from xgem.cli.progress import progress_bars
from xgem.data.radiograph import Preprocessing
from xgem.data.resampling import resize
from xgem.data.store import Store
from xgem.errors import ConfigError, XGeMError
from xgem.evaluation.crossed import crossed
from xgem.evaluation.findings import SCORED, auroc, mean, presence
from xgem.evaluation.judge import Judge
from xgem.evaluation.tables import plain
from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.findings import sample_findings
from xgem.phantoms.simulation import build_scene, develop, project
from xgem.phantoms.store import write_phantoms
from xgem.progress import Progress
from xgem.study import FRONTAL
from xgem.version import commit

TARGETS = tuple(target for target in SCORED[FRONTAL] if target.label != "Pacemaker")
PROBED = 32
"""Pixels a side that the probe sees."""
STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""Of the probe: the inverse of its regularization, as scikit-learn counts it."""
SECOND_TAKE = 500_000
"""From the seed of a patient's first take to that of the second."""


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=Path, help="store of phantoms")
    arguments.add_argument("--judge", type=Path, help="folder of the judge; the bundled one")
    arguments.add_argument("--test", type=int, default=500, help="phantoms that are scored")
    arguments.add_argument("--count", type=int, default=4000, help="phantoms to simulate")
    arguments.add_argument("--seed", type=int, default=3_000_000, help="of the first of them")
    arguments.add_argument("--workers", type=int, default=2, help="processes that simulate")
    arguments.add_argument("--patients", type=int, default=40, help="of whom two takes are made")
    chosen = arguments.parse_args()
    try:
        with progress_bars() as progress:
            judge = Judge.from_pretrained(chosen.judge)
            size = judge.config.image_size
            store = Store(chosen.data) if chosen.data else _simulated(chosen, size, progress)
            result = {
                "size": size,
                "store": store.hash,
                "judge checkpoint": judge.checkpoint,
                **_told(store, judge, chosen.test, progress),
                "nearest neighbors": _neighbors(size, chosen.seed, chosen.patients),
                "commit": commit(),
            }
    except XGeMError as error:
        arguments.error(str(error))
    print(json.dumps(plain(result)))


def _simulated(chosen: argparse.Namespace, size: int, progress: Progress) -> Store:
    seeds = range(chosen.seed, chosen.seed + chosen.count)
    return write_phantoms(
        Path(f"build/phantoms-{chosen.seed}-{chosen.count}-{size}"),
        seeds,
        Preprocessing(size=size),
        workers=chosen.workers,
        progress=progress,
    )


def _told(store: Store, judge: Judge, test: int, progress: Progress) -> dict[str, Any]:
    """What the probe and the judge tell of the same phantoms."""
    first = len(store) - test
    tested, validated, learned = range(first, len(store)), range(first - test, first), first - test
    if learned < 1:
        raise ConfigError(
            f"{len(store)} phantoms are too few to test {test}; use at least {3 * test}"
        )
    _require_unseen(judge, [store.ids[place] for place in tested])
    looked = judge.score([store[place] for place in tested], FRONTAL, TARGETS)
    small, findings = [], []
    for study in store:
        radiograph = np.asarray(study.contents[FRONTAL], np.float32)
        small.append(resize(radiograph, PROBED, PROBED).ravel())
        findings.append(study.findings or ())
        progress("reading", len(small), len(store))
    truth = presence(findings, TARGETS)
    probed, strengths = _probe(
        np.stack(small), truth, slice(0, learned), slice(validated.start, validated.stop), progress
    )
    return {
        "phantoms": {"learned": learned, "validated": test, "tested": test},
        f"linear probe, {PROBED} px": {
            **_measured(truth[first:], probed[first:]),
            "strength": strengths,
        },
        "judge": _measured(truth[first:], looked),
    }


def _require_unseen(judge: Judge, ids: list[str]) -> None:
    """Refuse phantoms that the judge has learned from; their names are their seeds."""
    learned = judge.card["studies"]
    seeds = range(_seed(learned["first"]), _seed(learned["last"]) + 1)
    known = sum(_seed(name) in seeds for name in ids)
    if known:
        raise ConfigError(
            f"the judge was trained on {known} of the {len(ids)} phantoms to test; choose another "
            f"store, or test fewer of them"
        )


def _seed(name: str) -> int:
    return int(name.removeprefix("phantom-"))


def _probe(
    pixels: np.ndarray, truth: np.ndarray, train: slice, validate: slice, progress: Progress
) -> tuple[np.ndarray, dict[str, str]]:
    """Scores (phantoms, targets) of logistic regression, and the strength chosen for each."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit(pixels[train]).transform(pixels)
    scores = np.zeros(truth.shape, np.float32)
    strengths: dict[str, str] = {}
    for column, target in enumerate(TARGETS):
        there = truth[:, column]
        if not 0 < there[train].sum() < len(there[train]):
            raise ConfigError(f"no phantom to learn from has {target}; give more of them")
        tried = {}
        for strength in STRENGTHS:
            model = LogisticRegression(C=strength, max_iter=2000).fit(scaled[train], there[train])
            found = model.decision_function(scaled).astype(np.float32)
            area = mean(auroc(there[validate, None], found[validate, None]))
            tried[strength] = (-np.inf if np.isnan(area) else area), found
        best = max(tried, key=lambda strength: tried[strength][0])
        scores[:, column], strengths[str(target)] = tried[best][1], f"{best:g}"
        progress("probing", column + 1, len(TARGETS))
    return scores, strengths


def _measured(truth: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    """AUROC by finding, and its mean with the interval over studies."""
    areas = auroc(truth, scores)

    def statistic(found: np.ndarray, rows: np.ndarray) -> float:
        return mean(auroc(truth[rows], found[rows]))

    return {
        "mean": asdict(crossed(statistic, [scores], len(truth), resamples=200)),
        "by finding": dict(zip(map(str, TARGETS), map(float, areas), strict=True)),
    }


def _neighbors(size: int, first_seed: int, patients: int) -> dict[str, float]:
    """How unlike frontal views are: two takes of one patient, and those of two patients.

    The second take of a patient is another exposure, position and noise of the same anatomy and
    findings. Unlike is 1 - r, where r is the correlation of two pictures laid over each other as
    well as shifts and magnification allow: where a patient stood is nobody's likeness. Of each
    patient's figures with all others, the smallest counts.
    """
    first, second = [], []
    for place in range(patients):
        anatomy = first_seed + place
        findings = sample_findings(anatomy)
        for takes, acquired in ((first, anatomy), (second, anatomy + SECOND_TAKE)):
            scene, acquisition = build_scene(sample_patient(anatomy), findings, acquired, size)
            takes.append(develop(project(scene, acquisition), acquisition, acquired)[0])
    apart = 1 - _alignment(np.stack(first), np.stack(second))
    same = np.diag(apart)
    others = (apart + np.diag(np.full(patients, np.inf))).min(axis=1)
    return {
        "two takes of one, median": round(float(np.median(same)), 3),
        "nearest other, median": round(float(np.median(others)), 3),
        "nearest is the same patient": round(float((same < others).mean()), 3),
    }


def _alignment(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n, m) the best correlation of each of ``first`` with each of ``second``, moved and scaled.

    The middle of the one is sought in the other, of which eleven magnifications are tried.
    """
    inner, reach = 64, 80
    still = np.stack([_standard(_middle(resize(i, 96, 96), inner)) for i in first])
    still = np.pad(still, ((0, 0), (0, reach - inner), (0, reach - inner)))
    spectrum = np.conj(np.fft.rfft2(still))
    window = np.pad(np.ones((inner, inner)), (0, reach - inner))
    ones = np.conj(np.fft.rfft2(window))
    best = np.full((len(first), len(second)), -1.0)
    room = reach - inner + 1
    for side in range(86, 107, 2):
        moving = np.stack([_middle(resize(i, side, side), reach) for i in second])
        mean = np.fft.irfft2(np.fft.rfft2(moving) * ones, s=(reach, reach)) / inner**2
        square = np.fft.irfft2(np.fft.rfft2(moving**2) * ones, s=(reach, reach)) / inner**2
        spread = np.sqrt(np.maximum(square - mean**2, 1e-6))[:, :room, :room]
        for place, one in enumerate(np.fft.rfft2(moving)):
            product = np.fft.irfft2(one * spectrum, s=(reach, reach))[:, :room, :room]
            found = (product / inner**2 / spread[place]).max(axis=(1, 2))
            best[:, place] = np.maximum(best[:, place], found)
    return best


def _middle(image: np.ndarray, side: int) -> np.ndarray:
    edge = (len(image) - side) // 2
    return image[edge : edge + side, edge : edge + side]


def _standard(image: np.ndarray) -> np.ndarray:
    return (image - image.mean()) / (image.std() + 1e-6)


if __name__ == "__main__":
    main()
