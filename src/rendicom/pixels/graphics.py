"""Reads the figures and texts of a presentation state (PS3.3 C.10.5, C.10.7)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast, get_args

from rendicom.coded_warnings import Notes
from rendicom.pixels.shutters import components, ink_of
from rendicom.presentation import (
    Anchor,
    Annotations,
    GraphicLayer,
    GraphicObject,
    GraphicType,
    LineStyle,
    Point,
    Scope,
    TextBox,
    TextObject,
    Units,
)
from rendicom.values import Ink

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from rendicom.dicom.attributes import Attributes

_LAYERS, _LAYER, _ORDER = 0x00700060, 0x00700002, 0x00700062
_LAYER_GRAY, _LAYER_RGB, _LAYER_COLOUR = 0x00700066, 0x00700067, 0x00700401
_ANNOTATIONS, _TEXTS, _GRAPHICS = 0x00700001, 0x00700008, 0x00700009
_BOX_UNITS, _ANCHOR_UNITS, _GRAPHIC_UNITS = 0x00700003, 0x00700004, 0x00700005
_TEXT, _TOP_LEFT, _BOTTOM_RIGHT, _JUSTIFICATION = 0x00700006, 0x00700010, 0x00700011, 0x00700012
_ANCHOR, _ANCHOR_VISIBILITY = 0x00700014, 0x00700015
_DATA, _TYPE, _FILLED = 0x00700022, 0x00700023, 0x00700024
_TEXT_STYLE, _LINE_STYLE, _FILL_STYLE = 0x00700231, 0x00700232, 0x00700233
_TEXT_COLOUR, _PATTERN_COLOUR, _OPACITY = 0x00700241, 0x00700251, 0x00700284
_THICKNESS, _DASHING = 0x00700253, 0x00700254
_NO_TAG = 0
_MOST_POINTS = 1 << 16
_LONGEST_TEXT = 1 << 12
_FEWEST_POINTS = {"POINT": 1, "POLYLINE": 2, "INTERPOLATED": 2, "CIRCLE": 2, "ELLIPSE": 4}


def read_layers(attributes: Attributes) -> tuple[GraphicLayer, ...]:
    """Return the layers in the order they are drawn."""
    layers = []
    for item in attributes.items(_LAYERS):
        ink = ink_of(item, gray=_LAYER_GRAY, colour=_LAYER_COLOUR)
        rgb = components(item, _LAYER_RGB, 3)
        if ink.colour is None and rgb:  # retired, 16 bits each
            ink = ink._replace(colour=(rgb[0] >> 8, rgb[1] >> 8, rgb[2] >> 8))
        layers.append(GraphicLayer(item.text(_LAYER), item.integer(_ORDER, 0) or 0, ink))
    return tuple(sorted(layers, key=lambda layer: layer.order))


def read_annotations(
    attributes: Attributes,
    notes: Notes,
    *,
    scope_of: Callable[[Attributes], Scope],
) -> tuple[Annotations, ...]:
    """Return the figures and texts; those that cannot be drawn are left out, with a note."""
    return tuple(
        Annotations(
            scope=scope_of(item),
            layer=item.text(_LAYER),
            graphics=tuple(filter(None, (_graphic(each, notes) for each in item.items(_GRAPHICS)))),
            texts=tuple(filter(None, (_text(each, notes) for each in item.items(_TEXTS)))),
        )
        for item in attributes.items(_ANNOTATIONS)
    )


def _graphic(item: Attributes, notes: Notes) -> GraphicObject | None:
    kind, units = item.text(_TYPE), _units(item, _GRAPHIC_UNITS)
    points = _points(item, _DATA)
    if kind not in get_args(GraphicType) or len(points) < _FEWEST_POINTS[kind]:
        notes.add(
            "presentation-incomplete",
            "a figure is of an unknown kind, or has too few points: not drawn",
        )
        return None
    if units is None:
        notes.add(
            "presentation-incomplete",
            "a figure is not placed on the image or the displayed area: not drawn",
        )
        return None
    is_filled = item.text(_FILLED) == "Y"
    return GraphicObject(
        cast("GraphicType", kind),
        units,
        points,
        is_filled,
        _style(item, _LINE_STYLE),
        _style(item, _FILL_STYLE) if is_filled else None,
    )


def _units(item: Attributes, tag: int) -> Units | None:
    units = item.text(tag, "PIXEL")
    return cast("Units", units) if units in get_args(Units) else None


def _points(item: Attributes, tag: int) -> tuple[Point, ...]:
    values = item.numbers(tag)[: 2 * _MOST_POINTS]
    pairs = zip(values[::2], values[1::2], strict=False)
    return tuple(pair for pair in pairs if all(map(math.isfinite, pair)))


def _style(item: Attributes, tag: int) -> LineStyle:
    for style in item.items(tag)[:1]:
        thickness, opacity = style.number(_THICKNESS), style.number(_OPACITY)
        return LineStyle(
            thickness=thickness if thickness and 0 < thickness < 64 else 1.0,
            is_dashed=style.text(_DASHING) == "DASHED",
            opacity=min(1.0, max(0.0, opacity)) if opacity is not None else 1.0,
            ink=ink_of(style, gray=_NO_TAG, colour=_PATTERN_COLOUR),
        )
    return LineStyle()


def _text(item: Attributes, notes: Notes) -> TextObject | None:
    text = item.text(_TEXT)[:_LONGEST_TEXT].replace("\r\n", "\n").replace("\r", "\n")
    box, anchor = _box(item), _anchor(item)
    if not text.strip():
        return None
    if box is None and anchor is None:
        notes.add(
            "presentation-incomplete",
            "a text has neither a box nor an anchor on the image: not written",
        )
        return None
    ink = Ink()
    for style in item.items(_TEXT_STYLE)[:1]:
        ink = ink_of(style, gray=_NO_TAG, colour=_TEXT_COLOUR)
    return TextObject(text.rstrip(), box, anchor, ink)


def _box(item: Attributes) -> TextBox | None:
    corners = (*_points(item, _TOP_LEFT)[:1], *_points(item, _BOTTOM_RIGHT)[:1])
    units = _units(item, _BOX_UNITS)
    if len(corners) != 2 or units is None:
        return None
    justification = item.text(_JUSTIFICATION, "LEFT")
    if justification not in ("LEFT", "CENTER", "RIGHT"):
        justification = "LEFT"
    return TextBox(
        units, corners[0], corners[1], cast("Literal['LEFT', 'CENTER', 'RIGHT']", justification)
    )


def _anchor(item: Attributes) -> Anchor | None:
    point, units = _points(item, _ANCHOR)[:1], _units(item, _ANCHOR_UNITS)
    if not point or units is None:
        return None
    return Anchor(units, point[0], item.text(_ANCHOR_VISIBILITY) == "Y")
