"""Storing instances on a server (STOW-RS, PS3.18 10.5): what is sent, and what became of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from rendicom.client.connection import host_of
from rendicom.client.models import Model, models_of, number, text
from rendicom.client.refusals import refusal
from rendicom.client.session import Answer
from rendicom.dicomweb.accepts import DICOM_JSON
from rendicom.dicomweb.multipart import MultipartWriter
from rendicom.dicomweb.storing import REASONS
from rendicom.errors import (
    BadRequestError,
    ConflictError,
    RendicomError,
    TooLargeError,
    UnsupportedMediaTypeError,
    WireError,
)

if TYPE_CHECKING:
    from rendicom.client.session import Incoming, Session

__all__ = ["Parcel", "Stored", "parcel_of", "send"]

_PART = "application/dicom"
_CHUNK = 1 << 20
_OF_SOME = frozenset((409, 507))
"""Statuses of requests whose answer says why of each instance."""
_OF_ONE = (BadRequestError, ConflictError, TooLargeError, UnsupportedMediaTypeError)
"""Refusals of a whole request that one instance of it may be the reason of."""
_STORED, _FAILED, _OTHERS = "00081199", "00081198", "0008119A"
_CLASS_UID, _INSTANCE_UID = "00081150", "00081155"
_FAILURE, _WARNING, _URL = "00081197", "00081196", "00081190"


class Parcel(NamedTuple):
    """An instance to be stored.

    Attributes
    ----------
    source
        What a person calls it.
    instance
        Its SOP Instance UID.
    size
        In bytes.
    open
        Returns its bytes as a file, for each attempt anew.
    """

    source: str
    instance: str
    size: int
    open: Callable[[], BinaryIO]


class Stored(NamedTuple):
    """What became of an instance.

    Attributes
    ----------
    error
        Why it is not stored; None where it is.
    warning
        What the server did not take as it was, empty for nothing.
    retrieve_url
        Where it is now, if the server says so.
    """

    parcel: Parcel
    error: RendicomError | None = None
    warning: str = ""
    retrieve_url: str = ""


def parcel_of(source: str, opened: Callable[[], str | BinaryIO]) -> Parcel:
    """Return the parcel for what ``opened`` returns, a path or a file, after a look at what it is.

    Raises
    ------
    NotDicomError, CorruptDataError, UnreadableSourceError
    """
    from rendicom.engine import open_instance

    content = opened()
    with open_instance(content) as instance:
        uid = instance.sop_instance

    def reopened() -> BinaryIO:
        again = opened()
        return Path(again).open("rb") if isinstance(again, str) else again

    if isinstance(content, str):
        return Parcel(source, uid, Path(content).stat().st_size, reopened)
    with content:
        return Parcel(source, uid, content.seek(0, os.SEEK_END), reopened)


def send(session: Session, parcels: Sequence[Parcel], *, study: str = "") -> list[Stored]:
    """Send instances in one request, and return what became of each, in their order.

    Where the server refuses the request for what may be the fault of one of them, each is sent by
    itself.

    Parameters
    ----------
    session
        With the server.
    parcels
        The instances, each with another UID.
    study
        Refuse what is of another study; empty for none.

    Raises
    ------
    WireError, UnreadableSourceError
        The server is not reached, or stores nothing from this client.
    """
    url = session.url(f"/studies/{study}" if study else "/studies")
    try:
        answer = _sent(session, url, parcels)
    except _OF_ONE as error:
        if len(parcels) == 1:
            return [Stored(parcels[0], error)]
        return [each for parcel in parcels for each in send(session, [parcel], study=study)]
    outcomes = _outcomes(session, parcels, answer)
    if len(parcels) == 1:
        return outcomes
    # Of what a server cannot identify it says no more than that there was some.
    return [
        each for found in outcomes
        for each in (send(session, [found.parcel], study=study) if _is_untold(found) else [found])
    ]  # fmt: skip


def _is_untold(found: Stored) -> bool:
    return isinstance(found.error, _UntoldError)


class _UntoldError(WireError):
    """The answer tells of others, and not of this one."""


def _sent(session: Session, url: str, parcels: Sequence[Parcel]) -> Answer:
    writer = MultipartWriter(_PART)
    openings = [writer.opening(parcel.size, _PART) for parcel in parcels]
    length = sum(map(len, openings)) + sum(parcel.size for parcel in parcels) + len(writer.end())
    headers = {
        "Content-Type": writer.content_type, "Content-Length": str(length),
        "Accept": DICOM_JSON, "Accept-Encoding": "identity",
    }  # fmt: skip

    def body() -> Iterator[bytes]:
        for opening, parcel in zip(openings, parcels, strict=True):
            yield opening
            yield from _bytes_of(parcel)
        yield writer.end()

    def read(incoming: Incoming) -> Answer:
        return Answer(incoming.status, incoming.headers, incoming.read(), incoming.url)

    limit = session.connection.limits.text
    return session.exchange(
        "POST", url, headers, read=read, limit=limit, body=body, expected=_OF_SOME
    )


def _bytes_of(parcel: Parcel) -> Iterator[bytes]:
    """Yield just as many bytes as were announced, whatever became of the file since."""
    left = parcel.size
    with parcel.open() as stream:
        while left:
            chunk = stream.read(min(_CHUNK, left))
            if not chunk:
                raise WireError(f"{parcel.source} became shorter while it was sent")
            left -= len(chunk)
            yield chunk


def _outcomes(session: Session, parcels: Sequence[Parcel], answer: Answer) -> list[Stored]:
    """Return what a Store Instances Response says (PS3.18 Annex I.2)."""
    host = host_of(answer.url)
    try:
        models = models_of(answer, host=host)
    except WireError as nonsense:
        # A page to sign in comes with 200, too: nothing says that anything is stored.
        if answer.status not in _OF_SOME:
            return [Stored(parcel, nonsense) for parcel in parcels]
        models = []
    response = models[0] if models else {}
    if answer.status in _OF_SOME and response.keys().isdisjoint((_STORED, _FAILED, _OTHERS)):
        error = refusal(answer.status, answer.body, host, hide=session.hide)
        return [Stored(parcel, error) for parcel in parcels]
    stored = {text(item, _INSTANCE_UID): item for item in _items(response, _STORED)}
    failed = {text(item, _INSTANCE_UID): item for item in _items(response, _FAILED)}
    others = _items(response, _OTHERS)
    if others and len(parcels) == 1 and not (stored or failed):
        failed[parcels[0].instance] = others[0]
    is_told = bool(stored or failed or others)
    return [
        _outcome(parcel, stored.get(parcel.instance), failed.get(parcel.instance),
                 host=host, is_told=is_told)
        for parcel in parcels
    ]  # fmt: skip


def _items(response: Model, tag: str) -> list[Model]:
    attribute = response.get(tag)
    found = attribute.get("Value") if isinstance(attribute, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _outcome(
    parcel: Parcel, stored: Model | None, failed: Model | None, *, host: str, is_told: bool
) -> Stored:
    if stored is not None:
        warning = number(stored, _WARNING)
        return Stored(parcel, None, _reason(warning) if warning else "", text(stored, _URL))
    if failed is not None:
        return Stored(parcel, ConflictError(f"{host}: {_reason(number(failed, _FAILURE))}"))
    if is_told:
        return Stored(parcel, _UntoldError(f"{host} does not say what became of it"))
    # Success without a word: some answer 200 with an empty body.
    return Stored(parcel, warning="the server does not say what it stored")


def _reason(code: int) -> str:
    return f"{REASONS.get(code, 'it is not stored')} (reason {code:04X}H)"
