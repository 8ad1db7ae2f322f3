"""``rendicom find``: a search of a DICOMweb server (QIDO-RS), as a table, JSON or CSV."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import click

from rendicom.cli import exitcodes
from rendicom.cli.console import complain, print_json, print_table, printable
from rendicom.cli.flags import Flag, FlagCommand, NearestChoice
from rendicom.cli.remoteflags import (
    SECRETS,
    connection_flags,
    match_flags,
    matches_of,
    reached,
    was_ignored,
)
from rendicom.dicom.uids import class_name
from rendicom.errors import OptionError

if TYPE_CHECKING:
    from rendicom.client.resource_urls import Address
    from rendicom.client.response_models import Model
    from rendicom.client.searching import SearchRequest
    from rendicom.dicomweb.search_parameters import SearchLevel

_HELP = f"""\
Search a DICOMweb server (QIDO-RS).

URL names a server, a study or a series. The level below it is listed unless --level names another.
The URL may contain a query (?PatientID=4711).

The result is a table; with --json a line of DICOM JSON for each match, with --csv a row. It
contains patient data as the server returns it. Exit status: 0 also if nothing matches.

{SECRETS}"""

_EXAMPLES = """\
\b
Examples:
  rendicom find https://pacs/dicomweb --match PatientName='DOE*' --match StudyDate=20260101-
  rendicom find https://pacs/dicomweb --level series --modality CT --limit 20
  rendicom find https://pacs/dicomweb/studies/1.2.3 --csv > series.csv
  rendicom find https://pacs/dicomweb --include PatientBirthDate --json | jq .
"""
_ROWS = 100
"""Rows of a table without ``--limit``."""
_WIDEST = 40
"""Widest column in characters; UIDs are shown in full."""
_TITLES = {
    "ModalitiesInStudy": "Modalities",
    "NumberOfStudyRelatedSeries": "Series",
    "NumberOfStudyRelatedInstances": "Instances",
    "NumberOfSeriesRelatedInstances": "Instances",
    "NumberOfFrames": "Frames",
    "SOPClassUID": "SOPClass",
}
"""Short column headings, by keyword."""
_BELOW: dict[str, SearchLevel] = {"": "studies", "study": "series", "series": "instances"}


def find(
    url: str,
    *,
    level: SearchLevel | None,
    match: tuple[str, ...],
    modality: str,
    include: tuple[str, ...],
    limit: int | None,
    offset: int,
    is_fuzzy: bool,
    form: str,
    **more: Any,
) -> int:
    """Run the command and return its exit status."""
    address, connection = reached(url, more)
    if address.is_wado_uri:
        raise click.UsageError("a WADO-URI link searches nothing: give the URL of a server")
    asked = _asked(address, level, matches_of(match), modality, include)
    limit = limit or address.limit
    asked = asked._replace(limit=limit, offset=offset or address.offset, is_fuzzy=is_fuzzy)
    from rendicom.client.matching import MatchReport
    from rendicom.client.server import Server

    server, report = Server(connection), MatchReport()
    try:
        if form == "json":
            for model in server.search(asked, report):
                print_json(dict(model))
        elif form == "csv":
            _print_csv(server.search(asked, report), _columns(asked))
        else:
            wanted = asked if limit is not None else asked._replace(limit=_ROWS + 1)
            _print_table(server.search(wanted, report), _columns(asked), limit=limit)
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    finally:
        server.close()
    return exitcodes.FAILED if was_ignored(report, server.host) else exitcodes.OK


def _asked(
    address: Address,
    level: SearchLevel | None,
    matches: tuple[tuple[str, str], ...],
    modality: str,
    include: tuple[str, ...],
) -> SearchRequest:
    from rendicom.client.columns import COLUMNS, keyword_of
    from rendicom.client.searching import SearchRequest

    below = address.resource
    if below.instance:
        raise click.UsageError("an instance has no lower level to search")
    place = "series" if below.series else "study" if below.study else ""
    chosen = level or cast("SearchLevel", address.level)
    order: tuple[SearchLevel, ...] = ("studies", "series", "instances")
    if order.index(chosen) < order.index(_BELOW[place]):
        raise click.UsageError(f"--level {chosen}: the URL is already below that")
    if modality:
        name = "ModalitiesInStudy" if chosen == "studies" else "Modality"
        matches = (*matches, (name, modality.upper()))
    try:
        wanted = tuple(keyword_of(each) for name in include for each in name.split(","))
    except OptionError as error:
        raise click.UsageError(f"--include: {error}") from None
    beyond = tuple(name for name in COLUMNS[chosen] if name not in wanted)
    return SearchRequest(chosen, below, (*address.matches, *matches), (*wanted, *beyond))


def _columns(asked: SearchRequest) -> tuple[str, ...]:
    """Return the keywords of the columns: requested ones precede the UIDs."""
    from rendicom.client.columns import COLUMNS

    usual = COLUMNS[asked.level]
    named = {"StudyInstanceUID": asked.below.study, "SeriesInstanceUID": asked.below.series}
    shown = [name for name in usual if not named.get(name)]
    wanted = [name for name in asked.include if name not in usual]
    first_uid = next(at for at, name in enumerate(shown) if name.endswith("InstanceUID"))
    return (*shown[:first_uid], *wanted, *shown[first_uid:])


def _print_csv(models: Iterable[Model], columns: tuple[str, ...]) -> None:
    import csv

    from rendicom.client.columns import row

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for model in models:
        writer.writerow(row(model, columns))


def _print_table(models: Iterator[Model], columns: tuple[str, ...], *, limit: int | None) -> None:
    from rendicom.client.columns import row

    found = list(islice(models, limit or _ROWS + 1))
    is_cut = limit is None and len(found) > _ROWS
    rows = [tuple(map(_cell, columns, row(model, columns))) for model in found[: limit or _ROWS]]
    if not rows:
        complain("nothing matches")
        return
    # Attributes that no result has get no column.
    kept = [at for at in range(len(columns)) if any(line[at] for line in rows)]
    table = [
        tuple(_TITLES.get(columns[at], columns[at]) for at in kept),
        *(tuple(line[at] for at in kept) for line in rows),
    ]
    print_table(table)
    if is_cut:
        complain(f"there are more than these {_ROWS} (--limit or --csv)")


def _cell(column: str, text: str) -> str:
    if column == "SOPClassUID":
        text = class_name(text) or text
    shown = printable(text)
    if column.endswith("InstanceUID") or len(shown) <= _WIDEST:
        return shown
    return shown[: _WIDEST - 3] + "..."


command = FlagCommand(
    "find",
    params=[
        click.Argument(["url"], metavar="URL"),
        Flag("--level", type=NearestChoice(["studies", "series", "instances"]),
             help="Level to list.  [default: the level below URL]"),
        *match_flags(),
        Flag("--modality", default="", metavar="CODE", help="Only this modality."),
        Flag("--include", multiple=True, metavar="KEY",
             help="Additional attribute to return, by keyword or tag."),
        Flag("--limit", type=click.IntRange(min=1), metavar="N",
             help=f"List N results at most.  [default: {_ROWS} rows of a table, else all]"),
        Flag("--offset", type=click.IntRange(min=0), default=0, metavar="N",
             help="Skip the first N results."),
        Flag("form --json", flag_value="json", help="Print a line of DICOM JSON for each result."),
        Flag("form --csv", flag_value="csv", help="Print rows of CSV."),
        *connection_flags(),
    ],
    callback=find,
    help=_HELP,
    short_help="Search a DICOMweb server.",
    epilog=_EXAMPLES,
)  # fmt: skip
