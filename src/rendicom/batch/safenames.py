"""Makes names from archives and addresses safe as paths below a target."""

from __future__ import annotations

import re

UNNAMED = "unnamed"
"""Replacement for a name without any safe character."""

# Patterns are compiled when they are first used: most runs never need them.
_SEPARATORS = r"[/\\]+"
_DRIVE = r"\A[A-Za-z]:"
# Characters that Windows forbids, controls, and surrogates, which macOS forbids.
_FORBIDDEN = '[<>:"|?*\\\\/\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]'
_UNPRINTABLE = "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
# Windows opens a device for these, whatever follows the first dot.
_DEVICE = r"(?i)\A(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|COM[0-9¹²³]|LPT[0-9¹²³])(\..*)?\Z"
_LONGEST_PART = 200
"""Bytes in UTF-8: file systems hold 255, and a frame number and an extension follow."""
_LONGEST_PATH = 1000


def safe_parts(name: str) -> tuple[str, ...]:
    r"""Return the parts of a path that stays inside its folder on every system; at least one.

    Roots, drives and ``..`` are dropped, unsafe characters are replaced. Very long paths keep their
    end.

    >>> safe_parts("../../etc/x"), safe_parts("C:\\a\\..\\b.dcm"), safe_parts("a//./CON.dcm ")
    (('etc', 'x'), ('a', 'b.dcm'), ('a', '_CON.dcm'))
    """
    raw = re.split(_SEPARATORS, re.sub(_DRIVE, "", name))
    parts = [_safe(part) for part in raw if part.strip(" .")]
    length = 0
    for position, part in enumerate(reversed(parts)):
        length += len(part.encode()) + 1
        if length > _LONGEST_PATH:
            parts = parts[len(parts) - position :]
            break
    return tuple(parts) or (UNNAMED,)


def _safe(part: str) -> str:
    # Windows drops spaces and dots at the end.
    part = re.sub(_FORBIDDEN, "_", part).rstrip(" .").lstrip(" ")
    if re.match(_DEVICE, part):
        part = f"_{part}"
    return shortened(part) or UNNAMED


def shortened(part: str, most: int = _LONGEST_PART) -> str:
    """Return part of a path in a limited number of bytes of UTF-8; a shortened one ends in a hash.

    The hash is of the whole part, so that different parts get different names.
    """
    if len(part) <= most and len(_bytes(part)) <= most:
        return part
    # A byte of a name that is not UTF-8 counts as three: a store may need them.
    start, left = 0, most - 9
    while start < len(part) and (left := left - len(_bytes(part[start]))) >= 0:
        start += 1
    return f"{part[:start].rstrip(' .')}-{hash_of(part)}"


def hash_of(text: str) -> str:
    """Return eight hexadecimal digits that distinguish long texts once they are cut."""
    import hashlib

    return hashlib.sha256(_bytes(text)).hexdigest()[:8]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def shown(name: str) -> str:
    """Return a name for display on one line, without control characters."""
    return re.sub(_UNPRINTABLE, "\ufffd", name)
