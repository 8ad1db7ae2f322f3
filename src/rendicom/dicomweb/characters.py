"""Bytes to text by Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1)."""

from __future__ import annotations

from functools import lru_cache

__all__ = ["AFFECTED_VRS", "Repertoire", "repertoire_of"]

AFFECTED_VRS = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))
"""VRs whose text is in the character set of the data set (PS3.5 6.1.2.2)."""
_ESCAPE = 0x1B
_DELIMITERS = frozenset(b"\\^=\n\r\f\t")
"""What ends a designation by escape (PS3.5 6.1.2.5.3)."""


class Repertoire:
    """The character sets of a data set or item."""

    __slots__ = ("_encodings",)

    def __init__(self, encodings: tuple[str, ...] = ("iso8859",)) -> None:
        self._encodings = encodings

    def text(self, data: bytes) -> str:
        """Return what the bytes say; what no character set has becomes U+FFFD.

        The whole value is decoded at once: the second byte of a character may look like a
        backslash.
        """
        if data.isascii() and _ESCAPE not in data:
            return data.decode("ascii")
        from pydicom.charset import decode_bytes

        from rendicom.pixels.datasetattributes import quiet_pydicom

        with quiet_pydicom():
            return decode_bytes(data, list(self._encodings), set(_DELIMITERS))


@lru_cache(maxsize=64)
def repertoire_of(character_set: bytes) -> Repertoire:
    """Return the repertoire for a value of Specific Character Set (0008,0005).

    A name that is not known counts as the default repertoire.
    """
    from pydicom.charset import convert_encodings

    from rendicom.pixels.datasetattributes import pydicom_raises, quiet_pydicom

    names = [name.strip(" \0") for name in character_set.decode("latin-1").split("\\")]
    try:
        with quiet_pydicom():
            return Repertoire(tuple(convert_encodings(names)))
    except pydicom_raises():
        return Repertoire()
