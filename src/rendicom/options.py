"""`RenderOptions`: the one list of rendering parameters.

Command line flags, URL parameters, the canonical text in a manifest and the cache key all
derive from the fields below. A field carries its help text and its parser as metadata; a door
iterates `parameters` and adds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from functools import cache
from typing import Any, Literal, get_args

from rendicom import option_values as read
from rendicom.errors import OptionError
from rendicom.option_values import PALETTES, Annotation, Given, PaletteName, Reader
from rendicom.records import NamedTuple, frozen
from rendicom.views import VOI_FORMS, Viewport, ViewportLike, Voi, Window, WindowLike

__all__ = ["PALETTES", "PRESETS", "OverlayMode", "Parameter", "RenderOptions", "Voi", "parameters"]

Preset = Literal[
    "abdomen", "angio", "bone", "brain", "chest", "liver", "lung", "mediastinum", "pelvis",
    "soft-tissue", "spine", "stroke", "subdural", "temporal-bone",
]  # fmt: skip
BitDepth = Literal[8, 16]
Rotation = Literal[0, 90, 180, 270]
Values = Literal["display", "stored", "modality"]
IccMode = Literal["no", "yes", "srgb", "adobergb", "rommrgb", "displayp3"]
OverlayMode = Literal["replace", "threshold", "complement", "invert", "roi"]
Flip = Literal["h", "v"]
LayerStyle = Literal["fill", "outline", "both"]

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
"""Common CT windows in HU, by the name that ``preset`` takes."""
_AUTO = Voi()
_GRAY, _SIZE, _DRAWN = "Gray values", "Size and orientation", "Shutter, overlays and text"
_LAYERS, _FILE, _LIMITS = "Layers", "Encoding", "Limits"


class Parameter(NamedTuple):
    """One rendering parameter, as the doors see it."""

    name: str
    """Name in flags and URLs: ``bit-depth``."""
    attribute: str
    """Field of `RenderOptions`: ``bit_depth``."""
    default: Any
    read: Reader
    """Converts a text, or a value in code, to the value of the field; the name is for messages."""
    help: str
    metavar: str
    choices: tuple[str, ...]
    forms: tuple[str, ...]
    """Forms of its texts other than words: ``window:N``."""
    is_switch: bool
    group: str
    """Heading in help texts."""

    def parse(self, text: str) -> Any:
        """Return the value of a text; an OptionError names the parameter."""
        return self.read(text, self.name)


def _parameter(
    default: Any,
    read: Reader,
    help: str,
    *,
    metavar: str = "",
    choices: Sequence[object] = (),
    forms: Sequence[str] = (),
    group: str,
    is_switch: bool = False,
) -> Any:
    meta = {
        "read": read, "help": help, "metavar": metavar, "choices": tuple(map(str, choices)),
        "forms": tuple(forms), "is_switch": is_switch, "group": group,
    }  # fmt: skip
    return field(default=default, metadata=meta)


class _Hashed:
    """Slot for the cached hash of the 40 fields, which is used several times per picture."""

    __slots__ = ("_hash",)
    _hash: int


@frozen()
class RenderOptions(_Hashed):
    """Rendering parameters; immutable, hashable, the same for library, command and server.

    A field also takes its text form (``window="40,400"``), and ``window`` and ``viewport`` a tuple
    of numbers (``window=(40, 400)``).

    Raises
    ------
    OptionError
        A value has the wrong type or is out of range, and the message names the field; or two
        fields exclude each other, such as ``window`` and ``preset``.

    Examples
    --------
    >>> options = RenderOptions(window=(40, 400), max_size=512)
    >>> options.canonical()
    'window=40,400,linear&max-size=512'
    >>> RenderOptions.parse({"preset": "lung"}).preset
    'lung'
    """

    window: Given[Window | None, WindowLike] = _parameter(
        None, read.window,
        "VOI window: center and width in modality units (HU for CT), and the function linear, "
        "linear-exact or sigmoid.",
        metavar="C,W[,FUNCTION]", group=_GRAY,
    )  # fmt: skip
    voi: Given[Voi, Voi | str] = _parameter(
        _AUTO, read.voi,
        f"VOI transform: {VOI_FORMS}.", metavar="HOW", forms=VOI_FORMS.split(", "), group=_GRAY,
    )  # fmt: skip
    preset: Preset | None = _parameter(
        None, read.choice_of(Preset), "Common CT window, by name.", choices=get_args(Preset),
        metavar="NAME", group=_GRAY,
    )  # fmt: skip
    invert: bool = _parameter(
        False, read.switch, "Swap black and white.", is_switch=True, group=_GRAY
    )
    gsdf: tuple[float, ...] | None = _parameter(
        None, read.luminances,
        "Calibrate for a display by the Grayscale Standard Display Function (PS3.14): its "
        "luminances in cd/m2, ambient light included, at equal steps of the driving level from "
        "black to white (18 are usual).",
        metavar="LUMINANCE,...", group=_GRAY,
    )  # fmt: skip
    bit_depth: BitDepth = _parameter(
        8, read.one_of(BitDepth), "Bits per sample of the picture.", choices=get_args(BitDepth),
        group=_GRAY,
    )  # fmt: skip
    values: Values = _parameter(
        "display", read.choice_of(Values),
        "Samples of the picture: display values, or without any window stored values (16 bit) or "
        "modality values (32-bit float).",
        choices=get_args(Values), group=_GRAY,
    )  # fmt: skip
    padding: bool = _parameter(
        True, read.switch, "Show Pixel Padding Value as black, and leave it out of value ranges.",
        is_switch=True, group=_GRAY,
    )  # fmt: skip
    shutter: bool = _parameter(
        True, read.switch, "Apply the display shutter of the image.", is_switch=True, group=_DRAWN
    )
    viewport: Given[Viewport | None, ViewportLike] = _parameter(
        None, read.viewport,
        "Fit into W,H pixels; with X,Y,W,H crop to this region first; a negative W or H mirrors.",
        metavar="W,H[,X,Y,W,H]", group=_SIZE,
    )  # fmt: skip
    max_size: int | None = _parameter(
        None, read.integer_from(1, 65535),
        "Reduce the picture so that no side is longer than N pixels.",
        metavar="N", group=_SIZE,
    )  # fmt: skip
    scale: float = _parameter(
        1.0, read.factor, "Enlarge (2) or reduce (0.5) both sides of the picture by a factor.",
        metavar="FACTOR", group=_SIZE,
    )  # fmt: skip
    fast: bool = _parameter(
        False, read.switch,
        "Decode smaller pictures at reduced resolution if the codec can; pixels may differ.",
        is_switch=True, group=_SIZE,
    )  # fmt: skip
    rotate: Rotation = _parameter(
        0, read.one_of(Rotation), "Rotate clockwise, in degrees.", choices=get_args(Rotation),
        group=_SIZE,
    )  # fmt: skip
    flip: Flip | None = _parameter(
        None, read.choice_of(Flip), "Mirror left to right (h) or top to bottom (v).",
        choices=get_args(Flip), group=_SIZE,
    )  # fmt: skip
    square_pixels: bool = _parameter(
        False, read.switch,
        "Stretch so that pixels are square (Pixel Aspect Ratio, Pixel Spacing).",
        is_switch=True, group=_SIZE,
    )  # fmt: skip
    quality: int = _parameter(
        90, read.integer_from(1, 100), "Quality of lossy formats.", metavar="1..100", group=_FILE
    )
    compression: int | None = _parameter(
        None, read.integer_from(0, 9),
        "Effort of lossless formats: 0 none, 9 smallest file. [default: fast]", metavar="0..9",
        group=_FILE,
    )  # fmt: skip
    overlays: bool = _parameter(
        False, read.switch, "Draw overlay planes, which may contain patient data.", is_switch=True,
        group=_DRAWN,
    )  # fmt: skip
    overlay_planes: tuple[int, ...] | None = _parameter(
        None, read.planes, "Overlay groups to draw, in hexadecimal. [default: all]",
        metavar="6000,6002", group=_DRAWN,
    )  # fmt: skip
    overlay_mode: OverlayMode | None = _parameter(
        None, read.choice_of(OverlayMode),
        "How overlay planes are drawn. [default: replace; roi for planes of type R]",
        choices=get_args(OverlayMode), group=_DRAWN,
    )  # fmt: skip
    overlay_color: str = _parameter(
        "#ffffff", read.colour, "Color of overlay planes.", metavar="#RRGGBB", group=_DRAWN
    )
    annotation: Annotation | None = _parameter(
        None, read.annotation,
        "Write text into the corners: patient data (patient), acquisition data (technique), or "
        "both.",
        metavar="patient,technique", group=_DRAWN,
    )  # fmt: skip
    layer_opacity: float | tuple[float | None, ...] = _parameter(
        0.4, read.of_layers(read.share),
        "Opacity of masks, dose and values over the image: one for all layers, or one for each.",
        metavar="0..1[,0..1...]", group=_LAYERS,
    )  # fmt: skip
    layer_style: LayerStyle | tuple[LayerStyle | None, ...] | None = _parameter(
        None, read.of_layers(read.choice_of(LayerStyle)),
        "How masks, contours and dose are drawn: fill, outline or both, for all layers or for "
        "each. [default: both; outline for contours]",
        metavar="STYLE[,STYLE...]", group=_LAYERS,
    )  # fmt: skip
    layer_items: tuple[str, ...] | tuple[tuple[str, ...] | None, ...] | None = _parameter(
        None, read.names_of_layers,
        "Segments, regions or marks to draw, by number or name; semicolons separate the lists of "
        "the layers. [default: all]",
        metavar="1,3|NAME[;...]", group=_LAYERS,
    )  # fmt: skip
    layer_labels: bool = _parameter(
        False, read.switch,
        "Write numbers and names beside drawn objects; they may contain patient data.",
        is_switch=True, group=_LAYERS,
    )  # fmt: skip
    layer_palette: PaletteName = _parameter(
        "hot-iron", read.palette, "Palette of values over the image, by name or UID.",
        metavar="NAME", group=_LAYERS,
    )  # fmt: skip
    layer_window: Given[Window | None, WindowLike] = _parameter(
        None, read.layer_window, "VOI window of values over the image.",
        metavar="C,W[,FUNCTION]", group=_LAYERS,
    )  # fmt: skip
    legend: bool = _parameter(
        False, read.switch, "List the colors and names of layers; names may contain patient data.",
        is_switch=True, group=_LAYERS,
    )  # fmt: skip
    isodose: tuple[str, ...] | None = _parameter(
        None, read.levels,
        "Isodose lines in Gy, or in per cent of the maximum or of the prescription of a plan that "
        "is a layer too. [default: 95%,80%,50%,30%,10%]",
        metavar="20Gy,95%", group=_LAYERS,
    )  # fmt: skip
    suv: bool = _parameter(
        False, read.switch, "Show PET as standardized uptake by body weight; windows are in SUV.",
        is_switch=True, group=_GRAY,
    )  # fmt: skip
    icc: IccMode | None = _parameter(
        None, read.choice_of(IccMode),
        "ICC profile of the picture: none, the image's own, or convert to a named color space. "
        "[default: the image's own where the format supports it]",
        choices=get_args(IccMode), group=_FILE,
    )  # fmt: skip
    strict: bool = _parameter(
        False, read.switch, "Refuse damaged or incomplete pixel data instead of rendering a part.",
        is_switch=True, group=_LIMITS,
    )  # fmt: skip
    max_pixels: int = _parameter(
        200_000_000, read.integer_from(1, 2**40),
        "Refuse frames with more pixels than this.", metavar="N", group=_LIMITS,
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Read each field that is set; refuse combinations that ask for two different things."""
        for name, reader, default in _readers():
            value = getattr(self, name)
            if value is not default:
                object.__setattr__(self, name, reader(value, name))
        chosen = [
            name
            for name, is_set in (
                ("window", self.window is not None),
                ("preset", self.preset is not None),
                ("voi", self.voi != _AUTO),
            )
            if is_set
        ]
        if len(chosen) > 1:
            raise OptionError(f"{' and '.join(chosen)} exclude each other: give one")
        if self.scale != 1 and self.viewport is not None:
            raise OptionError("scale and viewport exclude each other: give one")
        toned = [*chosen, *(name for name in ("invert", "gsdf") if getattr(self, name))]
        if self.values != "display" and toned:
            raise OptionError(f"values {self.values} are never windowed: leave out {toned[0]}")
        if self.values != "display" and self.annotation is not None:
            raise OptionError(f"{self.values} values have no annotation: leave out annotation")

    def __hash__(self) -> int:
        """Return the hash of all fields, which is computed once."""
        try:
            return self._hash
        except AttributeError:
            found = hash(tuple(getattr(self, name) for name, _, _ in _readers()))
            object.__setattr__(self, "_hash", found)
            return found

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

    def _changed(self) -> list[Parameter]:
        known = parameters().values()
        return [each for each in known if getattr(self, each.attribute) != each.default]

    def __repr__(self) -> str:
        """Return the call that makes them, with the fields that differ from the defaults."""
        given = (f"{each.attribute}={getattr(self, each.attribute)!r}" for each in self._changed())
        return f"RenderOptions({', '.join(given)})"

    def canonical(self) -> str:
        """Return the fields that differ from the defaults as the query part of a URL.

        ``RenderOptions.parse(dict(urllib.parse.parse_qsl(text)))`` gives equal options back.
        """
        from urllib.parse import quote, urlencode

        pairs = [(each.name, _text(getattr(self, each.attribute))) for each in self._changed()]
        return urlencode(pairs, safe=",:", quote_via=quote)

    def cache_key(self) -> str:
        """Return 32 hexadecimal digits that are equal for equal options, across processes."""
        import hashlib

        return hashlib.sha256(self.canonical().encode()).hexdigest()[:32]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        mark = ";" if any(isinstance(item, tuple) for item in value) else ","
        return mark.join(f"{item:04X}" if isinstance(item, int) else _text(item) for item in value)
    return "" if value is None else str(value)


@cache
def _readers() -> tuple[tuple[str, Reader, Any], ...]:
    return tuple((each.attribute, each.read, each.default) for each in parameters().values())


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


def _document_fields() -> None:
    """Add the fields and their help texts to the docstring of `RenderOptions`."""
    lines = ["", "    Attributes", "    ----------"]
    for each in parameters().values():
        default = "" if each.default is None else f" Default: {_text(each.default)}."
        choices = f" One of {', '.join(each.choices)}." if each.choices else ""
        lines += [f"    {each.attribute}", f"        {each.help}{choices}{default}"]
    RenderOptions.__doc__ = f"{RenderOptions.__doc__ or ''}{chr(10).join(lines)}\n    "


_document_fields()
