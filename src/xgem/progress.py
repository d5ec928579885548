"""How long work tells what it is doing."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much is done, and how much there is in all; 0 if unknown."""
