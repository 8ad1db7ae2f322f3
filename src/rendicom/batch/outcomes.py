"""Outcomes of a conversion, one named tuple for each kind.

Named tuples and not dataclasses, which take seven times as long to define.
"""

from __future__ import annotations

from typing import Any, Literal

from rendicom.coded_warnings import codes_of
from rendicom.dicom.file_kind import Ignored
from rendicom.errors import NoPixelDataError, NotDicomError, RendicomError
from rendicom.records import NamedTuple

__all__ = [
    "NO_PIXELS",
    "Failed",
    "Filtered",
    "Ignored",
    "NoPixels",
    "Notice",
    "Outcome",
    "Planned",
    "Skipped",
    "Written",
    "columns_of",
    "digest_of",
    "failure",
]


NO_PIXELS = "no-pixels"
"""Status of an object that is not an image, in a run over many."""


class Written(NamedTuple):
    """One picture or document, written. ``output`` is None where ``data`` holds the bytes instead.

    ``frame`` is None for an animation; width and height are None for a document; ``size`` is in
    bytes; ``digest`` is the BLAKE2b-256 of the bytes in hexadecimal digits, if requested.

    Examples
    --------
    >>> seen = []
    >>> summary = rendicom.convert("ct.dcm", "out/", engine="inline", on_result=seen.append)
    >>> isinstance(seen[0], Written), seen[0].media_type, seen[0].width
    (True, 'image/jpeg', 128)
    """

    source: str
    output: str | None
    frame: int | None
    width: int | None
    height: int | None
    media_type: str
    size: int
    voi: str
    warnings: tuple[str, ...]
    data: bytes = b""
    digest: str = ""


class Skipped(NamedTuple):
    """A picture that was there already."""

    source: str
    output: str
    frame: int | None


class Failed(NamedTuple):
    """A failed source, or one failed frame of it; ``code`` and ``hint`` are those of the error.

    Examples
    --------
    >>> summary = rendicom.convert("missing.dcm", "out/", engine="inline")
    >>> [(each.source, each.code) for each in summary.failures]
    [('missing.dcm', 'cannot-read')]
    """

    source: str
    frame: int | None
    code: str
    message: str
    hint: str = ""


class Notice(NamedTuple):
    """Information about a source; nothing went wrong."""

    source: str
    about: Literal["frames", "overlays", "presentation", "rendering"]
    text: str


class Planned(NamedTuple):
    """A picture that would be written; ``exists`` tells whether its file exists already."""

    source: str
    output: str
    frame: int | None
    exists: bool


class NoPixels(NamedTuple):
    """One of many sources that is not an image; ``is_document`` tells whether it can be a document.

    ``code``, ``message`` and ``hint`` are those of the error if it were the only source.
    """

    source: str
    message: str
    hint: str = ""
    is_document: bool = False
    code: str = NoPixelDataError.code


class Filtered(NamedTuple):
    """A source that the filters exclude."""

    source: str
    reason: str


Outcome = Written | Skipped | Failed | Notice | Planned | NoPixels | Filtered | Ignored
"""What `convert` hands to ``on_result``; each has a ``source``."""


def columns_of(outcome: Outcome) -> dict[str, Any] | None:
    """Return an outcome as in ``--json`` and the manifest, less its source; None for a notice."""
    match outcome:
        case Written():
            return {
                "output": outcome.output or "",
                "frame": outcome.frame,
                "status": "ok",
                "width": outcome.width,
                "height": outcome.height,
                "media_type": outcome.media_type,
                "bytes": outcome.size,
                "voi": outcome.voi,
                "warnings": list(outcome.warnings),
                "warning_codes": codes_of(outcome.warnings),
                "digest": outcome.digest,
            }
        case Skipped():
            return {"output": outcome.output, "frame": outcome.frame, "status": "skipped"}
        case Failed():
            return {
                "frame": outcome.frame,
                "status": "failed",
                "code": outcome.code,
                "message": outcome.message,
                "hint": outcome.hint,
            }
        case Planned():
            return {
                "output": outcome.output,
                "frame": outcome.frame,
                "status": "planned",
                "exists": outcome.exists,
            }
        case NoPixels():
            return {
                "status": NO_PIXELS,
                "code": outcome.code,
                "message": outcome.message,
                "hint": outcome.hint,
            }
        case Filtered():
            return {"status": "filtered", "reason": outcome.reason}
        case Ignored():
            code = "hidden" if outcome.what == "hidden" else NotDicomError.code
            return {"status": "ignored", "code": code, "message": f"is {outcome.what}"}
        case _:
            return None


def failure(source: str, error: RendicomError, *, frame: int | None = None) -> Failed:
    """Return the outcome for ``error``."""
    number = error.frame if error.frame is not None else frame
    return Failed(source, number, error.code, error.message, error.hint)


def digest_of(data: bytes) -> str:
    """Return the BLAKE2b-256 of the bytes in hexadecimal digits."""
    import hashlib

    # Three times as fast as SHA-256 on processors without instructions for that.
    return hashlib.blake2b(data, digest_size=32).hexdigest()
