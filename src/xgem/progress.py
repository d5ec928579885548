"""How long work tells what it is doing."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much is done, and how much there is in all; 0 if unknown."""


class Ticker:
    """Counts steps and tells whoever wants to know."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total = progress, total
        self._text, self._done = "", 0

    def show(self, text: str) -> None:
        """Tell what is being done from now on."""
        self._text = text
        if self._progress is not None:
            self._progress(self._text, self._done, self._total)

    def advance(self) -> None:
        """Tell that one more step is done."""
        self._done += 1
        self.show(self._text)
