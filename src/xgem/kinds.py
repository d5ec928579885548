"""Configurations that stand in JSON by their ``kind``.

Whoever adds a kind of part defines a subclass with its own ``kind``; wherever that definition has
been imported, JSON with that kind is read as it. Nothing else has to know of it.
"""

import json
from collections.abc import Iterator
from functools import cache, partial
from typing import Any, ClassVar

from pydantic import ConfigDict, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema


class Kind:
    """Base of such configurations, which are frozen dataclasses."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    kind: str
    """Unique among the subclasses of one base, and the default of the field."""
    aside: ClassVar[frozenset[str]] = frozenset()
    """Settings that may change while weights stay: how these are trained, and what is made of what
    they compute. All others decide what they compute."""

    @property
    def acting(self) -> dict[str, Any]:
        """Settings that decide what weights compute, as plain JSON values."""
        settings: dict[str, Any] = _write(self)
        return {name: value for name, value in settings.items() if name not in self.aside}

    @property
    def shapes(self) -> dict[str, Any]:
        """What goes in and what comes out, for people."""
        return {}


class PromptEncoderKind(Kind):
    """Configures an encoder of contents into vectors of the shared space."""

    def build(self) -> Any:
        """Make the encoder, with fresh weights."""
        raise NotImplementedError


class AutoencoderKind(Kind):
    """Configures an autoencoder of contents."""

    def build(self) -> Any:
        """Make the autoencoder, with fresh weights."""
        raise NotImplementedError


class ByKind:
    """Marks a field: ``Annotated[Base, ByKind()]`` holds any subclass of ``Base``."""

    def __get_pydantic_core_schema__(
        self, source: type[Kind], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            partial(_read, source),
            serialization=core_schema.plain_serializer_function_ser_schema(_write),
        )


def kinds_of(base: type[Kind]) -> dict[str, type[Kind]]:
    """Return all kinds that are defined so far, by name."""
    return {found.kind: found for found in _descendants(base) if "kind" in vars(found)}


def _descendants(base: type[Kind]) -> Iterator[type[Kind]]:
    for child in base.__subclasses__():
        yield child
        yield from _descendants(child)


def _read(base: type[Kind], value: Any) -> Kind:
    if isinstance(value, base):
        return value
    kinds: dict[str, Any] = dict(kinds_of(base))
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"kind {kind!r} is none of {', '.join(sorted(kinds))}")
    try:
        found: Kind = _adapter(kinds[kind]).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return found


def _write(value: Kind) -> Any:
    kind: Any = type(value)
    return _adapter(kind).dump_python(value, mode="json")


@cache
def _adapter(kind: Any) -> Any:
    """Made once a kind: it takes longer than what it reads."""
    return TypeAdapter(kind)
