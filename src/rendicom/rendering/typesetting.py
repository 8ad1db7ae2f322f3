"""Measures and draws lines of text in any script, each character in a font that has it.

Pillow shapes and orders the text (Raqm, HarfBuzz, FriBidi); here a line is only divided into runs
of one font.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rendicom.coded_warnings import CodedWarning
from rendicom.rendering.fonts import FontFile, base_font, font_at, font_of, has_glyph

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.ImageFont import FreeTypeFont


_CAPITAL_HEIGHT = 0.688
"""Height of a capital of the base font, in units of the font size."""
_ASCENT, _DESCENT = 1.6, 0.7
"""Space above the baseline (accents on capitals) and below it, in heights of a capital."""
_MARK = "\ufffd"
"""Drawn for a character that no font has."""
_ELLIPSIS = "…"
_BREAKS = ("Cc", "Zl", "Zp")
_DIRECTIONS = {"L": "L", "R": "R", "AL": "R", "EN": "D", "AN": "D"}
"""Directions of Unicode's bidirectional classes; D for digits."""


class TextSize(NamedTuple):
    """Size of text; ``capital`` is the height of a capital in pixels."""

    capital: int

    @property
    def font_size(self) -> float:
        """Return the size of the em square in pixels."""
        return self.capital / _CAPITAL_HEIGHT

    @property
    def halo(self) -> float:
        """Return the width of the halo around letters, in pixels."""
        return max(1.5, 0.15 * self.capital)

    @property
    def ascent(self) -> int:
        """Return pixels above the baseline that a line may need, its halo included."""
        return math.ceil(_ASCENT * self.capital + self.halo)

    @property
    def descent(self) -> int:
        """Return pixels below the baseline that a line may need, its halo included."""
        return math.ceil(_DESCENT * self.capital + self.halo)

    @property
    def leading(self) -> int:
        """Return pixels from one baseline to the next."""
        return max(self.capital + 3, round(self.capital * 1.75))

    @property
    def margin(self) -> int:
        """Return the margin at both ends of a line for the halo, in pixels."""
        return math.ceil(self.halo + 1)


class TextLine(NamedTuple):
    """A line of text as coverage of pixels, 0 to 1: the letters, and letters with their halo.

    The first letter starts at column ``margin`` and the baseline is row ``ascent`` of the size.
    """

    letters: NDArray[np.float32]
    halo: NDArray[np.float32]
    width: int


class _Run(NamedTuple):
    """Neighboring characters of one font."""

    text: str
    font: FontFile
    direction: str

    def sized(self, size: TextSize) -> FreeTypeFont:
        return font_at(self.font, size.font_size)

    def length(self, size: TextSize) -> float:
        return self.sized(size).getlength(self.text, direction=_direction(self))


def missing_letters(lines: Iterable[str]) -> tuple[CodedWarning, ...]:
    """Return a warning if there are letters that no font has.

    It names only their script ("CJK", "THAI"): the text may be the name of a patient.
    """
    missing = (letter for line in lines for letter in _cleaned(line) if font_of(letter) is None)
    scripts = ", ".join(sorted({unicodedata.name(c, "UNNAMED").split()[0] for c in missing}))
    text = f"no font has the {scripts} letters: each is drawn as {_MARK}"
    return (CodedWarning("letters-missing", text),) if scripts else ()


@lru_cache(maxsize=512)
def width_of(text: str, size: TextSize) -> int:
    """Return the width of a line in pixels, without the halo."""
    return math.ceil(sum(run.length(size) for run in _runs(text)))


def shortened(text: str, size: TextSize, width: int) -> str:
    """Return the text, shortened with an ellipsis to fit ``width``, perhaps to nothing."""
    if width_of(text, size) <= width:
        return text
    while text := _without_last(text):
        cut = text.rstrip() + _ELLIPSIS
        if width_of(cut, size) <= width:
            return cut
    return ""


def set_line(text: str, size: TextSize) -> TextLine:
    """Return a line of text."""
    letters, halo = (
        _drawn(text, size, stroke).astype(np.float32) / np.float32(255)
        for stroke in (0.0, size.halo)
    )
    return TextLine(letters, halo, width_of(text, size))


@lru_cache(maxsize=64)  # frames and series repeat most of their lines
def _drawn(text: str, size: TextSize, stroke: float) -> NDArray[np.uint8]:
    from PIL import Image, ImageDraw

    extent = (width_of(text, size) + 2 * size.margin, size.ascent + size.descent)
    canvas = Image.new("L", extent)
    draw, x = ImageDraw.Draw(canvas), float(size.margin)
    for run in _runs(text):
        draw.text(
            (x, size.ascent), run.text, 255, run.sized(size),
            anchor="ls", direction=_direction(run), stroke_width=stroke,
        )  # fmt: skip
        x += run.length(size)
    return np.asarray(canvas)


def _direction(run: _Run) -> str | None:
    from PIL import features

    return run.direction if features.check("raqm") else None


def _cleaned(text: str) -> str:
    """Return composed characters, with spaces in place of controls and line separators."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(" " if unicodedata.category(c) in _BREAKS else c for c in composed)


def _without_last(text: str) -> str:
    """Return the text without its last character and the marks on it."""
    end = len(text) - 1
    while end > 0 and unicodedata.category(text[end])[0] == "M":
        end -= 1
    return text[: max(end, 0)]


@lru_cache(maxsize=512)
def _runs(text: str) -> tuple[_Run, ...]:
    """Return runs of one font and direction, from left to right (Unicode Annex 9, rule L2)."""
    text = _cleaned(text)
    strong = "".join(map(_direction_kind, text)).translate({ord(weak): None for weak in "DN"})
    base, other = ("R", "L") if strong.startswith("R") else ("L", "R")
    kinds = _resolved(text, base)
    ordered: list[_Run] = []
    segments = list(re.finditer(f"{other}(?:[N{other}]*{other})?|[^{other}]+", kinds))
    if len(segments) > 1 and (font := _font_of_all(text)):
        return (_Run(text, font, "rtl" if base == "R" else "ltr"),)
    for segment in reversed(segments) if base == "R" else segments:
        direction = other if segment[0][0] == other else base
        runs = [
            _Run(part, font, "rtl" if direction == "R" else "ltr")
            for part, font in _parts(text[segment.start() : segment.end()])
        ]
        ordered += reversed(runs) if direction == "R" else runs
    return tuple(ordered)


def _font_of_all(text: str) -> FontFile | None:
    """Return a font in which Pillow can set the whole text, both directions included."""
    fonts = filter(None, dict.fromkeys(map(font_of, text)))
    return next((font for font in fonts if all(has_glyph(font, c) for c in text)), None)


def _direction_kind(letter: str) -> str:
    return _DIRECTIONS.get(unicodedata.bidirectional(letter), "N")


def _resolved(text: str, base: str) -> str:
    """Return L, R or N (neutral) for each character; digits follow the letters before them."""
    kinds, last = [], base
    for kind in map(_direction_kind, text):
        last = kind if kind in "LR" else last
        kinds.append(last if kind == "D" else kind)
    return "".join(kinds)


def _parts(text: str) -> list[tuple[str, FontFile]]:
    """Return parts of one font.

    A font goes on as long as it has the characters, so that spaces and marks stay with their word.
    """
    parts: list[tuple[str, FontFile]] = []
    for letter in text:
        before, current = parts[-1] if parts else ("", base_font())
        if parts and has_glyph(current, letter):
            parts[-1] = before + letter, current
        else:
            font = font_of(letter)
            parts.append((letter, font) if font else (_MARK, base_font()))
    return parts
