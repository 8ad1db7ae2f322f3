"""What is found in an archive."""

from __future__ import annotations

from typing import NamedTuple

from rendicom.batch.units import Member

__all__ = ["MAX_MEMBER_BYTES", "TOO_LARGE", "Broken", "Inside", "Other", "Refused", "Seen"]

MAX_MEMBER_BYTES = 2 << 30
"""What a compressed member may hold: it is unpacked into memory."""

TOO_LARGE = f"holds more than {MAX_MEMBER_BYTES >> 30} GiB: unpack it first"


class Inside(NamedTuple):
    """A DICOM file in an archive; ``name`` is as in the archive, so it may be anything."""

    name: str
    member: Member


class Other(NamedTuple):
    """A file in an archive that is no DICOM instance."""

    name: str


class Refused(NamedTuple):
    """A file in an archive that cannot be read."""

    name: str
    reason: str


class Broken(NamedTuple):
    """The archive ends here, other than it should."""

    reason: str


Seen = Inside | Other | Refused | Broken
