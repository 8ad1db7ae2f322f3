"""The font that each script is drawn with."""

from __future__ import annotations

_SAMPLES = {
    "Latin": "A", "Greek": "\u03a9", "Cyrillic": "\u0416", "Hebrew": "\u05d0",
    "Arabic": "\u0639", "Thai": "\u0e01", "Devanagari": "\u0905", "Chinese": "\u6f22",
    "Japanese": "\u3042", "Korean": "\ud55c",
}  # fmt: skip


def fonts_of_scripts() -> dict[str, str | None]:
    """Return the path of the font for each script; None where no font has its letters."""
    from rendicom.rendering.fonts import font_of

    return {script: font_of(letter) for script, letter in _SAMPLES.items()}
