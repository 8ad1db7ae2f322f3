"""`RenderOptions`: the one list of rendering parameters.

Command line flags, URL parameters, the canonical text in a manifest and the cache key all
derive from the fields below. A field carries its help text and its parser as metadata; a door
iterates `parameters` and adds nothing of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, Literal, cast, get_args

from rendicom.errors import OptionError
from rendicom.values import Viewport, Window, format_number, parse_number

__all__ = ["PRESETS", "OverlayMode", "Parameter", "RenderOptions", "Voi", "parameters"]

VoiKind = Literal["auto", "window", "lut", "name", "minmax", "percentile", "roi", "identity"]
Values = Literal["display", "stored", "modality"]
IccMode = Literal["no", "yes", "srgb", "adobergb", "rommrgb", "displayp3"]
OverlayMode = Literal["replace", "threshold", "complement", "invert", "roi"]
Annotation = Literal["patient", "technique"]

PRESETS: Mapping[str, Window] = {
    "abdomen": Window(50, 400),
    "angio": Window(300, 600),
    "bone": Window(400, 1800),
    "brain": Window(40, 80),
    "chest": Window(40, 400),
    "liver": Window(60, 160),
    "lung": Window(-600, 1500),
    "mediastinum": Window(50, 350),
    "pelvis": Window(40, 400),
    "soft-tissue": Window(40, 400),
    "spine": Window(50, 250),
    "stroke": Window(40, 40),
    "subdural": Window(75, 215),
    "temporal-bone": Window(600, 2800),
}
"""Windows in HU that reading rooms use for CT."""


@dataclass(frozen=True, slots=True)
class Voi:
    """Which VOI transform turns modality values into display values.

    ``arguments`` are the numbers behind the colon: an index counted from 1 for ``window`` and
    ``lut``; low and high percent for ``percentile``; x, y, width, height in pixels for ``roi``.
    ``name`` is the explanation text to look for.
    """

    kind: VoiKind = "auto"
    arguments: tuple[float, ...] = ()
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Voi:
        """Read ``auto|window:N|lut:N|name:TEXT|minmax|percentile:LO,HI|roi:X,Y,W,H|identity``."""
        kind, colon, rest = text.partition(":")
        if kind in ("auto", "minmax", "identity") and not colon:
            return cls(cast("VoiKind", kind))
        if kind == "name" and rest:
            return cls("name", name=rest)
        if kind in ("window", "lut") and rest.isascii() and rest.isdigit() and int(rest) > 0:
            return cls(cast("VoiKind", kind), (float(rest),))
        if kind == "percentile":
            return cls("percentile", _percentiles(rest))
        if kind == "roi":
            return cls("roi", _rectangle(rest))
        raise OptionError(
            f"voi {text!r} is not one of auto, window:N, lut:N, name:TEXT, minmax, "
            "percentile:LO,HI, roi:X,Y,W,H, identity"
        )

    def __str__(self) -> str:
        """Return the canonical text."""
        rest = self.name or ",".join(map(format_number, self.arguments))
        return f"{self.kind}:{rest}" if rest else self.kind


def _percentiles(text: str) -> tuple[float, ...]:
    values = tuple(parse_number(part, what="percentile") for part in text.split(","))
    if len(values) != 2 or not 0 <= values[0] < values[1] <= 100:
        raise OptionError(
            f"voi percentile {text!r} is not of the form LO,HI with 0 <= LO < HI <= 100"
        )
    return values


def _rectangle(text: str) -> tuple[float, ...]:
    values = tuple(parse_number(part, what="roi") for part in text.split(","))
    whole = all(value == int(value) and value >= 0 for value in values)
    if len(values) != 4 or not whole or 0 in values[2:]:
        raise OptionError(f"voi roi {text!r} is not of the form X,Y,WIDTH,HEIGHT in whole pixels")
    return values


@dataclass(frozen=True, slots=True)
class Parameter:
    """One rendering parameter, as the doors see it."""

    name: str
    """Name in flags and URLs: ``bit-depth``."""
    attribute: str
    """Field of `RenderOptions`: ``bit_depth``."""
    default: Any
    parse: Callable[[str], Any]
    help: str
    metavar: str
    choices: tuple[str, ...]
    is_switch: bool


def _parameter(
    default: Any,
    parse: Callable[[str], Any],
    help: str,
    *,
    metavar: str = "",
    choices: tuple[str, ...] = (),
    is_switch: bool = False,
) -> Any:
    meta = {
        "parse": parse, "help": help, "metavar": metavar, "choices": choices,
        "is_switch": is_switch,
    }  # fmt: skip
    return field(default=default, metadata=meta)


def _choice(name: str, kind: Any) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in get_args(kind):
            raise OptionError(f"{name} {text!r} is not one of {', '.join(get_args(kind))}")
        return text

    return parse


def _integer(name: str, low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            raise OptionError(f"{name} {text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _one_of(name: str, *allowed: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if text not in map(str, allowed):
            raise OptionError(f"{name} {text!r} is not one of {', '.join(map(str, allowed))}")
        return int(text)

    return parse


def _switch(text: str) -> bool:
    words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text not in words:
        raise OptionError(f"{text!r} is not yes or no")
    return words[text]


def _preset(text: str) -> str:
    if text not in PRESETS:
        raise OptionError(f"preset {text!r} is not one of {', '.join(PRESETS)}")
    return text


def _planes(text: str) -> tuple[int, ...]:
    """Read overlay groups in hexadecimal: ``6000,6002``."""
    try:
        groups = tuple(int(part, 16) for part in text.split(","))
    except ValueError:
        groups = (0,)
    if not all(0x6000 <= group <= 0x601E and group % 2 == 0 for group in groups):
        raise OptionError(f"overlay-planes {text!r} is not a list of groups from 6000 to 601E")
    return tuple(sorted(set(groups)))


def _annotation(text: str) -> str:
    """Read one or both keywords in any order; the canonical order is that of the standard."""
    known, given = get_args(Annotation), text.split(",")
    if unknown := [word for word in given if word not in known]:
        raise OptionError(f"annotation {unknown[0]!r} is not one of {', '.join(known)}")
    return ",".join(word for word in known if word in given)


def _colour(text: str) -> str:
    digits = text.removeprefix("#")
    if len(digits) != 6 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
        raise OptionError(f"overlay-color {text!r} is not of the form #RRGGBB")
    return f"#{digits.lower()}"


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How to turn a frame into a picture; immutable, hashable, the same through every door.

    Each field is documented by its own help text (see `parameters`).

    Raises
    ------
    OptionError
        Two options ask for different things (for example ``window`` and ``preset``).
    """

    window: Window | None = _parameter(
        None, Window.parse,
        "VOI window in modality units (HU for CT); function linear, linear-exact or sigmoid.",
        metavar="C,W[,FUNCTION]",
    )  # fmt: skip
    voi: Voi = _parameter(
        Voi(), Voi.parse,
        "Gray transform: auto, window:N, lut:N, name:TEXT, minmax, percentile:LO,HI, "
        "roi:X,Y,W,H or identity.",
        metavar="HOW",
    )  # fmt: skip
    preset: str | None = _parameter(
        None, _preset, "Named CT window.", choices=tuple(PRESETS), metavar="NAME"
    )
    invert: bool = _parameter(False, _switch, "Swap black and white.", is_switch=True)
    bit_depth: int = _parameter(
        8, _one_of("bit-depth", 8, 16), "Bits per sample of the picture.", choices=("8", "16")
    )
    values: Values = _parameter(
        "display", _choice("values", Values),
        "What the samples are: display values, or stored (16 bit) or modality (32-bit float) "
        "values, unwindowed.",
        choices=get_args(Values),
    )  # fmt: skip
    padding: bool = _parameter(
        True, _switch, "Paint Pixel Padding Value black and keep it out of ranges.", is_switch=True
    )
    shutter: bool = _parameter(
        True, _switch, "Cover what the display shutter of the image covers.", is_switch=True
    )
    viewport: Viewport | None = _parameter(
        None, Viewport.parse,
        "Fit into W,H pixels; with X,Y,W,H crop first; a negative extent flips.",
        metavar="W,H[,X,Y,W,H]",
    )  # fmt: skip
    max_size: int | None = _parameter(
        None, _integer("max-size", 1, 65535), "Reduce so that no side is longer than N pixels.",
        metavar="N",
    )  # fmt: skip
    rotate: int = _parameter(
        0, _one_of("rotate", 0, 90, 180, 270), "Turn clockwise, in degrees.",
        choices=("0", "90", "180", "270"),
    )  # fmt: skip
    flip: Literal["h", "v"] | None = _parameter(
        None, _choice("flip", Literal["h", "v"]), "Mirror left-right (h) or top-bottom (v).",
        choices=("h", "v"),
    )  # fmt: skip
    square_pixels: bool = _parameter(
        False, _switch, "Stretch so that pixels are square (Pixel Aspect Ratio, Pixel Spacing).",
        is_switch=True,
    )  # fmt: skip
    quality: int = _parameter(
        90, _integer("quality", 1, 100), "Quality of lossy formats.", metavar="1..100"
    )
    compression: int | None = _parameter(
        None, _integer("compression", 0, 9),
        "Effort of lossless formats: 0 none, 9 smallest. [default: fast]", metavar="0..9",
    )  # fmt: skip
    overlays: bool = _parameter(
        False, _switch, "Draw overlay planes (they may hold names).", is_switch=True
    )
    overlay_planes: tuple[int, ...] | None = _parameter(
        None, _planes, "Overlay groups to draw, in hexadecimal. [default: all]",
        metavar="6000,6002",
    )  # fmt: skip
    overlay_mode: OverlayMode | None = _parameter(
        None, _choice("overlay-mode", OverlayMode),
        "How planes are drawn. [default: replace; roi for planes of type R]",
        choices=get_args(OverlayMode),
    )  # fmt: skip
    overlay_color: str = _parameter(
        "#ffffff", _colour, "Colour of overlay planes.", metavar="#RRGGBB"
    )
    annotation: str | None = _parameter(
        None, _annotation,
        "Write into the picture who is shown (patient), how it was made (technique), or both.",
        metavar="patient,technique",
    )  # fmt: skip
    icc: IccMode | None = _parameter(
        None, _choice("icc", IccMode),
        "ICC profile: none in the picture, the image's own, or convert to a named colour space. "
        "[default: embed the image's own where the format can]",
        choices=get_args(IccMode),
    )  # fmt: skip
    strict: bool = _parameter(
        False, _switch, "Refuse damaged or incomplete pixel data, do not render what is there.",
        is_switch=True,
    )  # fmt: skip
    max_pixels: int = _parameter(
        200_000_000, _integer("max-pixels", 1, 2**40),
        "Refuse frames with more pixels than this.", metavar="N",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse combinations that ask for two different things."""
        chosen = [
            name
            for name, is_set in (
                ("window", self.window is not None),
                ("preset", self.preset is not None),
                ("voi", self.voi != Voi()),
            )
            if is_set
        ]
        if len(chosen) > 1:
            raise OptionError(f"{' and '.join(chosen)} exclude each other: give one")
        if self.values != "display" and (chosen or self.invert):
            raise OptionError(
                f"values {self.values} are never windowed: leave out {(chosen or ['invert'])[0]}"
            )
        if self.values != "display" and self.annotation is not None:
            raise OptionError(f"nothing is written into {self.values} values: leave out annotation")

    @classmethod
    def parse(cls, texts: Mapping[str, str]) -> RenderOptions:
        """Return options from texts keyed by parameter name; OptionError names the culprit."""
        known = parameters()
        unknown = sorted(set(texts) - set(known))
        if unknown:
            raise OptionError(f"unknown option {unknown[0]!r}")
        return cls(
            **{known[name].attribute: known[name].parse(text) for name, text in texts.items()}
        )

    def canonical(self) -> str:
        """Return what differs from the defaults as the query part of a URL.

        ``RenderOptions.parse(dict(urllib.parse.parse_qsl(text)))`` gives equal options back.
        """
        from urllib.parse import quote, urlencode

        pairs = [
            (parameter.name, _text(getattr(self, parameter.attribute)))
            for parameter in parameters().values()
            if getattr(self, parameter.attribute) != parameter.default
        ]
        return urlencode(pairs, safe=",:", quote_via=quote)

    def cache_key(self) -> str:
        """Return 32 hexadecimal digits that are equal for equal options, across processes."""
        import hashlib

        return hashlib.sha256(self.canonical().encode()).hexdigest()[:32]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(f"{item:04X}" for item in value)
    return str(value)


@cache
def parameters() -> Mapping[str, Parameter]:
    """Return every rendering parameter in the order of help texts, keyed by its public name."""
    return {
        item.name.replace("_", "-"): Parameter(
            name=item.name.replace("_", "-"),
            attribute=item.name,
            default=item.default,
            **item.metadata,
        )
        for item in fields(RenderOptions)
    }
