"""Readers of rendering parameters: a text, or a value given in code, becomes a valid value.

A reader takes the value and the name of the parameter, and raises OptionError with that name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

from rendicom.errors import OptionError
from rendicom.views import VOI_FORMS, Viewport, Voi, Window, read_integer, shown

Reader = Callable[[object, str], Any]
_Held = TypeVar("_Held")
_Taken = TypeVar("_Taken")
if TYPE_CHECKING:

    class Given(Generic[_Held, _Taken]):
        """A field that holds one type and takes more, for type checkers: a reader converts."""

        def __get__(self, instance: object, owner: object) -> _Held: ...
        def __set__(self, instance: object, value: _Taken) -> None: ...

else:
    Given = Any
PaletteName = Literal[
    "hot-iron", "pet", "hot-metal-blue", "pet-20-step", "spring", "summer", "fall", "winter"
]
Annotation = Literal["patient", "technique", "patient,technique"]

PALETTES: Mapping[PaletteName, str] = {
    name: f"1.2.840.10008.1.5.{last}" for last, name in enumerate(get_args(PaletteName), 1)
}
"""Well-known color palettes (PS3.6 Annex B) and their UIDs."""


def choice_of(kind: Any) -> Reader:
    """Return the reader of one of the texts of a Literal."""
    choices: tuple[str, ...] = get_args(kind)

    def read(value: object, name: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise OptionError(f"{name} {shown(value)} is not one of {', '.join(choices)}")
        return choices[choices.index(value)]

    return read


def integer_from(low: int, high: int) -> Reader:
    """Return the reader of whole numbers from ``low`` to ``high``."""

    def read(value: object, name: str) -> int:
        number = read_integer(value)
        if number is None or not low <= number <= high:
            raise OptionError(f"{name} {shown(value)} is not a whole number from {low} to {high}")
        return number

    return read


def one_of(kind: Any) -> Reader:
    """Return the reader of one of the numbers of a Literal."""
    allowed: tuple[int, ...] = get_args(kind)

    def read(value: object, name: str) -> int:
        number = read_integer(value)
        if number not in allowed:
            raise OptionError(f"{name} {shown(value)} is not one of {', '.join(map(str, allowed))}")
        return number

    return read


_SWITCH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def switch(value: object, name: str) -> bool:
    """Read yes or no, true or false, 1 or 0."""
    if isinstance(value, bool):
        return value
    found = _SWITCH.get(value) if isinstance(value, str) else None
    if found is None:
        raise OptionError(f"{name} {shown(value)} is not yes or no")
    return found


def planes(value: object, name: str) -> tuple[int, ...]:
    """Read overlay groups: numbers, or texts in hexadecimal, ``6000,6002``."""
    given: Any = value.split(",") if isinstance(value, str) else value
    is_list = isinstance(given, (tuple, list, set, frozenset))
    groups = {_group(each) for each in given} if is_list else set()
    if not groups or not all(group in _OVERLAY_GROUPS for group in groups):
        raise OptionError(f"{name} {shown(value)} is not a list of groups from 6000 to 601E")
    return tuple(sorted(groups))


_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)


def _group(value: object) -> int:
    """Return an overlay group, or 0 if the value is not one."""
    if not isinstance(value, str):
        return read_integer(value) or 0
    try:
        return int(value, 16) if len(value) <= 8 else 0
    except ValueError:
        return 0


def annotation(value: object, name: str) -> str:
    """Read one or both keywords in any order; the canonical order is that of the standard."""
    known: tuple[str, ...] = get_args(Annotation)[:2]
    given = value.split(",") if isinstance(value, str) else value
    words = given if isinstance(given, (tuple, list, set, frozenset)) else [given]
    if not words or not all(isinstance(word, str) and word in known for word in words):
        raise OptionError(f"{name} {shown(value)} is not one or both of {', '.join(known)}")
    return ",".join(word for word in known if word in words)


def colour(value: object, name: str) -> str:
    """Read ``#RRGGBB``."""
    digits = value.removeprefix("#") if isinstance(value, str) else ""
    if len(digits) != 6 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
        raise OptionError(f"{name} {shown(value)} is not of the form #RRGGBB")
    return f"#{digits.lower()}"


def _float(value: object) -> float:
    try:
        return float(value) if isinstance(value, (str, int, float)) else math.nan
    except (ValueError, OverflowError):
        return math.nan


def share(value: object, name: str) -> float:
    """Read a number from 0 to 1."""
    number = _float(value)
    if not 0 <= number <= 1:
        raise OptionError(f"{name} {shown(value)} is not a number from 0 to 1")
    return number


def factor(value: object, name: str) -> float:
    """Read a factor for the size of pictures."""
    number = _float(value)
    if isinstance(value, bool) or not _LEAST_SCALE <= number <= _MOST_SCALE:
        limits = f"{_LEAST_SCALE:g} to {_MOST_SCALE:g}"
        raise OptionError(f"{name} {shown(value)} is not a number from {limits}")
    return number


_LEAST_SCALE, _MOST_SCALE = 0.001, 1000.0


def luminances(value: object, name: str) -> tuple[float, ...]:
    """Read luminances in cd/m2, which increase: a list or a text with commas."""
    given: Any = value.split(",") if isinstance(value, str) else value
    try:
        levels = tuple(float(each) for each in given)
    except (TypeError, ValueError, OverflowError):
        levels = ()
    is_rising = all(low < high for low, high in pairwise(levels))
    is_in_range = bool(levels) and levels[0] >= _DARKEST and levels[-1] <= _BRIGHTEST
    if not (is_rising and is_in_range and 2 <= len(levels) <= _MOST_LUMINANCES):
        raise OptionError(
            f"{name} {shown(value)} is not a list of 2 to {_MOST_LUMINANCES} increasing "
            f"luminances from {_DARKEST} to {_BRIGHTEST} cd/m2"
        )
    return levels


_DARKEST, _BRIGHTEST = 0.05, 3993.0
"""Range of the Grayscale Standard Display Function (PS3.14 7)."""
_MOST_LUMINANCES = 256


def names(value: object, name: str) -> tuple[str, ...]:
    """Read numbers or names, as a list or separated by commas."""
    given: Any = value.split(",") if isinstance(value, str) else value
    words = [_word(each) for each in given] if isinstance(given, (tuple, list)) else []
    if not words or not all(words):
        raise OptionError(f"{name} {shown(value)} is not a list of numbers or names")
    return tuple(dict.fromkeys(words))


def _word(value: object) -> str:
    """Return a number or a name as text, empty where it can be neither."""
    if isinstance(value, str):
        word = value.strip()
        return word if word.isprintable() and "," not in word and len(word) <= 64 else ""
    number = read_integer(value)
    return str(number) if number is not None and 0 <= number < 1 << 16 else ""


def of_layers(read: Reader) -> Reader:
    """Return the reader of one value for all layers, or of one for each: ``0.4,0.8``.

    It returns one value, or a tuple. An empty one is None, the default, as None is in code.
    """

    def read_all(value: object, name: str) -> Any:
        given: Any = value.split(",") if isinstance(value, str) else value
        if not isinstance(given, (tuple, list)):
            return read(value, name)
        if not 1 < len(given) <= _MOST_OF_LAYERS:
            return read(given[0] if len(given) == 1 else value, name)
        return tuple(None if each in (None, "") else read(each, name) for each in given)

    return read_all


def names_of_layers(value: object, name: str) -> tuple[Any, ...] | None:
    """Read `names` for all layers, or for each layer its own: ``1,3;;2``, empty for all of them."""
    given: Any = value.split(";") if isinstance(value, str) else value
    is_list = isinstance(given, (tuple, list))
    is_nested = is_list and any(each is None or isinstance(each, (tuple, list)) for each in given)
    if not is_nested and not (isinstance(value, str) and len(given) > 1):
        return names(value, name)
    if len(given) > _MOST_OF_LAYERS:
        raise OptionError(f"{name} {shown(value)} is for more than {_MOST_OF_LAYERS} layers")
    found = tuple(None if each in (None, "") else names(each, name) for each in given)
    if not any(found):
        return None
    return found if len(found) > 1 else found[0]


_MOST_OF_LAYERS = 4096
"""Files of layers at most that have values of their own."""


def levels(value: object, name: str) -> tuple[str, ...]:
    """Read amounts of dose: ``20Gy``, or ``95%`` of maximum or prescription."""
    levels = names(value, name)
    for level in levels:
        number = level.removesuffix("%").removesuffix("Gy").strip()
        try:
            amount = float(number) if level.endswith(("%", "Gy")) else math.nan
        except ValueError:
            amount = math.nan
        if not 0 < amount < math.inf:
            raise OptionError(f"{name} {shown(level)} is neither a dose (20Gy) nor a share (95%)")
    return levels


def palette(value: object, name: str) -> str:
    """Read the name, the keyword in PS3.6 (`HotIronPalette`) or the UID of a well-known palette."""
    text = value.strip().lower() if isinstance(value, str) else ""
    word = "".join(filter(str.isalnum, text)).removesuffix("palette")
    for known, uid in PALETTES.items():
        if text == uid or word == known.replace("-", ""):
            return known
    raise OptionError(f"{name} {shown(value)} is not one of {', '.join(PALETTES)}, or a UID")


def window(value: object, name: str) -> Window:  # noqa: ARG001 - it names itself
    """Read a VOI window."""
    return Window.of(value)


def layer_window(value: object, name: str) -> Window:
    """Read a VOI window; messages name the parameter."""
    try:
        return Window.of(value)
    except OptionError as error:
        raise OptionError(f"{name}: {error.message}", hint=error.hint) from None


def viewport(value: object, name: str) -> Viewport:  # noqa: ARG001
    """Read a viewport."""
    return Viewport.of(value)


def voi(value: object, name: str) -> Voi:
    """Read a VOI transform."""
    if isinstance(value, Voi):
        return value
    if not isinstance(value, str):
        raise OptionError(f"{name} {shown(value)} is not one of {VOI_FORMS}")
    return Voi.parse(value)
