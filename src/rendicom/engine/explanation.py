"""`Explanation`: how a frame would be shown and why, in words and numbers."""

from __future__ import annotations

from rendicom.coded_warnings import CodedWarning
from rendicom.records import NamedTuple


class Explanation(NamedTuple):
    """Description of a picture before it is rendered, for users.

    Attributes
    ----------
    voi
        The chosen VOI transform.
    photometric_interpretation, bits_stored, signed
        Of the decoded frame; a compressed stream wins over the header.
    width, height
        Of the picture.
    warnings
        One sentence each.
    """

    voi: str
    photometric_interpretation: str
    bits_stored: int
    signed: bool
    width: int
    height: int
    warnings: tuple[CodedWarning, ...]
