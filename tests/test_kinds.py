from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import TypeAdapter, ValidationError, with_config

from xgem.kinds import ByKind, Kind, kinds_of


class Shape(Kind):
    """What shapes are told apart by."""


@dataclass(frozen=True)
class Square(Shape):
    kind: Literal["square"] = "square"
    side: int = 1


@with_config({"extra": "forbid"})
@dataclass(frozen=True)
class Drawing:
    shapes: tuple[Annotated[Shape, ByKind()], ...]


ADAPTER = TypeAdapter(Drawing)


def test_a_kind_that_is_defined_later_is_read_and_written() -> None:
    @dataclass(frozen=True)
    class Circle(Shape):
        kind: Literal["circle"] = "circle"
        radius: float = 2.5

    drawing = Drawing((Square(side=3), Circle()))
    value = ADAPTER.dump_python(drawing, mode="json")
    assert value == {"shapes": [{"kind": "square", "side": 3}, {"kind": "circle", "radius": 2.5}]}
    assert ADAPTER.validate_python(value) == drawing
    assert kinds_of(Shape)["circle"] is Circle


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"kind": "triangle"}, "kind 'triangle' is none of"),
        ({"side": 3}, "kind None is none of"),
        ({"kind": "square", "side": "long"}, "side: Input should be a valid integer"),
        ({"kind": "square", "side": True}, "side: Input should be a valid integer"),
        ({"kind": "square", "sides": 3}, "sides: Unexpected keyword argument"),
    ],
)
def test_what_is_no_known_kind_is_refused(shape: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ADAPTER.validate_python({"shapes": [shape]})


def test_settings_act_but_for_those_that_a_kind_sets_aside() -> None:
    @dataclass(frozen=True)
    class Framed(Square):
        kind: Literal["framed"] = "framed"  # type: ignore[assignment]
        color: str = "red"
        corners: tuple[int, ...] = (1, 2)
        aside: ClassVar[frozenset[str]] = frozenset({"color"})

    assert Square().acting == {"kind": "square", "side": 1}
    assert Framed().acting == {"kind": "framed", "side": 1, "corners": [1, 2]}
    assert "aside" not in ADAPTER.dump_python(Drawing((Framed(),)), mode="json")["shapes"][0]
