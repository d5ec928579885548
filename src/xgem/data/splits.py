"""Which patients are for training, validation and test; no patient is in two of them."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

from xgem.data.sources.source import ListedStudy
from xgem.errors import StoreError

SPLITS = ("train", "validation", "test")
"""In the order in which a store holds them."""
SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
"""Of the patients, where no split is published."""
SplitChoice = Literal["official", "seeded"]


def assign_splits(
    studies: Sequence[ListedStudy], choice: SplitChoice = "official", seed: int = 0
) -> list[str]:
    """The split of every study, in their order.

    ``official`` keeps the publisher's; a study without one goes where its patient's other studies
    are, and is drawn where there are none. ``seeded`` draws all of them. A draw depends on the
    seed and the patient alone, so studies that are added later move nobody.

    Raises:
        StoreError: a patient is in two splits, or lines of a study contradict each other.
    """
    _require_one_patient(studies)
    known: dict[str, str] = {}
    if choice == "official":
        known = {study.patient: study.split for study in studies if study.split}
    assigned = [
        (study.split if choice == "official" else None)
        or known.get(study.patient)
        or drawn_split(study.patient, seed)
        for study in studies
    ]
    pairs = [(study.patient, split) for study, split in zip(studies, assigned, strict=True)]
    if choice == "official":  # what other lines say counts too
        pairs += [(who, split) for study in studies for who, split in study.lines if split]
    require_disjoint(pairs)
    return assigned


def drawn_split(patient: str, seed: int) -> str:
    """Draw a patient's split with the chances of `SHARES`."""
    digest = hashlib.sha256(f"{seed}:{patient}".encode()).digest()
    draw = int.from_bytes(digest[:8], "big") / 2**64
    for split, share in SHARES.items():
        draw -= share
        if draw < 0:
            return split
    return SPLITS[-1]


def _require_one_patient(studies: Sequence[ListedStudy]) -> None:
    """Check that all lines of a study name the same patient, whatever the source.

    Raises:
        StoreError: they do not, or name none; the message names nobody.
    """
    patients: dict[str, set[str]] = {}
    for study in studies:
        named = (study.patient, *(who for who, _ in study.lines))
        patients.setdefault(study.id, set()).update(named)
    wrong = sum(len(named) > 1 or "" in named for named in patients.values())
    if wrong:
        raise StoreError(
            f"{wrong} of {len(patients)} studies belong to several patients or to none, expected "
            f"one patient each, because patients must not be split; correct the release's table"
        )


def require_disjoint(pairs: Iterable[tuple[str, str]]) -> None:
    """Check that each patient stands with one split only.

    Raises:
        StoreError: a patient is in two splits; the message names none.
    """
    splits: dict[str, set[str]] = {}
    for patient, split in pairs:
        splits.setdefault(patient, set()).add(split)
    leaking = [found for found in splits.values() if len(found) > 1]
    if leaking:
        between = " and ".join(split for split in SPLITS if split in set.union(*leaking))
        raise StoreError(
            f"{len(leaking)} of {len(splits)} patients are in several splits ({between}), so a "
            f"model would be tested on patients it has seen; prepare with --splits seeded"
        )
