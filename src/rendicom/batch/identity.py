"""What an instance is, for names, filters and the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.batch.units import Identity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rendicom.batch.origin import Subject
    from rendicom.pixels.bytesource import ByteSource, Readable

__all__ = ["hash_of", "identity_of", "patient_fields"]

_STUDY, _SERIES, _INSTANCE = 0x0020000D, 0x0020000E, 0x00080018
_MODALITY, _SERIES_NUMBER, _INSTANCE_NUMBER = 0x00080060, 0x00200011, 0x00200013
_BURNED_IN = 0x00280301
_LONGEST_UID = 128
"""Twice what PS3.5 9.1 allows, for those that are longer and still tell instances apart."""
_LONGEST = 32
_LONGEST_PATIENT_FIELD = 1024


def identity_of(instance: Subject) -> Identity:
    """Return what the header says an instance is; no value in it is a patient's.

    Of several values the first counts. Whatever a file holds there becomes printable ASCII of at
    most 128 characters; what is cut ends in a hash of the whole.
    """
    text = instance.header.attributes.text
    return Identity(
        study=_plain(text(_STUDY), _LONGEST_UID),
        series=_plain(text(_SERIES), _LONGEST_UID),
        instance=_plain(text(_INSTANCE), _LONGEST_UID),
        modality=_plain(text(_MODALITY), _LONGEST),
        series_number=_plain(text(_SERIES_NUMBER), _LONGEST),
        instance_number=_plain(text(_INSTANCE_NUMBER), _LONGEST),
        burned_in=_plain(text(_BURNED_IN), _LONGEST),
        has_pixels=instance.header.pixel is not None,
    )


def patient_fields(source: Readable | ByteSource, keywords: Iterable[str]) -> dict[str, str]:
    """Return the first value of each attribute of a file, empty where it has none.

    These may be a patient's: for names alone, and only when somebody allowed it. The file is
    read once more, since no other reading of a header touches them.

    Raises
    ------
    UnreadableSourceError, NotDicomError, CorruptDataError, LimitExceededError
    """
    from rendicom.pixels.bytesource import ByteSource, open_source
    from rendicom.pixels.headerpydicom import read_texts

    opened = source if isinstance(source, ByteSource) else open_source(source)
    try:
        values = read_texts(opened, keywords)
    finally:
        opened.close()
    return {keyword: value[:_LONGEST_PATIENT_FIELD] for keyword, value in values.items()}


def hash_of(text: str) -> str:
    """Return eight hexadecimal digits that tell long texts apart once they are cut."""
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _plain(text: str, most: int) -> str:
    if not (text.isascii() and text.isprintable()):
        text = "".join(letter if " " <= letter <= "~" else "_" for letter in text)
    text = text.strip()
    return text if len(text) <= most else f"{text[: most - 9]}-{hash_of(text)}"
