"""Finds fonts: that of an installed package, those that a user names, and those of the system."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

FontFile = str
"""Path of a TrueType or OpenType file."""

_VARIABLE = "RENDICOM_FONTS"
"""Environment variable: font files and folders, separated as in PATH. They precede the system's."""
_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_SKIPPED = re.compile(r"last-?resort|adobe-?blank|\.notdef", re.IGNORECASE)
"""Fonts that have a placeholder for every character."""
_SPECIAL = re.compile(
    r"bold|ital|obli|mono|serif|narrow|cond|thin|light|medium|heavy|black|symbol|emoji|math",
    re.IGNORECASE,
)
"""Names of styles that are used only where no plain font has a character."""
_WEIGHT = 500
"""Medium: thin strokes of small letters would be gray."""
_PROBE_SIZE = 24
_NEVER_ASSIGNED = "\U0010ffff"
_INVISIBLE = ("Cf", "Zs")


@cache
def base_font() -> FontFile:
    """Return Arimo, which covers Latin, Greek, Cyrillic and Hebrew."""
    return str(resources.files("fontpkg_arimo") / "files" / "Arimo[wght].ttf")


@lru_cache(maxsize=64)
def font_at(path: FontFile, size: float) -> FreeTypeFont:
    """Return a font of ``size`` pixels, with Raqm's layout where Pillow has it."""
    from PIL import ImageFont

    font = ImageFont.truetype(path, size)
    if path == base_font():
        font.set_variation_by_axes([_WEIGHT])
    return font


@lru_cache(maxsize=4096)
def font_of(character: str) -> FontFile | None:
    """Return the first font that has the character, or None."""
    if has_glyph(base_font(), character):
        return base_font()
    return next((path for path in _other_fonts() if has_glyph(path, character)), None)


@lru_cache(maxsize=1 << 14)
def has_glyph(path: FontFile, character: str) -> bool:
    """Return whether a font has a character: its glyph is not that of unassigned characters."""
    if _is_invisible(character):
        return True
    try:
        font, missing = _probe(path)
        glyph = bytes(font.getmask(character))
    except (OSError, ValueError):
        return False
    return any(glyph) and glyph != missing


def _is_invisible(character: str) -> bool:
    is_selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return is_selector or unicodedata.category(character) in _INVISIBLE


@lru_cache(maxsize=1024)
def _probe(path: FontFile) -> tuple[FreeTypeFont, bytes]:
    from PIL import ImageFont

    font = ImageFont.truetype(path, _PROBE_SIZE, layout_engine=ImageFont.Layout.BASIC)
    return font, bytes(font.getmask(_NEVER_ASSIGNED))


@cache
def _other_fonts() -> tuple[FontFile, ...]:
    """Return all fonts but the base font, preferred ones first."""
    named = map(Path, filter(None, os.environ.get(_VARIABLE, "").split(os.pathsep)))
    groups = (named, _package_folders(), _system_folders())
    return tuple(str(path) for places in groups for path in sorted(_files(places), key=_preference))


def _preference(path: Path) -> tuple[bool, Path]:
    return bool(_SPECIAL.search(path.name)), path


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        found = [place] if place.is_file() else place.rglob("*")
        for path in found:
            if path.suffix.lower() in _SUFFIXES and not _SKIPPED.search(path.name):
                yield path


def _package_folders() -> Iterator[Path]:
    """Yield the folders of installed font packages (``fontpkg-noto-sans-thai`` and others)."""
    from importlib.metadata import entry_points

    for package in entry_points(group="fontpkg.family"):
        yield Path(str(resources.files(package.module)))


def _system_folders() -> Iterator[Path]:
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  # never raises
    if sys.platform == "win32":
        yield Path(os.environ.get("WINDIR", r"C:\Windows"), "Fonts")
        yield home / "AppData/Local/Microsoft/Windows/Fonts"
    elif sys.platform == "darwin":
        yield from (Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts")
    else:
        shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
        folders = (os.environ.get("XDG_DATA_HOME") or home / ".local/share", *shared.split(":"))
        yield from (Path(folder, "fonts") for folder in folders)
        yield home / ".fonts"
