"""Stores instances on a server (STOW-RS, PS3.18 10.5)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from rendicom.client.connection_settings import host_of
from rendicom.client.error_responses import refusal
from rendicom.client.response_models import Model, models_of, number, text, values
from rendicom.client.session import ResponseStream, ServerResponse
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
    from rendicom.client.session import Session

_PART = "application/dicom"
_CHUNK = 1 << 20
_OF_SOME = frozenset((409, 507))
"""Statuses whose response gives the reason for each instance."""
_OF_ONE = (BadRequestError, ConflictError, TooLargeError, UnsupportedMediaTypeError)
"""Errors of a whole request that a single instance may have caused."""
_STORED, _FAILED, _OTHERS = "00081199", "00081198", "0008119A"
_INSTANCE_UID = "00081155"
_FAILURE, _WARNING, _URL = "00081197", "00081196", "00081190"


class StoreItem(NamedTuple):
    """An instance to be stored."""

    source: str
    """Name in messages."""
    instance: str
    """SOP Instance UID."""
    size: int
    """In bytes."""
    open: Callable[[], BinaryIO]
    """Returns its bytes as a new file for each attempt."""


class StoreResult(NamedTuple):
    """The result of storing one instance."""

    item: StoreItem
    error: RendicomError | None = None
    """Why it is not stored; None if it is."""
    warning: str = ""
    """What the server changed; empty for nothing."""
    retrieve_url: str = ""
    """URL of the stored instance, if the server returns it."""


def store_item(source: str, opened: Callable[[], str | BinaryIO]) -> StoreItem:
    """Return the item for the result of ``opened``, a path or a file, after checking its kind.

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
        return StoreItem(source, uid, Path(content).stat().st_size, reopened)
    with content:
        return StoreItem(source, uid, content.seek(0, os.SEEK_END), reopened)


def send(session: Session, items: Sequence[StoreItem], *, study: str = "") -> list[StoreResult]:
    """Send instances in one request, and return the result of each, in their order.

    If the server refuses the request for a reason that may be one of them, each is sent alone.

    Parameters
    ----------
    session
        The connection to the server.
    items
        The instances, with different UIDs.
    study
        Refuse instances of another study; empty to accept all.

    Raises
    ------
    WireError, UnreadableSourceError
        The server cannot be reached, or does not accept instances of this client.
    """
    url = session.url(f"/studies/{study}" if study else "/studies")
    try:
        answer = _sent(session, url, items)
    except _OF_ONE as error:
        if len(items) == 1:
            return [StoreResult(items[0], error)]
        return [each for item in items for each in send(session, [item], study=study)]
    outcomes = _outcomes(session, items, answer)
    if len(items) == 1:
        return outcomes
    # A server reports instances that it cannot identify without their UIDs.
    told: list[StoreResult] = []
    for each in outcomes:
        is_told = not isinstance(each.error, _UntoldError)
        told += [each] if is_told else send(session, [each.item], study=study)
    return told


class _UntoldError(WireError):
    """The response lists other instances, but not this one."""


def _sent(session: Session, url: str, items: Sequence[StoreItem]) -> ServerResponse:
    writer = MultipartWriter(_PART)
    openings = [writer.opening(item.size, _PART) for item in items]
    length = sum(map(len, openings)) + sum(item.size for item in items) + len(writer.end())
    headers = {
        "Content-Type": writer.content_type, "Content-Length": str(length),
        "Accept": DICOM_JSON, "Accept-Encoding": "identity",
    }  # fmt: skip

    def body() -> Iterator[bytes]:
        for opening, item in zip(openings, items, strict=True):
            yield opening
            yield from _bytes_of(item)
        yield writer.end()

    limit = session.connection.limits.text
    return session.exchange(
        "POST", url, headers, read=ResponseStream.whole, limit=limit, body=body, expected=_OF_SOME
    )


def _bytes_of(item: StoreItem) -> Iterator[bytes]:
    """Yield exactly the announced number of bytes, even if the file has changed."""
    left = item.size
    with item.open() as stream:
        while left:
            chunk = stream.read(min(_CHUNK, left))
            if not chunk:
                raise WireError(f"{item.source} became shorter while it was sent")
            left -= len(chunk)
            yield chunk


def _outcomes(
    session: Session, items: Sequence[StoreItem], answer: ServerResponse
) -> list[StoreResult]:
    """Return the contents of a Store Instances Response (PS3.18 Annex I.2)."""
    host = host_of(answer.url)
    try:
        models = models_of(answer, host=host)
    except WireError as nonsense:
        # A login page has status 200, too: it does not show that anything is stored.
        if answer.status not in _OF_SOME:
            return [StoreResult(item, nonsense) for item in items]
        models = []
    response = models[0] if models else {}
    if answer.status in _OF_SOME and response.keys().isdisjoint((_STORED, _FAILED, _OTHERS)):
        error = refusal(answer.status, answer.body, host, hide=session.hide)
        return [StoreResult(item, error) for item in items]
    stored = {text(item, _INSTANCE_UID): item for item in _items(response, _STORED)}
    failed = {text(item, _INSTANCE_UID): item for item in _items(response, _FAILED)}
    others = _items(response, _OTHERS)
    if others and len(items) == 1 and not (stored or failed):
        failed[items[0].instance] = others[0]
    is_told = bool(stored or failed or others)
    return [
        _outcome(item, stored.get(item.instance), failed.get(item.instance),
                 host=host, is_told=is_told)
        for item in items
    ]  # fmt: skip


def _items(response: Model, tag: str) -> list[Model]:
    return [item for item in values(response, tag) if isinstance(item, dict)]


def _outcome(
    item: StoreItem, stored: Model | None, failed: Model | None, *, host: str, is_told: bool
) -> StoreResult:
    if stored is not None:
        warning = number(stored, _WARNING)
        return StoreResult(item, None, _reason(warning) if warning else "", text(stored, _URL))
    if failed is not None:
        return StoreResult(item, ConflictError(f"{host}: {_reason(number(failed, _FAILURE))}"))
    if is_told:
        return StoreResult(item, _UntoldError(f"{host} does not report its result"))
    # Some servers answer 200 with an empty body.
    return StoreResult(item, warning="the server does not report the stored instances")


def _reason(code: int) -> str:
    return f"{REASONS.get(code, 'it is not stored')} (reason {code:04X}H)"
