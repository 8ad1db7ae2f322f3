"""``rendicom store``: sends files and folders to a DICOMweb server (STOW-RS)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from rendicom.cli import exitcodes
from rendicom.cli.console import complain, counted, print_json
from rendicom.cli.flags import Flag, FlagCommand, paths_argument
from rendicom.cli.remoteflags import SECRETS, connection_flags, reached
from rendicom.errors import NotDicomError, RendicomError, UnreadableSourceError

if TYPE_CHECKING:
    from rendicom.client.session import Session
    from rendicom.client.store_instances import StoreItem, StoreResult

_HELP = f"""\
Store DICOM files on a DICOMweb server (STOW-RS).

URL names the server, or the study that all instances must belong to. FILE may also be a folder, an
archive or a DICOMDIR: files in it that are not DICOM are skipped. Files are sent unchanged.

An instance can safely be sent again. Exit status: 0 if all are stored, 1 if some are not.

{SECRETS}"""

_EXAMPLES = """\
\b
Examples:
  rendicom store https://pacs/dicomweb scan.dcm
  rendicom store https://pacs/dicomweb study/ --api-key @key.txt
  rendicom store https://pacs/dicomweb archive.zip --json > stored.jsonl
"""
_MOST_INSTANCES, _MOST_BYTES = 50, 32 << 20
"""Largest request: servers keep it in memory, and an interrupted one is sent again."""


def store(
    url: str,
    files: tuple[str, ...],
    *,
    follow_links: bool,
    jobs: int,
    is_json: bool,
    is_verbose: bool,
    **more: Any,
) -> int:
    """Run the command and return its exit status."""
    address, connection = reached(url, more)
    if address.is_wado_uri or address.resource.series:
        raise click.UsageError("instances are stored on a server, or in a study of it")
    from rendicom.client.session import Session

    session = Session(connection)
    told = _Report(is_json=is_json, is_verbose=is_verbose)
    try:
        items = _store_items(files, told, follow_links=follow_links)
        _send_all(session, items, told, study=address.resource.study, jobs=jobs)
    finally:
        session.close()
    return told.summarise()


class _Report:
    """Reports the outcome of each instance, and counts."""

    def __init__(self, *, is_json: bool, is_verbose: bool) -> None:
        self._is_json, self._is_verbose = is_json, is_verbose
        self.stored = self.failed = 0

    def outcome(self, found: StoreResult) -> None:
        item = found.item
        if found.error is not None:
            self.failure(item.source, found.error, instance=item.instance)
            return
        self.stored += 1
        if self._is_json:
            print_json({
                "source": item.source, "status": "stored", "instance": item.instance,
                "retrieve_url": found.retrieve_url, "warning": found.warning,
            })  # fmt: skip
        elif found.warning or self._is_verbose:
            complain(found.warning or "stored", about=item.source)

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
            complain("nothing to store: it holds no DICOM file")
            return exitcodes.FAILED
        failed = f", {self.failed} failed" if self.failed else ""
        complain(f"{counted(self.stored, 'instance')} stored{failed}")
        return exitcodes.FAILED if self.failed else exitcodes.OK


def _store_items(
    files: tuple[str, ...], told: _Report, *, follow_links: bool
) -> Iterator[StoreItem]:
    """Yield the instances in files, folders and archives; report those that cannot be read."""
    from rendicom.batch.outcomes import Ignored
    from rendicom.batch.output_paths import find
    from rendicom.batch.sources import open_unit
    from rendicom.client.store_instances import store_item
    from rendicom.dicom.folder_walk import Unreadable

    for entry in find(files, "", extension=".dcm", follow_links=follow_links):
        if isinstance(entry, Unreadable):
            told.failure(entry.source, UnreadableSourceError(entry.reason))
        if isinstance(entry, (Ignored, Unreadable)):
            continue
        try:
            yield store_item(entry.source, partial(open_unit, entry))
        except NotDicomError as error:
            if entry.is_known or entry.source in files:
                told.failure(entry.source, error)
        except RendicomError as error:
            told.failure(entry.source, error)


def _send_all(
    session: Session, items: Iterator[StoreItem], told: _Report, *, study: str, jobs: int
) -> None:
    """Send requests of several instances, a few concurrently, and report in order."""
    from rendicom.client.store_instances import send

    with ThreadPoolExecutor(jobs, thread_name_prefix="rendicom-store") as executor:
        under_way: deque[tuple[list[StoreItem], Future[list[StoreResult]]]] = deque()
        try:
            for group in _groups(items):
                # Of files with the same instance, the first one is stored.
                names = {item.instance for item in group}
                while any(each.instance in names for sent, _ in under_way for each in sent):
                    _finish(under_way, told)
                under_way.append((group, executor.submit(send, session, group, study=study)))
                if len(under_way) > jobs:
                    _finish(under_way, told)
            while under_way:
                _finish(under_way, told)
        except RendicomError:
            # A server that refuses one request as a whole refuses the others.
            executor.shutdown(wait=False, cancel_futures=True)
            session.close()
            for group, _future in under_way:
                told.failed += len(group)
            told.summarise()
            raise


def _finish(
    under_way: deque[tuple[list[StoreItem], Future[list[StoreResult]]]], told: _Report
) -> None:
    _group, future = under_way[0]
    for outcome in future.result():
        told.outcome(outcome)
    under_way.popleft()


def _groups(items: Iterable[StoreItem]) -> Iterator[list[StoreItem]]:
    """Yield the instances of each request, every instance once per request."""
    group: list[StoreItem] = []
    size, known = 0, set[str]()
    for item in items:
        is_full = len(group) == _MOST_INSTANCES or size + item.size > _MOST_BYTES
        if group and (is_full or item.instance in known):
            yield group
            group, size, known = [], 0, set()
        group.append(item)
        known.add(item.instance)
        size += item.size
    if group:
        yield group


command = FlagCommand(
    "store",
    params=[
        click.Argument(["url"], metavar="URL"),
        paths_argument("files", "FILE..."),
        Flag("--follow-links", is_flag=True,
             help="Follow symbolic links that lead outside a folder."),
        Flag("--jobs", type=click.IntRange(min=1), default=4, metavar="N",
             help="Number of concurrent requests.  [default: 4]"),
        Flag("is_json --json", is_flag=True, help="Print one JSON line per instance."),
        Flag("is_verbose -v --verbose", is_flag=True, help="Report each instance."),
        *connection_flags(),
    ],
    callback=store,
    help=_HELP,
    short_help="Store files on a DICOMweb server.",
    epilog=_EXAMPLES,
)  # fmt: skip
