"""Numbers that a configuration may hold, checked where it is read from JSON."""

from typing import Annotated

from pydantic import Field

Count = Annotated[int, Field(ge=1, le=1_000_000)]
"""A size, a width, a number of things; no network here has more."""
Depth = Annotated[int, Field(ge=1, le=256)]
"""Layers or blocks one after the other, each of which takes time to build."""
Place = Annotated[int, Field(ge=0, le=1_000_000)]
"""Counted from 0."""
Factor = Annotated[int | float, Field(gt=0, le=256)]
"""One width over another."""
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""Of random numbers."""
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
