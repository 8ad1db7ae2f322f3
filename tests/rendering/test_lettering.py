"""Letters of our own: every one can be told from the others, at any size, for any text."""

from __future__ import annotations

import itertools
import string
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rendicom.rendering.lettering import cyrillic, greek, latin
from rendicom.rendering.lettering.outline import clusters, outline
from rendicom.rendering.lettering.typesetting import Type, fitted, set_line, width_of

ASCII = string.ascii_letters + string.digits + string.punctuation
LATIN = "".join(
    chr(code)
    for code in (*range(0xA1, 0x180), 0x218, 0x219, 0x21A, 0x21B)
    if unicodedata.category(chr(code)) not in ("Cc", "Cf")
)
GREEK_AND_CYRILLIC = "".join((*greek.GLYPHS, *greek.LOOK_ALIKES, "άέήίόύώ")) + "".join(
    map(chr, (*range(0x410, 0x450), 0x401, 0x451, 0x404, 0x454, 0x407, 0x457, 0x490, 0x491))
)
BOX = outline("\u5c71")


@pytest.mark.parametrize("letters", [ASCII, LATIN, GREEK_AND_CYRILLIC])
def test_every_letter_has_strokes_of_its_own(letters: str) -> None:
    boxes = [letter for letter in letters if outline(letter).strokes == BOX.strokes]
    assert boxes == []
    assert all(outline(letter).strokes for letter in letters)


@pytest.mark.parametrize("capital", [7, 9, 14, 40])
def test_no_two_letters_look_the_same(capital: int) -> None:
    shapes: dict[bytes, str] = {}
    for letter in ASCII:
        line = set_line(letter, Type(capital))
        ink = (line.coverage(Type(capital).thickness / 2) * 255).astype(np.uint8)
        other = shapes.setdefault(ink.tobytes() + bytes(ink.shape), letter)
        assert other == letter, f"{other} and {letter}"


def test_no_coordinate_leaves_the_space_of_a_letter() -> None:
    for glyph in (*latin.GLYPHS, *greek.GLYPHS, *cyrillic.GLYPHS, *LATIN, "Ẫ", "ỵ", "g\u0303"):
        shape = outline(glyph)
        points = list(itertools.chain.from_iterable(shape.strokes))
        assert min(x for x, _ in points) >= -1.5, glyph
        assert max(x for x, _ in points) <= shape.width + 1.5, glyph
        assert min(y for _, y in points) >= -5.5, glyph
        assert max(y for _, y in points) <= 22.5, glyph
        assert shape.advance > shape.width, glyph


def test_accents_are_put_on_letters() -> None:
    plain, accented = outline("e"), outline("é")
    assert len(accented.strokes) == len(plain.strokes) + 1
    assert accented.advance == plain.advance
    # A letter and its accent are one, however they are written.
    assert list(clusters("e\u0301x")) == ["é", "x"]
    assert list(clusters("g\u0303x")) == ["g\u0303", "x"]
    assert outline("i").strokes != outline("í").strokes
    assert len(outline("í").strokes) == 2  # the dot gives way


def test_scripts_without_letters_become_hollow_boxes() -> None:
    assert outline("山") == outline("太") == outline("ש") == BOX
    assert len(BOX.strokes) == 1
    assert BOX.strokes[0][0] == BOX.strokes[0][-1]


def test_compatible_forms_and_what_is_not_seen() -> None:
    assert outline("Ａ").strokes == outline("A").strokes
    assert len(outline("ﬁ").strokes) == len(outline("f").strokes) + len(outline("i").strokes)
    assert max(y for _, y in outline("²").strokes[0]) == pytest.approx(14, abs=0.1)
    assert outline("\u200b").advance == 0
    assert outline("\u00a0").advance == outline(" ").advance > 0
    assert not outline("\u0007").strokes


@given(st.text(max_size=30), st.integers(5, 30))
def test_any_text_can_be_set(text: str, capital: int) -> None:
    letters = Type(capital)
    line = set_line(text, letters)
    assert line.distances.shape[0] == letters.ascent + letters.descent
    assert line.width == width_of(text, letters) >= 0
    assert line.coverage(1.0).max(initial=0) <= 1


@given(st.text(string.ascii_letters + " äß", max_size=40), st.integers(0, 300))
def test_shortened_text_fits(text: str, width: int) -> None:
    letters = Type(9)
    short = fitted(text, letters, width)
    assert width_of(short, letters) <= width
    assert short == text or short.endswith("…") or short == ""


def test_capitals_are_as_high_as_asked_for_and_sharp() -> None:
    for capital in (7, 9, 10, 14, 33, 60):
        letters = Type(capital)
        ink = set_line("H", letters).coverage(letters.thickness / 2)
        rows = np.nonzero(ink.max(axis=1) > 0.5)[0]
        assert rows[-1] - rows[0] + 1 == pytest.approx(capital + letters.thickness, abs=1.6)
        assert ink.max() == 1


def test_the_halo_reaches_around_the_letters() -> None:
    letters = Type(12)
    line = set_line("Hg", letters)
    halo = line.coverage(letters.thickness / 2 + letters.halo)
    assert (halo >= line.coverage(letters.thickness / 2)).all()
    edges = (halo[0], halo[-1], halo[:, 0], halo[:, -1])
    assert max(float(edge.max()) for edge in edges) == 0  # nothing of it is cut off
