r"""Converts names of files to text for databases, tables and object stores.

A name may hold bytes that are not UTF-8; Python holds each of them as half of a surrogate pair (PEP
383), which these do not accept. They are written as an escape, ``\udcff``; backslashes of apparent
escapes are doubled, so that the conversion is reversible.
"""

from __future__ import annotations

import re

# Compiled when they are first used: few names need them.
_HALF = r"(\\*)([\ud800-\udfff])|(\\+)(?=ud[89a-f][0-9a-f]{2})"
_ESCAPE = r"(\\+)(ud[89a-f][0-9a-f]{2})"


def escaped(name: str) -> str:
    r"""Return a name as valid Unicode.

    >>> escaped("a\udcff.dcm"), escaped("a\\udcff.dcm"), escaped("a\\b.dcm")
    ('a\\udcff.dcm', 'a\\\\udcff.dcm', 'a\\b.dcm')
    """
    if name.isascii() and "\\ud" not in name:
        return name
    return re.sub(_HALF, _escape, name)


def unescaped(text: str) -> str:
    r"""Return the original of an `escaped` name.

    >>> unescaped(escaped("\\\udcff")) == "\\\udcff", unescaped(escaped("\\udcff"))
    (True, '\\udcff')
    """
    return re.sub(_ESCAPE, _half, text) if "\\ud" in text else text


def _escape(found: re.Match[str]) -> str:
    before, half, slashes = found.groups()
    return f"{before * 2}\\u{ord(half):04x}" if half else slashes * 2


def _half(found: re.Match[str]) -> str:
    slashes, digits = found.groups()
    before = "\\" * (len(slashes) // 2)
    return before + (chr(int(digits[1:], 16)) if len(slashes) % 2 else digits)
