"""``rendicom store``: files and folders to a DICOMweb server (STOW-RS), with a result for each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from rendicom.cli import exitcodes
from rendicom.cli.console import complain, counted, print_json
from rendicom.cli.flags import FlagCommand
from rendicom.cli.remoteflags import SECRETS, ConnectionFlags, connection_flags, reached
from rendicom.errors import NotDicomError, RendicomError, UnreadableSourceError

if TYPE_CHECKING:
    from rendicom.client.session import Session
    from rendicom.client.storing import Parcel, Stored

__all__ = ["command"]

_HELP = f"""\
Store DICOM files on a DICOMweb server (STOW-RS).

URL is that of the server, or of the study that all instances have to be of. FILE may be a folder,
an archive or a DICOMDIR, too: what is no DICOM in there is passed over. Files are sent as they are.

To send an instance again does no harm. Exit status: 0 when all are stored, 1 when some are not.

{SECRETS}"""

_EXAMPLES = """\
\b
Examples:
  rendicom store https://pacs/dicomweb scan.dcm
  rendicom store https://pacs/dicomweb study/ --api-key @key.txt
  rendicom store https://pacs/dicomweb archive.zip --json > stored.jsonl
"""
_MOST_INSTANCES, _MOST_BYTES = 50, 32 << 20
"""Of one request: a server keeps it in memory, and one that breaks off is sent again."""


def store(
    url: str, files: tuple[str, ...], *, jobs: int, is_json: bool, is_verbose: bool, **more: Any
) -> int:
    """Run the command and return its exit status."""
    address, connection = reached(url, ConnectionFlags.taken_from(more))
    if address.is_wado_uri or address.resource.series:
        raise click.UsageError("instances are stored on a server, or in a study of it")
    from rendicom.client.session import Session

    session = Session(connection)
    told = _Told(is_json=is_json, is_verbose=is_verbose)
    try:
        _send_all(session, _parcels(files, told), told, study=address.resource.study, jobs=jobs)
    finally:
        session.close()
    return told.summarise()


class _Told:
    """Tells what became of each instance, and counts."""

    def __init__(self, *, is_json: bool, is_verbose: bool) -> None:
        self._is_json, self._is_verbose = is_json, is_verbose
        self.stored = self.failed = 0

    def outcome(self, found: Stored) -> None:
        parcel = found.parcel
        if found.error is not None:
            self.failure(parcel.source, found.error, instance=parcel.instance)
            return
        self.stored += 1
        if self._is_json:
            print_json({
                "source": parcel.source, "status": "stored", "instance": parcel.instance,
                "retrieve_url": found.retrieve_url, "warning": found.warning,
            })  # fmt: skip
        elif found.warning or self._is_verbose:
            complain(found.warning or "stored", about=parcel.source)

    def failure(self, source: str, error: RendicomError, *, instance: str = "") -> None:
        self.failed += 1
        if self._is_json:
            print_json({
                "source": source, "status": "failed", "instance": instance, "code": error.code,
                "message": error.message, "hint": error.hint,
            })  # fmt: skip
        else:
            complain(error.message, about=source, hint=error.hint)

    def summarise(self) -> int:
        if not (self.stored or self.failed):
            complain("nothing to store: no DICOM file is in there")
            return exitcodes.FAILED
        failed = f", {self.failed} failed" if self.failed else ""
        complain(f"{counted(self.stored, 'instance')} stored{failed}")
        return exitcodes.FAILED if self.failed else exitcodes.OK


def _parcels(files: tuple[str, ...], told: _Told) -> Iterator[Parcel]:
    """Yield the instances in files, folders and archives; tell of those that cannot be read."""
    from rendicom.batch.sources import Ignored, Unreadable, find, open_unit
    from rendicom.client.storing import parcel_of

    for entry in find(files, "", extension=".dcm"):
        if isinstance(entry, Unreadable):
            told.failure(entry.source, UnreadableSourceError(entry.reason))
        if isinstance(entry, (Ignored, Unreadable)):
            continue
        try:
            yield parcel_of(entry.source, partial(open_unit, entry))
        except NotDicomError as error:
            if entry.is_known or entry.source in files:
                told.failure(entry.source, error)
        except RendicomError as error:
            told.failure(entry.source, error)


def _send_all(
    session: Session, parcels: Iterator[Parcel], told: _Told, *, study: str, jobs: int
) -> None:
    """Send in requests of some instances each, few under way at once, and tell in their order."""
    from rendicom.client.storing import send

    with ThreadPoolExecutor(jobs, thread_name_prefix="rendicom-store") as executor:
        under_way: deque[tuple[list[Parcel], Future[list[Stored]]]] = deque()
        try:
            for group in _groups(parcels):
                under_way.append((group, executor.submit(send, session, group, study=study)))
                if len(under_way) > jobs:
                    _finish(under_way, told)
            while under_way:
                _finish(under_way, told)
        except RendicomError:
            # What refuses one request as a whole refuses the others.
            executor.shutdown(wait=False, cancel_futures=True)
            session.close()
            for group, _future in under_way:
                told.failed += len(group)
            told.summarise()
            raise


def _finish(under_way: deque[tuple[list[Parcel], Future[list[Stored]]]], told: _Told) -> None:
    _group, future = under_way[0]
    for outcome in future.result():
        told.outcome(outcome)
    under_way.popleft()


def _groups(parcels: Iterable[Parcel]) -> Iterator[list[Parcel]]:
    """Yield instances by the request; an instance stands only once in each."""
    group: list[Parcel] = []
    size, known = 0, set[str]()
    for parcel in parcels:
        is_full = len(group) == _MOST_INSTANCES or size + parcel.size > _MOST_BYTES
        if group and (is_full or parcel.instance in known):
            yield group
            group, size, known = [], 0, set()
        group.append(parcel)
        known.add(parcel.instance)
        size += parcel.size
    if group:
        yield group


def _flags() -> list[click.Parameter]:
    return [
        click.Argument(["url"], metavar="URL"),
        click.Argument(["files"], nargs=-1, required=True, metavar="FILE..."),
        click.Option(
            ["jobs", "--jobs"], type=click.IntRange(min=1), default=4, metavar="N",
            help="Requests under way at once.  [default: 4]",
        ),
        click.Option(
            ["is_json", "--json"], is_flag=True, help="Print one JSON line for each instance."
        ),
        click.Option(["is_verbose", "-v", "--verbose"], is_flag=True, help="Tell of each."),
        *connection_flags(),
    ]  # fmt: skip


command = FlagCommand(
    "store",
    params=_flags(),
    callback=store,
    help=_HELP,
    short_help="Store files on a DICOMweb server.",
    epilog=_EXAMPLES,
)
