"""Manifests read back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from rendicom.batch.manifest.formats import Piece, format_of
from rendicom.batch.manifest.places import journal_of
from rendicom.errors import CorruptDataError, UnreadableSourceError

__all__ = ["read_manifest"]


def read_manifest(location: str) -> Iterator[dict[str, Any]]:
    """Yield the records of a manifest, one at a time and the same from every form of table.

    Parameters
    ----------
    location
        A ``.jsonl``, ``.csv`` or ``.parquet`` file, or the URI of one. What a run that was killed
        left beside it is read as well.

    Yields
    ------
    dict
        A value for each of `COLUMNS`: ``warnings`` is a list of texts; ``frame``, ``width``,
        ``height``, ``bytes``, ``pictures`` and ``source_size`` are whole numbers or None; all else
        is text.

    Raises
    ------
    OptionError
        The extension is unknown, or its library is not installed.
    UnreadableSourceError
        There is no such file, or it cannot be read.
    CorruptDataError
        The file is no manifest, or one of its records is damaged.
    """
    from rendicom.storage import is_uri, normalised

    location = normalised(location)
    if not is_uri(location):
        yield from _all(_beside(location), location)
        return
    from tempfile import TemporaryDirectory

    from rendicom.batch.manifest.remote import fetched

    with TemporaryDirectory(prefix="rendicom-manifest-") as folder:
        yield from _all(fetched(location, folder), location)


def _beside(location: str) -> list[Piece]:
    form = format_of(location)
    journal, journal_form = journal_of(location, form)
    places = dict.fromkeys([Piece(location, form), Piece(journal, journal_form)])
    return [piece for piece in places if os.path.exists(piece.path)]


def _all(pieces: list[Piece], location: str) -> Iterator[dict[str, Any]]:
    if not pieces:
        raise UnreadableSourceError(f"{location} does not exist")
    for piece in pieces:
        yield from _records(piece)


def _records(piece: Piece) -> Iterator[dict[str, Any]]:
    try:
        with open(piece.path, "rb") as stream:
            if not piece.form.is_own(stream):
                raise CorruptDataError(f"{piece.path} is no manifest of Rendicom's")
            stream.seek(0)
            for number, record in enumerate(piece.form.records(stream), 1):
                if record is None:
                    raise CorruptDataError(f"record {number} of {piece.path} is damaged")
                yield record
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnreadableSourceError(f"cannot read {piece.path}: {reason}") from error
