"""Simulated chest studies whose truth is known: the same patient in two views and a report."""

from xgem.phantoms.findings import LABELS
from xgem.phantoms.simulation import simulate

__all__ = ["LABELS", "simulate"]
