"""What reports say of each finding: our labeler, and CheXpert's labels of others."""

from xgem.data.labels.labeler import Statement, findings_of, read_labels, statements
from xgem.data.labels.lexicon import LABELS, Assertion

__all__ = ["LABELS", "Assertion", "Statement", "findings_of", "read_labels", "statements"]
