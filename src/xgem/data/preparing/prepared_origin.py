"""What the card of a prepared store says of splits, labels and identity."""

from collections.abc import Mapping

from xgem.data.preparing.burned_in import require_tesseract
from xgem.data.sources.source import Listing
from xgem.data.splits import SHARES, SplitChoice


def privacy_of(find_text: bool) -> Mapping[str, str]:
    """What is done about identity, by a word each.

    Raises:
        ConfigError: burned-in text is to be found without tesseract.
    """
    burned_in = "images that declare it are left out; where it is not declared: not checked"
    if find_text:
        found = f"images that declare it, or in which tesseract {require_tesseract()} found text"
        burned_in = f"{found}, are left out"
    return {
        "identifiers": "salted hashes of patient and study; the salt is not here",
        "header attributes": "none is stored",
        "report text": "as the source gives it; nothing was removed from it",
        "burned-in annotation": burned_in,
    }


def splits_by(listing: Listing, choice: SplitChoice, seed: int) -> str:
    """How studies were assigned to splits."""
    shares = ", ".join(f"{split} {share:.0%}" for split, share in SHARES.items())
    drawn = f"drawn by patient with seed {seed} ({shares})"
    if choice == "seeded":
        return drawn
    official = sum(study.split is not None for study in listing.studies)
    if official == len(listing.studies):
        return "the publisher's"
    return f"the publisher's for {official:,} studies, else {drawn}" if official else drawn


def labels_by(listing: Listing) -> str:
    """Where labels come from."""
    published = sum(study.labels is not None for study in listing.studies)
    rules = "rules of xgem on the report"
    if not published:
        return rules
    if published == len(listing.studies):
        return "the publisher's"
    return f"the publisher's for {published:,} studies, else {rules}"
