"""Requested windows, VOI transforms and viewports, checked when they are made.

The module also has the readers of single values that all options share.
"""

from __future__ import annotations

import math
from dataclasses import field
from operator import index
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from rendicom.errors import OptionError
from rendicom.records import frozen

if TYPE_CHECKING:
    from typing import SupportsFloat, SupportsIndex

VoiFunction = Literal["linear", "linear-exact", "sigmoid"]
_FUNCTIONS: tuple[str, ...] = get_args(VoiFunction)
VoiKind = Literal["auto", "window", "lut", "name", "minmax", "percentile", "roi", "identity"]
_KINDS: tuple[str, ...] = get_args(VoiKind)
_LONGEST_SHOWN = 60
_MOST_DIGITS = 18


def format_number(value: float) -> str:
    """Return the shortest text that reads back as ``value``; whole numbers without a point."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def shown(value: object) -> str:
    """Return a given value as text for a message: short, on one line."""
    if not isinstance(value, (str, int, float, NoneType)):
        return f"of type {type(value).__name__}"
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        return "so large"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def read_number(value: object, *, what: str) -> float:
    """Return a finite float from a number or its text, or raise OptionError naming ``what``."""
    # An array has a length, but one element may be converted to a number.
    is_other = isinstance(value, bool) or (hasattr(value, "__len__") and not isinstance(value, str))
    try:
        number = float(cast("SupportsFloat", None if is_other else value))
    except (TypeError, ValueError, OverflowError):
        raise OptionError(f"{what}: {shown(value)} is not a number") from None
    if not math.isfinite(number):
        raise OptionError(f"{what}: {shown(value)} is not a finite number")
    return number


def read_integer(value: object) -> int | None:
    """Return a whole number from one or from its decimal digits; None for anything else."""
    if isinstance(value, str):
        is_plain = value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS
        return int(value) if is_plain else None
    if isinstance(value, bool):
        return None
    try:
        number = index(cast("SupportsIndex", value))
    except TypeError:
        return None
    return number if abs(number) < 10**_MOST_DIGITS else None


@frozen()
class Window:
    """A VOI window in output units of the modality transform, for example HU (PS3.3 C.11.2.1.2).

    Attributes
    ----------
    center, width
        Window Center and Window Width. Width is at least 1 for ``linear`` and above 0 otherwise.
    function
        VOI LUT Function.
    explanation
        Window Center & Width Explanation; not part of equality.

    Raises
    ------
    OptionError
        A value is of another kind, not finite or out of range; see `stated` for those of files.

    Examples
    --------
    >>> lung = rendicom.Window(-600, 1500)
    >>> rendicom.render("ct.dcm", options=rendicom.RenderOptions(window=lung)).voi
    'window -600,1500,linear (requested)'
    """

    center: float
    width: float
    function: VoiFunction = "linear"
    explanation: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Check the values and convert them to floats."""
        center = read_number(self.center, what="window center")
        width = read_number(self.width, what="window width")
        function: object = self.function
        if not isinstance(function, str) or function not in _FUNCTIONS:
            known = ", ".join(_FUNCTIONS)
            raise OptionError(f"window function {shown(function)} is not one of {known}")
        if width <= 0 or (function == "linear" and width < 1):
            least = "at least 1" if function == "linear" else "above 0"
            raise OptionError(f"window width {shown(self.width)} is not {least}")
        if not isinstance(self.explanation, str):
            raise OptionError(f"window explanation {shown(self.explanation)} is not text")
        object.__setattr__(self, "center", center)
        object.__setattr__(self, "width", width)

    @classmethod
    def stated(
        cls, center: float, width: float, function: VoiFunction, explanation: str = ""
    ) -> Window:
        """Return the window of a file without checking its numbers."""
        window = object.__new__(cls)
        object.__setattr__(window, "center", center)
        object.__setattr__(window, "width", width)
        object.__setattr__(window, "function", function)
        object.__setattr__(window, "explanation", explanation)
        return window

    @classmethod
    def of(cls, value: object) -> Window:
        """Return a window from one, from its text, or from ``(center, width[, function])``."""
        if isinstance(value, Window):
            return cls(value.center, value.width, value.function, value.explanation)
        given: Any = value.split(",") if isinstance(value, str) else value
        if isinstance(given, (tuple, list)) and len(given) in (2, 3):
            return cls(*given)
        raise OptionError(f"window {shown(value)} is not of the form center,width[,function]")

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read ``center,width[,function]``; raise OptionError on anything else.

        >>> Window.parse("40,400")
        Window(center=40.0, width=400.0, function='linear', explanation='')
        """
        return cls.of(text)

    def __str__(self) -> str:
        """Return the canonical text: ``40,400,linear``."""
        return f"{format_number(self.center)},{format_number(self.width)},{self.function}"


def is_usable(window: Window) -> bool:
    """Tell whether a window of a file has valid numbers."""
    return math.isfinite(window.center) and math.isfinite(window.width) and window.width > 0


@frozen()
class Viewport:
    """Target size and source region in the syntax of PS3.18 8.3.5.1.3.

    Attributes
    ----------
    width, height
        The box in output pixels that the region is fitted into, aspect kept.
    x, y, region_width, region_height
        Source region in image pixels; 0,0 is the top left corner. ``None`` extends it to the
        edge of the image. A negative extent flips the picture along that axis.

    Raises
    ------
    OptionError
        A value is of another kind, not finite or out of range.

    Examples
    --------
    >>> half = rendicom.Viewport(64, 64)
    >>> rendicom.render("ct.dcm", options=rendicom.RenderOptions(viewport=half)).width
    64
    >>> rendicom.Viewport.parse("64,64,0,0,32,32").region_width
    32.0
    """

    width: int
    height: int
    x: float | None = None
    y: float | None = None
    region_width: float | None = None
    region_height: float | None = None

    def __post_init__(self) -> None:
        """Check the values and convert them to int and float."""
        for name in ("width", "height"):
            size = read_integer(getattr(self, name))
            if size is None or size < 1:
                said = shown(getattr(self, name))
                raise OptionError(f"viewport {name}: {said} is not a positive whole number")
            object.__setattr__(self, name, size)
        for name in ("x", "y", "region_width", "region_height"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, read_number(value, what=f"viewport {name}"))
        if self.region_width == 0 or self.region_height == 0:
            raise OptionError(f"viewport {str(self)!r} has an empty region")

    @classmethod
    def of(cls, value: object) -> Viewport:
        """Return a viewport from one, from its text, or from its two to six numbers."""
        if isinstance(value, Viewport):
            return value
        if isinstance(value, str):
            return cls.parse(value)
        if isinstance(value, (tuple, list)) and 2 <= len(value) <= 6:
            return cls(*value)
        raise OptionError(
            f"viewport {shown(value)} is not of the form width,height[,x,y,width,height]"
        )

    @classmethod
    def parse(cls, text: str) -> Viewport:
        """Read ``vw,vh[,[sx],[sy],[sw],[sh]]``; raise OptionError on anything else."""
        parts = text.split(",")
        if not 2 <= len(parts) <= 6 or (len(parts) > 2 and not parts[-1]):
            raise OptionError(
                f"viewport {shown(text)} is not of the form width,height[,x,y,width,height]"
            )
        return cls(*cast("Any", parts[:2]), *(cast("Any", part or None) for part in parts[2:]))

    def __str__(self) -> str:
        """Return the canonical text, elided values empty and trailing commas left out."""
        region = (self.x, self.y, self.region_width, self.region_height)
        parts = [str(self.width), str(self.height)]
        parts += ["" if value is None else format_number(value) for value in region]
        return ",".join(parts).rstrip(",")


VOI_FORMS = "auto, window:N, lut:N, name:TEXT, minmax, percentile:LO,HI, roi:X,Y,W,H, identity"


@frozen()
class Voi:
    """The choice of the VOI transform from modality values to display values.

    ``arguments`` are the numbers after the colon: an index counted from 1 for ``window`` and
    ``lut``; low and high percent for ``percentile``; x, y, width, height in pixels for ``roi``.
    ``name`` is the explanation text to look for.

    Raises
    ------
    OptionError
        The kind is unknown, or the arguments do not fit it.

    Examples
    --------
    >>> rendicom.Voi.parse("percentile:5,95")
    Voi(kind='percentile', arguments=(5.0, 95.0), name='')
    >>> rendicom.render("ct.dcm", options=rendicom.RenderOptions(voi=rendicom.Voi("minmax"))).width
    128
    """

    kind: VoiKind = "auto"
    arguments: tuple[float, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        """Check the arguments of the kind and convert them to floats."""
        kind: Any = self.kind
        given: Any = self.arguments
        name: Any = self.name
        if not (isinstance(kind, str) and kind in _KINDS and isinstance(name, str)):
            raise OptionError(f"voi {shown(kind)} is not one of {VOI_FORMS}")
        if not isinstance(given, (tuple, list)):
            raise OptionError(f"voi {kind} {shown(given)} is not one of {VOI_FORMS}")
        numbers = tuple(read_number(each, what=f"voi {kind}") for each in given)
        whole = all(number == int(number) and number >= 0 for number in numbers)
        match kind:
            case "window" | "lut":
                is_sound = len(numbers) == 1 and whole and numbers[0] > 0
            case "percentile":
                is_sound = len(numbers) == 2 and 0 <= numbers[0] < numbers[1] <= 100
            case "roi":
                is_sound = len(numbers) == 4 and whole and 0 not in numbers[2:]
            case _:
                is_sound = not numbers
        if not is_sound or bool(name) != (kind == "name"):
            raise OptionError(
                f"voi {shown(_voi_text(kind, numbers, name))} is not one of {VOI_FORMS}"
            )
        object.__setattr__(self, "arguments", numbers)

    @classmethod
    def parse(cls, text: str) -> Voi:
        """Read ``auto|window:N|lut:N|name:TEXT|minmax|percentile:LO,HI|roi:X,Y,W,H|identity``."""
        kind, colon, rest = text.partition(":")
        if bool(colon) != bool(rest) or kind not in _KINDS:
            raise OptionError(f"voi {shown(text)} is not one of {VOI_FORMS}")
        if kind == "name":
            return cls("name", name=rest)
        return cls(cast("VoiKind", kind), cast("Any", rest.split(",") if rest else ()))

    def __str__(self) -> str:
        return _voi_text(self.kind, self.arguments, self.name)


def _voi_text(kind: str, arguments: tuple[float, ...], name: str) -> str:
    rest = name or ",".join(map(format_number, arguments))
    return f"{kind}:{rest}" if rest else kind


WindowLike = Window | tuple[float, float] | tuple[float, float, VoiFunction] | str | None
"""Values of an option for a window: a window, its numbers, or its text form."""
ViewportLike = Viewport | tuple[float, ...] | str | None
