"""Bytes to text by Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1)."""

from __future__ import annotations

from functools import lru_cache

from rendicom.dicom.pydicom_calls import pydicom_raises, quiet_pydicom

AFFECTED_VRS = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))
"""VRs whose text is in the character set of the data set (PS3.5 6.1.2.2)."""
_ESCAPE = 0x1B
_DELIMITERS, _NAME_DELIMITERS = frozenset(b"\\\n\r\f\t"), frozenset(b"^=")
"""Characters that end a designation by escape, in text and in names (PS3.5 6.1.2.5.3)."""
_GB2312 = "\x1b$)A"
"""The escape sequence of ISO 2022 IR 58, which pydicom does not remove."""
_LATIN_9 = {"ISO_IR 203": "iso8859-15", "ISO 2022 IR 203": "iso8859-15"}
"""Names that pydicom's list lacks (PS3.3 C.12.1.1.2)."""
_NOT_FOR_TEXT = frozenset(("idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7"))
"""Encodings of Python that are not for DICOM; some are slow."""


def is_plain(data: bytes) -> bool:
    """Tell whether the bytes are the same text in every character set."""
    return data.isascii() and _ESCAPE not in data


class Repertoire:
    """The character sets of a data set or item."""

    __slots__ = ("_encodings",)

    def __init__(self, encodings: tuple[str, ...] = ("iso8859",)) -> None:
        self._encodings = encodings

    def text(self, data: bytes, vr: str = "LO") -> str:
        """Return the text of an element; bytes that no character set has become U+FFFD.

        The whole value is decoded at once: the second byte of a character may look like a
        backslash.
        """
        if is_plain(data):
            return data.decode("ascii")
        from pydicom.charset import decode_bytes

        delimiters = _DELIMITERS | _NAME_DELIMITERS if vr == "PN" else _DELIMITERS
        with quiet_pydicom():
            text = decode_bytes(data, list(self._encodings), set(delimiters))
        return text.replace(_GB2312, "")


@lru_cache(maxsize=64)
def repertoire_of(character_set: bytes) -> Repertoire:
    """Return the repertoire for a value of Specific Character Set (0008,0005).

    Unknown names count as the default repertoire.
    """
    from pydicom.charset import convert_encodings

    names = [name.strip(" \0") for name in character_set.decode("latin-1").split("\\")]
    try:
        with quiet_pydicom():
            # Names of Python encodings pass; pydicom would take unknown ones for Latin-1.
            encodings = convert_encodings([_LATIN_9.get(name, name) for name in names])
    except pydicom_raises():
        return Repertoire()
    return Repertoire(tuple(name if _is_for_text(name) else "iso8859" for name in encodings))


def _is_for_text(encoding: str) -> bool:
    """Tell whether Python has a text encoding of this name."""
    if encoding.lower().replace("_", "-") in _NOT_FOR_TEXT:
        return False
    try:
        b"a".decode(encoding)
    except (LookupError, UnicodeError):
        return False
    return True
