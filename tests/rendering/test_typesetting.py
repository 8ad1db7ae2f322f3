"""Text in every script: fonts, order, widths, and what no font has."""

from __future__ import annotations

import string
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, features

from rendicom.rendering.fonts import base_font, font_at, font_of, has_glyph
from rendicom.rendering.typesetting import (
    TextSize,
    _runs,
    missing_letters,
    set_line,
    shortened,
    width_of,
)

DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
NAMES = {
    "arabic": "محمد علي",
    "thai": "สมชาย ใจดี",
    "chinese": "王小明",
    "japanese": "山田 太郎 やまだ",
    "hangul": "김희중",
}
NOWHERE = "\U000e0fff"  # unassigned


def drawn_by_pillow(text: str, size: TextSize, font: str) -> np.ndarray:
    face = font_at(font, size.font_size)
    canvas = Image.new("L", (width_of(text, size) + 2 * size.margin, size.ascent + size.descent))
    ImageDraw.Draw(canvas).text((size.margin, size.ascent), text, 255, face, anchor="ls")
    return np.asarray(canvas) / 255


@pytest.mark.parametrize(("first", "last"), [
    ("!", "~"), ("\u00a1", "\u024f"), ("\u1e00", "\u1eff"),
    ("\u0384", "\u03ff"), ("\u0400", "\u052f"), ("\u05d0", "\u05ea"),
])  # fmt: skip
def test_latin_greek_cyrillic_and_hebrew_need_no_font_of_the_system(first: str, last: str) -> None:
    letters = [chr(code) for code in range(ord(first), ord(last) + 1)]
    missing = [c for c in letters if font_of(c) != base_font() and c.isprintable()]
    assert missing == []


@pytest.mark.skipif(not features.check("raqm"), reason="Pillow without Raqm")
@pytest.mark.parametrize("text", ["ab אבג 12 (דה) b", "אבג 12 Kim, ש", "12 ש"])
def test_a_line_of_one_font_is_ordered_by_fribidi(text: str) -> None:
    size = TextSize(20)
    expected = drawn_by_pillow(text, size, base_font()).astype(np.float32)
    assert np.array_equal(set_line(text, size).letters, expected)


@pytest.mark.parametrize(("text", "expected"), [
    ("Kim 김 אבג דה 12 b", ["Kim ", "김 ", "אבג דה 12", " b"]),
    ("אבג 김 דה Kim 12 ש", [" ש", "Kim 12", " דה ", "김", "אבג "]),
    ("12 דה 김", ["김", "12 דה "]),
])  # fmt: skip
def test_runs_of_several_fonts_are_ordered_by_direction(text: str, expected: list[str]) -> None:
    """Expected by hand from Unicode Annex 9, rules N1, N2 and L2."""
    font = font_of("김")
    if font is None or has_glyph(font, "א"):
        pytest.skip("no font that has Hangul, but not Hebrew")
    assert [run.text for run in _runs(text)] == expected


@pytest.mark.parametrize("script", NAMES)
def test_names_in_other_scripts_come_from_fonts_of_the_system(script: str) -> None:
    text, size = NAMES[script], TextSize(24)
    font = font_of(text[0])
    if font is None or not all(has_glyph(font, letter) for letter in text):
        pytest.skip("no font of the system has these letters")
    assert missing_letters([text]) == ()
    expected = drawn_by_pillow(text, size, font).astype(np.float32)
    assert np.array_equal(set_line(text, size).letters, expected)


def test_arabic_letters_are_joined() -> None:
    if font_of("ع") is None or not features.check("raqm"):
        pytest.skip("no Arabic font, or Pillow without Raqm")
    size = TextSize(24)
    assert width_of("ععع", size) < 3 * width_of("ع", size) * 0.95


def test_a_letter_that_no_font_has_is_marked_and_reported() -> None:
    size = TextSize(20)
    assert missing_letters(["Doe", NOWHERE]) == (
        "no font has the UNNAMED letters: each is drawn as \ufffd",
    )
    assert np.array_equal(set_line(f"a{NOWHERE}", size).letters, set_line("a\ufffd", size).letters)
    assert missing_letters(["Zoë\u200b Łódź\n g\u0303 ≤ ²"]) == ()


@pytest.mark.skipif(not DEJAVU.exists(), reason="DejaVu is not installed")
def test_fonts_of_the_environment_precede_those_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "broken.ttf").write_bytes(b"no font")
    (tmp_path / "fonts" / "mine.TTF").write_bytes(DEJAVU.read_bytes())
    code = "from rendicom.rendering.fonts import font_of; print(font_of('ع'))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"RENDICOM_FONTS": str(tmp_path / "fonts")},
    )  # fmt: skip
    assert found.stdout.strip() == str(tmp_path / "fonts" / "mine.TTF")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30), st.integers(5, 30))
def test_any_text_can_be_set(text: str, capital: int) -> None:
    size = TextSize(capital)
    line = set_line(text, size)
    assert line.letters.shape == line.halo.shape
    assert line.letters.shape[0] == size.ascent + size.descent
    assert line.width == width_of(text, size) >= 0
    assert line.halo.max(initial=0) <= 1


@given(st.text(string.ascii_letters + " äßש", max_size=40), st.integers(0, 300))
def test_shortened_text_fits(text: str, width: int) -> None:
    size = TextSize(9)
    short = shortened(text, size, width)
    assert width_of(short, size) <= width
    assert short == text or short.endswith("…") or short == ""


@pytest.mark.parametrize("capital", [7, 9, 10, 14, 33, 60])
def test_capitals_are_as_high_as_asked_for(capital: int) -> None:
    ink = set_line("H", TextSize(capital)).letters
    rows = np.nonzero(ink.max(axis=1) > 0.5)[0]
    assert rows[-1] - rows[0] + 1 == pytest.approx(capital, abs=1)


def test_the_halo_reaches_around_the_letters() -> None:
    line = set_line("ÅHgj", TextSize(12))
    assert (line.halo >= line.letters).all()
    assert line.halo.sum() > 1.5 * line.letters.sum()
    edges = (line.halo[0], line.halo[-1], line.halo[:, 0], line.halo[:, -1])
    assert max(float(edge.max()) for edge in edges) == 0  # nothing of it is cut off
