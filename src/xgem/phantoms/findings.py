"""What is wrong: which findings a patient has, where, and how badly.

Findings are not independent coins. Each study draws what ails the patient, and that decides which
findings are likely; rates are set so that findings are about as frequent as in the two largest
public collections of chest radiographs of hospital patients, and meet each other as in studies of
those conditions:

- frequencies: Irvin et al. 2019 (CheXpert, table 1) and Johnson et al. 2019 (MIMIC-CXR-JPG), whose
  labels "Consolidation" and "Pneumonia" are one here; hyperinflation after Bustos et al. 2020
  (PadChest);
- heart failure: a large heart in three of four, edema in seven of ten, after Wang et al., JAMA
  2005; effusions in six of ten, which is more than there (one of four, in patients who just came),
  on both sides in most, else right;
- pneumonia: an effusion beside it in two to four of ten, after Light et al., Am J Med 1980;
- injury: broken ribs with pneumothorax and effusion, after Sirmali et al., Eur J Cardiothorac
  Surg 2003;
- atelectasis goes with effusions, and with patients who lie in bed with lines in their veins.

No source was found for how often patients have pacemakers and central lines and what they go with;
those rates are guesses, and lung lesions come twice as often as in those collections.
"""

from dataclasses import dataclass

import numpy as np

from xgem.phantoms.streams import Stream, stream
from xgem.study import Finding

LABELS = (
    "Cardiomegaly",
    "Pleural Effusion",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Lung Lesion",
    "Pacemaker",
    "Central Line",
    "Atelectasis",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Hyperinflation",
)
"""Every finding that a phantom may have; a study without any of them is normal."""
DEVICES = ("Pacemaker", "Central Line")
"""Findings that are there or not, however severe."""

SITES = ("upper", "middle", "lower")
TIPS = ("superior vena cava", "cavoatrial junction", "right atrium")
LEADS = ("right ventricle", "right atrium and right ventricle")
SIGNS = {"right": (-1,), "left": (1,), "bilateral": (-1, 1)}
"""The sign of x on each side of the patient."""
EDGE = 0.12
"""Below this severity a finding lies at the edge of visibility."""
_EDGE_SHARE = 0.1
"""Of all positives, those at the edge."""


@dataclass(frozen=True, slots=True)
class Illness:
    """What ails a patient; several things may."""

    failure: bool
    """Of the heart."""
    infection: bool
    injury: bool
    smoke: bool
    """Chronic obstructive disease."""
    cancer: bool
    bedridden: bool
    """In intensive care or after surgery."""


@dataclass(frozen=True, slots=True)
class _Dice:
    """The draws that findings are made of."""

    rng: np.random.Generator

    def happens(self, chance: float) -> bool:
        return bool(self.rng.random() < chance)

    def choose(self, *options: str, odds: tuple[float, ...] | None = None) -> str:
        return str(self.rng.choice(options, p=odds))

    def severity(self) -> float:
        edge, faint, clear = self.rng.random(), self.rng.random(), self.rng.beta(1.25, 1.6)
        severity = EDGE * faint if edge < _EDGE_SHARE else EDGE + (1 - EDGE) * clear
        return round(float(severity), 3)


def sample_illness(seed: int) -> Illness:
    """What ails the patient of ``seed``."""
    dice = _Dice(stream(seed, Stream.FINDINGS, 1))
    failure = dice.happens(0.19)
    infection = dice.happens(0.13)
    injury = dice.happens(0.035)
    return Illness(
        failure=failure,
        infection=infection,
        injury=injury,
        smoke=dice.happens(0.09),
        cancer=dice.happens(0.05),
        bedridden=dice.happens(0.45 if failure or infection or injury else 0.12),
    )


def _chance(base: float, *raised: tuple[bool, float]) -> float:
    """The greatest of the chances that apply."""
    return max([base, *(chance for applies, chance in raised if applies)])


def sample_findings(seed: int) -> tuple[Finding, ...]:
    """The findings of ``seed``, in the order of `LABELS`; () where nothing is wrong."""
    # Everything is drawn whether it is there or not: no finding depends on the draws of another.
    dice = _Dice(stream(seed, Stream.FINDINGS))
    ill = sample_illness(seed)
    found = [
        _cardiomegaly(dice, ill),
        _effusion(dice, ill),
        _pneumothorax(dice, ill),
        _consolidation(dice, ill),
        _finding(
            dice, "Edema", _chance(0.02, (ill.failure, 0.72), (ill.bedridden, 0.14)), "bilateral"
        ),
        _lesion(dice, ill),
        _pacemaker(dice, ill),
        _central_line(dice, ill),
    ]
    effusion = found[1]
    found += [
        _atelectasis(dice, ill, effusion),
        _finding(
            dice,
            "Enlarged Cardiomediastinum",
            _chance(0.025, (ill.injury, 0.2), (ill.cancer, 0.2), (ill.failure, 0.09)),
        ),
        _fracture(dice, ill),
        _finding(dice, "Hyperinflation", _chance(0.015, (ill.smoke, 0.75))),
    ]
    return tuple(finding for finding in found if finding)


def _finding(
    dice: _Dice, label: str, chance: float, side: str | None = None, site: str | None = None
) -> Finding | None:
    there, severity = dice.happens(chance), dice.severity()
    return Finding(label=label, side=side, site=site, severity=severity) if there else None


def _cardiomegaly(dice: _Dice, ill: Illness) -> Finding | None:
    return _finding(dice, "Cardiomegaly", _chance(0.06, (ill.failure, 0.74)))


def _effusion(dice: _Dice, ill: Illness) -> Finding | None:
    chance = _chance(
        0.08,
        (ill.failure, 0.6),
        (ill.infection, 0.38),
        (ill.injury, 0.4),
        (ill.cancer, 0.4),
        (ill.bedridden, 0.38),
    )
    both = 0.55 if ill.failure else 0.22
    right = 0.62 if ill.failure else 0.5
    odds = ((1 - both) * (1 - right), (1 - both) * right, both)
    return _finding(dice, "Pleural Effusion", chance, dice.choose(*_ANY, odds=odds))


_ANY = ("left", "right", "bilateral")


def _pneumothorax(dice: _Dice, ill: Illness) -> Finding | None:
    chance = _chance(0.055, (ill.injury, 0.5), (ill.smoke, 0.14), (ill.bedridden, 0.15))
    return _finding(dice, "Pneumothorax", chance, dice.choose("left", "right"))


def _consolidation(dice: _Dice, ill: Illness) -> Finding | None:
    site = dice.choose(*SITES, odds=(0.25, 0.2, 0.55))
    side = dice.choose("left", "right", odds=(0.45, 0.55))
    chance = _chance(0.03, (ill.infection, 0.75), (ill.bedridden, 0.08))
    return _finding(dice, "Consolidation", chance, side, site)


def _lesion(dice: _Dice, ill: Illness) -> Finding | None:
    side, site = dice.choose("left", "right"), dice.choose(*SITES, odds=(0.45, 0.25, 0.3))
    return _finding(
        dice, "Lung Lesion", _chance(0.025, (ill.cancer, 0.65), (ill.smoke, 0.1)), side, site
    )


def _pacemaker(dice: _Dice, ill: Illness) -> Finding | None:
    leads = dice.choose(*LEADS, odds=(0.4, 0.6))
    side = dice.choose("left", "right", odds=(0.75, 0.25))
    return _finding(dice, "Pacemaker", _chance(0.05, (ill.failure, 0.22)), side, leads)


def _central_line(dice: _Dice, ill: Illness) -> Finding | None:
    tip = dice.choose(*TIPS, odds=(0.5, 0.3, 0.2))
    side = dice.choose("left", "right", odds=(0.35, 0.65))
    chance = _chance(0.05, (ill.bedridden, 0.5), (ill.cancer, 0.4))
    return _finding(dice, "Central Line", chance, side, tip)


def _atelectasis(dice: _Dice, ill: Illness, effusion: Finding | None) -> Finding | None:
    site = dice.choose(*SITES, odds=(0.14, 0.1, 0.76))
    side = dice.choose("left", "right", odds=(0.55, 0.45))
    if effusion and effusion.side in ("left", "right") and site == "lower":
        side = effusion.side
    chance = _chance(0.08, (ill.bedridden, 0.38), (effusion is not None, 0.34), (ill.cancer, 0.3))
    return _finding(dice, "Atelectasis", chance, side, site)


def _fracture(dice: _Dice, ill: Illness) -> Finding | None:
    side, site = dice.choose("left", "right"), dice.choose(*SITES, odds=(0.2, 0.5, 0.3))
    return _finding(dice, "Fracture", _chance(0.018, (ill.injury, 0.7)), side, site)


def of_label(findings: tuple[Finding, ...], label: str) -> Finding | None:
    """The finding with a label, if it is there; each is at most once."""
    return next((finding for finding in findings if finding.label == label), None)
