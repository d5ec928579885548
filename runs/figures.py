"""The figures of one set of seeds; nothing here is run by itself, see bundled_figures.py.

Each is computed from scores that `completed` keeps: how well every direction tells the findings,
how well whole studies from nothing agree, whether both views show one patient, diversity, memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from completed import VIEWS, Completed, Scores, logits
from completed import told as named
from one_patient import attributes
from whole import BOTH, agreements, prevalences

from xgem.evaluation.agreement import correlation
from xgem.evaluation.bootstrap import Estimate, bootstrap
from xgem.evaluation.diversity import diversity, nearest
from xgem.evaluation.findings import (
    OTHERS,
    SCORED,
    Target,
    auroc,
    auroc_by_name,
    f1,
    mean,
    presence,
)
from xgem.study import REPORT, Modality, Study, Task

DIRECTIONS = (
    "F->L", "F->T", "F->L+T", "L->F", "L->T", "L->F+T", "T->F", "T->L", "T->F+L",
    "F+L->T", "F+T->L", "L+T->F",
)  # fmt: skip
"""All twelve, as many outputs as they have made together."""
IMAGES = ("T->F", "T->L", "F->L", "L->F", "F+T->L", "L+T->F")
REPORTS = ("F->T", "L->T", "F+L->T")
JOINT: dict[str, dict[str, Any]] = {
    "independent": {"joint": "parallel", "coupling_guidance": 0.0},
    "OWN": {"joint": "parallel", "coupling": "own", "coupling_guidance": 1.0},
    "CROSS": {"joint": "parallel", "coupling": "cross", "coupling_guidance": 1.0},
    "CROSS, guidance 3": {"joint": "parallel", "coupling": "cross", "coupling_guidance": 3.0},
    "chained": {"joint": "chained"},
    "chained, F before L": {"joint": "chained", "chain": "TFL"},
}
"""Ways to make whole studies from nothing."""
RESAMPLES = 300
Rows = dict[str, Any]


@dataclass
class Figures:
    """Computes the figures of one set of seeds."""

    completed: Completed
    others: tuple[range, Scores]
    training: tuple[range, Scores]

    def __post_init__(self) -> None:
        self.studies: Sequence[Study] = self.completed.studies
        self.judge = self.completed.judge
        self.truth = [study.findings or () for study in self.studies]
        self.true = self.completed.true()

    def all(self) -> Rows:
        """All of them."""
        return {
            "directions": self.directions(),
            "views": self.views(),
            "reports": self.reports(),
            "by finding": self.by_finding(),
            "both": self.both_prompts(),
            "joint": self.joint(),
            "differences": self.differences(),
            "prevalences": self.prevalences(),
            "attributes": attributes(self.completed, self.others),
            "diversity": self.diversity(),
            "nearest": self.nearest(),
            "pixels": self.pixels(),
        }

    def estimate(self, statistic: Callable[[np.ndarray], float]) -> Estimate:
        """A figure with its interval over studies."""
        return bootstrap(statistic, len(self.studies), resamples=RESAMPLES)

    def view_scores(self) -> dict[str, tuple[Modality, Scores]]:
        """By what it is, each set of radiographs with the view that is looked at."""
        rebuilt = self.completed.rebuilt()
        found = {f"{view.letter}, true": (view, self.true) for view in VIEWS}
        found |= {f"{view.letter}, rebuilt": (view, rebuilt) for view in VIEWS}
        for task in IMAGES:
            (view,) = Task.parse(task).outputs
            found[task] = (view, self.completed.made(task))
        return found

    def report_scores(self) -> dict[str, Scores]:
        """By what it is, each set of reports."""
        found = {"T, true": self.true, "T, rebuilt": self.completed.rebuilt()}
        return found | {task: self.completed.made(task) for task in REPORTS}

    def auroc(
        self, scores: Scores, view: Modality, targets: Sequence[Target]
    ) -> Callable[[np.ndarray], float]:
        """The mean AUROC over some findings, of the studies of given places."""
        there, seen = presence(self.truth, targets), logits(scores, view, self.judge, targets)
        return lambda rows: mean(auroc(there[rows], seen[rows]))

    def directions(self) -> Rows:
        """How well every output of every direction tells the scored findings."""
        rows: Rows = {}
        for task in DIRECTIONS:
            scores, outputs = self.completed.made(task), Task.parse(task).outputs
            rows[task] = {
                f"{view.letter}, AUROC": self.estimate(self.auroc(scores, view, SCORED[view]))
                if view in outputs
                else None
                for view in VIEWS
            }
            told = self.told(scores, SCORED[REPORT]) if REPORT in outputs else (None, None)
            rows[task] |= dict(zip(("T, micro F1", "T, macro F1"), told, strict=True))
        return rows

    def told(self, scores: Scores, targets: Sequence[Target]) -> tuple[Estimate, Estimate]:
        """Micro and macro F1 of what reports name."""
        there, found = presence(self.truth, targets), named(scores, targets)
        return (
            self.estimate(lambda rows: f1(there[rows], found[rows]).micro),
            self.estimate(lambda rows: f1(there[rows], found[rows]).macro),
        )

    def views(self) -> Rows:
        """How well findings are seen in radiographs: true, rebuilt, and from each prompt."""
        rows: Rows = {}
        for name, (view, scores) in self.view_scores().items():
            there, seen = presence(self.truth, BOTH), logits(scores, view, self.judge, BOTH) > 0
            rows[name] = {
                "AUROC": self.estimate(self.auroc(scores, view, SCORED[view])),
                "AUROC, both views": self.estimate(self.auroc(scores, view, BOTH)),
                "micro F1, both views": self.estimate(micro(there, seen)),
            }
        return rows

    def reports(self) -> Rows:
        """How well findings are told in reports: true, rebuilt, and from each prompt."""
        rows: Rows = {}
        columns = ("micro F1", "macro F1", "micro F1, both views", "macro F1, both views")
        for name, scores in self.report_scores().items():
            told = (*self.told(scores, SCORED[REPORT]), *self.told(scores, BOTH))
            rows[name] = dict(zip(columns, told, strict=True))
        return rows

    def by_finding(self) -> Rows:
        """AUROC of each finding in radiographs, F1 of each in reports."""
        views: Rows = {view.letter: {} for view in VIEWS}
        for name, (view, scores) in self.view_scores().items():
            targets = (*SCORED[view], *OTHERS[view])
            seen = logits(scores, view, self.judge, targets)
            views[view.letter][name] = auroc_by_name(self.truth, seen, view, targets)
        targets = (*SCORED[REPORT], *OTHERS[REPORT])
        reports = {
            name: dict(
                zip(
                    map(str, targets),
                    f1(presence(self.truth, targets), named(scores, targets)).each,
                    strict=True,
                )
            )
            for name, scores in self.report_scores().items()
        }
        return {**views, "T": reports}

    def both_prompts(self) -> Rows:
        """Whether two prompts tell more than the better one of them."""
        rows: Rows = {}
        for task, alone in (("F+T->L", ("F->L", "T->L")), ("L+T->F", ("L->F", "T->F"))):
            (view,) = Task.parse(task).outputs
            together, *each = (
                self.auroc(self.completed.made(name), view, SCORED[view]) for name in (task, *alone)
            )
            everyone = np.arange(len(self.studies))
            better = max(each, key=lambda statistic: statistic(everyone))
            rows[task] = {
                "better alone": alone[each.index(better)],
                "difference": self.estimate(paired(together, better)),
            }
        return rows

    def whole(self) -> dict[str, Scores]:
        """Whole studies: true ones, and made of nothing in each way."""
        ways = {
            way: self.completed.made("->F+L+T", way, **settings) for way, settings in JOINT.items()
        }
        return {"true studies": self.true, **ways}

    def joint(self) -> Rows:
        """How well the parts of whole studies agree."""
        return {way: agreements(scores, self.judge) for way, scores in self.whole().items()}

    def differences(self) -> Rows:
        """How much more F and L agree in one way than in another, on the same seeds."""

        def agree(way: str) -> Callable[[np.ndarray], float]:
            frontal, lateral = (logits(whole[way], view, self.judge, BOTH) for view in VIEWS)
            return lambda rows: correlation(frontal[rows], lateral[rows])

        whole = self.whole()
        pairs = (
            ("CROSS", "OWN"),
            ("CROSS", "independent"),
            ("CROSS, guidance 3", "OWN"),
            ("CROSS, guidance 3", "independent"),
            ("chained", "CROSS, guidance 3"),
            ("chained", "chained, F before L"),
        )
        return {f"{a} minus {b}": self.estimate(paired(agree(a), agree(b))) for a, b in pairs}

    def prevalences(self) -> Rows:
        """How often findings are seen and told in whole studies.

        True ones are the scored phantoms and the others: fewer would be off by chance.
        """
        parts = ("F logits", "L logits", "T told")
        more = {part: np.concatenate([self.true[part], self.others[1][part]]) for part in parts}
        whole = self.whole() | {"true studies": more}
        return {way: prevalences(scores, self.judge) for way, scores in whole.items()}

    def diversity(self) -> Rows:
        """How far generated radiographs and true ones cover each other; other true ones beside."""
        rows: Rows = {}
        whole = self.whole()["chained"]
        for view in VIEWS:
            key = f"{view.letter} features"
            sets = {
                # Of equal numbers, as the measure asks for.
                "other phantoms": {key: self.others[1][key][: len(self.studies)]},
                f"T->{view.letter}": self.completed.made(f"T->{view.letter}"),
                f"{view.letter} from nothing": whole,
            }
            for name, scores in sets.items():
                label = name if view.letter in name else f"{view.letter}, {name}"
                rows[label] = asdict(diversity(self.true[key], scores[key]))
        return rows

    def nearest(self) -> Rows:
        """Whether generated radiographs lie nearer to phantoms of the training than to others."""
        rows: Rows = {}
        for view in VIEWS:
            key = f"{view.letter} small"
            sets = {
                f"{view.letter}, true": self.true,
                f"T->{view.letter}": self.completed.made(f"T->{view.letter}"),
                f"{view.letter} from nothing": self.whole()["chained"],
            }
            for name, scores in sets.items():
                seen, unseen = (
                    nearest(scores[key], other[key]) for other in (self.training[1], self.others[1])
                )

                def nearer(rows: np.ndarray, which: np.ndarray = seen < unseen) -> float:
                    return float(which[rows].mean())

                rows[name] = {
                    "to training": float(np.median(seen)),
                    "to unseen": float(np.median(unseen)),
                    "nearer to training": self.estimate(nearer),
                }
        return rows

    def pixels(self) -> Rows:
        """How bright and how rich in contrast radiographs are."""
        sets = self.view_scores()
        for way, scores in self.whole().items():
            sets |= {f"{v.letter}, {way}": (v, scores) for v in VIEWS if way != "true studies"}
        return {
            name: dict(
                zip(
                    ("mean", "contrast"),
                    map(float, scores[f"{view.letter} moments"].mean(0)),
                    strict=True,
                )
            )
            for name, (view, scores) in sets.items()
        }


def micro(there: np.ndarray, found: np.ndarray) -> Callable[[np.ndarray], float]:
    """Micro F1 over all findings, of the studies of given places."""
    return lambda rows: f1(there[rows], found[rows]).micro


def paired(
    one: Callable[[np.ndarray], float], other: Callable[[np.ndarray], float]
) -> Callable[[np.ndarray], float]:
    """The difference of two figures of the same studies."""
    return lambda rows: one(rows) - other(rows)
