"""Finds the strokes of any character, or makes them of those of others.

What has no strokes of its own is composed (a letter and its accents), taken for its
compatible form (a ligature, a raised digit, a wide letter), or in the end a hollow box.
"""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from rendicom.rendering.lettering import cyrillic, greek, latin
from rendicom.rendering.lettering.marks import ABOVE, BELOW, BESIDE

__all__ = ["CAPITAL", "SMALL", "Outline", "clusters", "outline"]

Stroke = tuple[tuple[float, float], ...]

CAPITAL, SMALL = 14.0, 10.0
"""Heights of capitals and of small letters without ascender, in units of the tables."""
_SPACE = 6.0
_BESIDE_A_STROKE = 3.2
_OVERHANG = 0.8
"""How far an accent may stand over the side of its letter."""
_STEP = 12.0
"""Degrees between the points of an arc."""
_SMALL_CAPITAL = (0.82, SMALL / CAPITAL)
_RAISED = 0.6
_BOX = "0 0 0 14 8 14 8 0 0 0"
_TOKEN = re.compile(r"\(([^)]*)\)|(\S+)")
_DOTLESS = {"i": "ı", "j": "ȷ", "і": "ı", "ј": "ȷ"}
_CARON = "\u030c"
_WITH_APOSTROPHE = "dtlL"
"""Letters whose caron is written as an apostrophe behind them."""


class Outline(NamedTuple):
    """Strokes from x = 0 to ``width``, and how far it is to the next letter's."""

    strokes: tuple[Stroke, ...]
    width: float
    advance: float


@lru_cache(maxsize=512)
def clusters(text: str) -> tuple[str, ...]:
    """Return letters, each with the accents that follow it."""
    found: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        if found and unicodedata.combining(character):
            found[-1] += character
        else:
            found.append(character)
    return tuple(found)


@lru_cache(maxsize=2048)
def outline(cluster: str) -> Outline:
    """Return the strokes of one letter with its accents."""
    if len(cluster) > 1:
        return _accented(cluster[0], cluster[1:])
    found = _own(cluster)
    if found is not None:
        return found
    decomposed = unicodedata.normalize("NFD", cluster)
    if len(decomposed) > 1:
        return _accented(decomposed[0], decomposed[1:])
    if unicodedata.category(cluster) in ("Cc", "Cf", "Mn", "Me"):
        return Outline((), 0.0, 0.0)
    return _compatible(cluster) or _measured(_strokes(_BOX))


def _own(character: str) -> Outline | None:
    if character.isspace():
        return Outline((), 0.0, _SPACE)
    for look_alikes in (greek.LOOK_ALIKES, cyrillic.LOOK_ALIKES):
        character = look_alikes.get(character, character)
    for glyphs in (latin.GLYPHS, greek.GLYPHS, cyrillic.GLYPHS):
        if character in glyphs:
            return _measured(_strokes(glyphs[character]))
    if character in cyrillic.SMALL_CAPITALS:
        capital = outline(cyrillic.SMALL_CAPITALS[character])
        return _measured(_scaled(capital.strokes, *_SMALL_CAPITAL))
    return None


def _compatible(character: str) -> Outline | None:
    """Return the compatible form: several letters side by side, or a raised one."""
    text = unicodedata.normalize("NFKD", character).replace("\u2044", "/")
    if text == character:
        return None
    parts = [outline(part) for part in clusters(text)]
    if unicodedata.decomposition(character).startswith("<super>"):
        strokes = _scaled(parts[0].strokes, _RAISED, _RAISED)
        return _measured(_moved(strokes, 0.0, CAPITAL * (1 - _RAISED)))
    strokes, x = [], 0.0
    for part in parts:
        strokes += _moved(part.strokes, x, 0.0)
        x += part.advance
    return _measured(strokes)


def _accented(letter: str, marks: str) -> Outline:
    if letter in _WITH_APOSTROPHE and marks == _CARON:
        plain = outline(letter)
        beside = _moved(_strokes(latin.GLYPHS["’"]), plain.width + 1.4, 0.0)
        return _measured([*plain.strokes, *beside])
    has_above = any(mark in ABOVE for mark in marks)
    plain = outline(_DOTLESS.get(letter, letter) if has_above else letter)
    strokes, middle = list(plain.strokes), plain.width / 2
    top = max((y for stroke in plain.strokes for _, y in stroke), default=0.0)
    above, below = (CAPITAL if top > SMALL + 1 else SMALL), 0.0
    for mark in marks:
        if mark in ABOVE:
            strokes += _moved(_strokes(ABOVE[mark]), middle, above)
            above += 3.2
        elif mark in BELOW:
            strokes += _moved(_strokes(BELOW[mark]), middle, below)
            below -= 3.2
        elif mark in BESIDE:
            at_top = mark == "\u031b"
            strokes += _moved(_strokes(BESIDE[mark]), plain.width - 0.8, above if at_top else 0.0)
    return _with_room(strokes, plain)


def _with_room(strokes: list[Stroke], plain: Outline) -> Outline:
    """Return an accented letter, wider than the plain one where its accents stick out far."""
    before = max(0.0, -_OVERHANG - min(x for stroke in strokes for x, _ in stroke))
    behind = max(x for stroke in strokes for x, _ in stroke) - plain.width - _OVERHANG
    width = plain.width + before + max(0.0, behind)
    return Outline(tuple(_moved(strokes, before, 0.0)), width, width + _BESIDE_A_STROKE)


def _measured(strokes: list[Stroke]) -> Outline:
    """Return an outline with its leftmost point at 0."""
    left = min(x for stroke in strokes for x, _ in stroke)
    moved = _moved(strokes, -left, 0.0)
    width = max(x for stroke in moved for x, _ in stroke)
    return Outline(tuple(moved), width, width + _BESIDE_A_STROKE)


def _moved(strokes: list[Stroke] | tuple[Stroke, ...], right: float, up: float) -> list[Stroke]:
    return [tuple((x + right, y + up) for x, y in stroke) for stroke in strokes]


def _scaled(strokes: tuple[Stroke, ...], across: float, along: float) -> list[Stroke]:
    return [tuple((x * across, y * along) for x, y in stroke) for stroke in strokes]


def _strokes(glyph: str) -> list[Stroke]:
    return [_stroke(text) for text in glyph.split(";")]


def _stroke(text: str) -> Stroke:
    points: list[tuple[float, float]] = []
    x: float | None = None
    for arc, number in _TOKEN.findall(text):
        if arc:
            points += _arc(*map(float, arc.split()))
        elif x is None:
            x = float(number)
        else:
            points.append((x, float(number)))
            x = None
    return tuple(points)


def _arc(
    x: float, y: float, across: float, along: float, start: float, stop: float
) -> list[tuple[float, float]]:
    steps = max(2, math.ceil(abs(stop - start) / _STEP))
    angles = [math.radians(start + (stop - start) * step / steps) for step in range(steps + 1)]
    return [(x + across * math.cos(angle), y + along * math.sin(angle)) for angle in angles]
