"""The classes of `rendicom.records` against those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import typing
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from rendicom import records

field = dataclasses.field


def _classes(decorate: Callable[..., Any], base: Any) -> dict[str, Any]:
    """Return the same definitions as records of one of the two makers."""

    @decorate()
    class Box:
        """A box."""

        width: float
        height: int = 2
        marks: tuple[int, ...] = ()
        note: str = field(default="", compare=False)
        key: str = field(default="k", repr=False)

        def __post_init__(self) -> None:
            if self.width < 0:
                raise ValueError("negative width")

    @decorate(eq=False)
    class Same:
        """Equal to itself alone."""

        value: float

    @decorate(repr=False)
    class Special:
        """With methods of its own."""

        value: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Special)

        def __hash__(self) -> int:
            return 7

    class Pair(base):
        """Two things, of a type that does not exist."""

        first: Unknown  # type: ignore[name-defined]  # noqa: F821
        second: int = 3

        def total(self) -> Any:
            return self.first + self.second

        @property
        def is_even(self) -> bool:
            return self.total() % 2 == 0

    for each in (Box, Same, Special, Pair):
        each.__qualname__ = each.__name__
    return {each.__name__: each for each in (Box, Same, Special, Pair)}


def _standard(**more: bool) -> Callable[[type], type]:
    return dataclasses.dataclass(frozen=True, slots=True, **more)


OURS = _classes(records.frozen, records.NamedTuple)
THEIRS = _classes(_standard, typing.NamedTuple)
Box, Pair = OURS["Box"], OURS["Pair"]


@pytest.fixture(autouse=True, params=["shared", "compiled"])
def _constructors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test before and after the constructors are compiled."""
    if request.param == "shared":
        return
    monkeypatch.setattr(records, "_OFTEN", 0)
    made = _classes(records.frozen, records.NamedTuple)
    for name, kind in made.items():
        assert repr(kind(1)) == repr(THEIRS[name](1)) or name == "Special"
        constructor = kind.__new__ if name == "Pair" else kind.__init__
        assert "_self" in inspect.getfullargspec(constructor).args
        monkeypatch.setitem(OURS, name, kind)
    monkeypatch.setitem(globals(), "Box", made["Box"])
    monkeypatch.setitem(globals(), "Pair", made["Pair"])


def result_of(call: Callable[[], Any]) -> Any:
    """Return the text of what a call returns, or the type of its error."""
    try:
        return repr(call())
    except (TypeError, ValueError, AttributeError) as error:
        return type(error)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((1,), {}), ((1, 2, (3,), "n", "q"), {}), ((), {"width": 1.5}), ((1,), {"note": "x"}),
        ((), {}), ((1, 2, (), "", "", 6), {}), ((1,), {"width": 1}), ((1,), {"depth": 1}),
        ((), {"depth": 1}), ((-1,), {}), ((), {"height": 4}),
    ],
)  # fmt: skip
def test_frozen_classes_take_the_arguments_of_a_data_class(given, named) -> None:
    found, expected = (result_of(partial(each["Box"], *given, **named)) for each in (OURS, THEIRS))
    assert found == expected


@pytest.mark.parametrize("name", ["Box", "Same", "Special"])
def test_frozen_classes_describe_themselves_as_data_classes_do(name) -> None:
    ours, theirs = OURS[name], THEIRS[name]
    assert inspect.signature(ours) == inspect.signature(theirs)
    assert [each.name for each in dataclasses.fields(ours)] == [
        each.name for each in dataclasses.fields(theirs)
    ]
    assert (ours.__slots__, ours.__match_args__) == (theirs.__slots__, theirs.__match_args__)
    assert (ours.__doc__, ours.__name__) == (theirs.__doc__, theirs.__name__)
    assert not hasattr(ours(1), "__dict__")


def test_frozen_classes_compare_as_data_classes_do() -> None:
    for made in (OURS, THEIRS):
        box, same, special = made["Box"], made["Same"], made["Special"]
        assert box(1, note="a") == box(1, note="b") != box(2)
        assert hash(box(1, note="a")) == hash(box(1.0, note="b"))
        assert box(1) != (1, 2, (), "k")
        assert same(1) != same(1)
        assert special(1) == special(2)
        assert hash(special(1)) == 7
    assert hash(Box(4)) == hash(THEIRS["Box"](4))
    assert Box(1) != THEIRS["Box"](1)


def test_frozen_classes_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="assign to field 'depth'"):
        Box(1).depth = 5
    for made in (OURS, THEIRS):
        box = made["Box"](1)
        with pytest.raises(dataclasses.FrozenInstanceError, match="assign to field 'width'"):
            box.width = 5
        with pytest.raises(dataclasses.FrozenInstanceError, match="delete field 'width'"):
            del box.width
        assert box.width == 1


def test_frozen_classes_are_replaced_copied_and_pickled(monkeypatch) -> None:
    box = Box(1, marks=(2, 3), note="n")
    assert (
        repr(dataclasses.replace(box, width=9)) == "Box(width=9, height=2, marks=(2, 3), note='n')"
    )
    with pytest.raises(ValueError, match="negative"):
        dataclasses.replace(box, width=-1)
    assert dataclasses.asdict(box) == {
        "width": 1, "height": 2, "marks": (2, 3), "note": "n", "key": "k",
    }  # fmt: skip
    monkeypatch.setitem(globals(), "Box", Box)
    for other in (copy.copy(box), copy.deepcopy(box), pickle.loads(pickle.dumps(box))):
        assert (repr(other), other == box) == (repr(box), True)
    match box:
        case Box(width, height):
            assert (width, height) == (1, 2)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((1,), {}), ((1, 2), {}), ((), {"first": 1}), ((1,), {"second": 4}), ((), {}),
        ((1, 2, 3), {}), ((1,), {"first": 1}), ((1,), {"third": 1}), ((), {"second": 1}),
        ((), {"second": 1, "third": 1}), ((1, 2, 3), {"third": 1}), ((), {"second": 2, "first": 1}),
    ],
)  # fmt: skip
def test_named_tuples_take_the_same_arguments(given, named) -> None:
    found, expected = (result_of(partial(each["Pair"], *given, **named)) for each in (OURS, THEIRS))
    assert found == expected


def test_named_tuples_refuse_what_the_standard_library_refuses() -> None:
    for made in (OURS, THEIRS):
        pair = made["Pair"](1)
        with pytest.raises((TypeError, ValueError), match="third"):
            pair._replace(third=1)
        with pytest.raises(TypeError):
            pair._make([1])
        with pytest.raises(AttributeError):
            pair.first = 2
        with pytest.raises(AttributeError):
            pair.third = 2


def test_named_tuples_are_those_of_the_standard_library(monkeypatch) -> None:
    theirs = THEIRS["Pair"]
    assert Pair._fields == theirs._fields
    assert Pair._field_defaults == theirs._field_defaults
    assert (Pair.__doc__, Pair.__module__) == (theirs.__doc__, theirs.__module__)
    assert repr(Pair(1)) == repr(theirs(1))
    assert (Pair(1).total(), Pair(1).is_even, Pair(1)) == (4, True, (1, 3))
    assert Pair(5)._replace(second=6)._asdict() == {"first": 5, "second": 6}
    assert str(inspect.signature(Pair)) == "(first: 'Unknown', second: 'int' = 3)"
    assert isinstance(Pair(1), tuple)
    assert not hasattr(Pair(1), "__dict__")
    assert Pair._make([4, 5]) == Pair(second=5, first=4) == (4, 5)
    monkeypatch.setitem(globals(), "Pair", Pair)
    assert pickle.loads(pickle.dumps(Pair(1, 2))) == Pair(1, 2)
    assert typing.get_type_hints(Pair, localns={"Unknown": str}) == {"first": str, "second": int}


@pytest.mark.parametrize("base", [records.NamedTuple, typing.NamedTuple])
def test_required_fields_of_a_named_tuple_come_first(base) -> None:
    with pytest.raises(TypeError):

        class Late(base):
            first: int = 1
            second: int
