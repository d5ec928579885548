"""How well the parts of whole studies agree, and what they hold; nothing here is run by itself."""

from typing import Any

from completed import VIEWS, Scores, logits, told

from xgem.evaluation.agreement import agreement, correlation, mean_auroc
from xgem.evaluation.findings import SCORED
from xgem.evaluation.judge import Judge
from xgem.study import FRONTAL, LATERAL

BOTH = SCORED[LATERAL]
"""Scored findings that both views show."""
Rows = dict[str, Any]


def agreements(scores: Scores, judge: Judge) -> Rows:
    """Agreement of each pair of parts, with its floor."""
    frontal, lateral = (logits(scores, view, judge, BOTH) for view in VIEWS)
    sided = logits(scores, FRONTAL, judge, SCORED[FRONTAL])
    return {
        "F with L": agreement(correlation, frontal, lateral),
        "T with F": agreement(mean_auroc, told(scores, SCORED[FRONTAL]), sided),
        "T with L": agreement(mean_auroc, told(scores, BOTH), lateral),
    }


def prevalences(scores: Scores, judge: Judge) -> Rows:
    """How often findings are seen in both views and told in reports."""
    seen = {view.letter: logits(scores, view, judge, BOTH) > 0 for view in VIEWS}
    seen["T"] = told(scores, BOTH)
    return {
        letter: dict(zip(map(str, BOTH), map(float, found.mean(0)), strict=True))
        for letter, found in seen.items()
    }
