"""``rendicom probe``: what a DICOMweb server does, tried for real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rendicom.cli import exitcodes
from rendicom.cli.console import print_json, printable
from rendicom.cli.flags import FlagCommand
from rendicom.cli.remoteflags import (
    SECRETS,
    ConnectionFlags,
    connection_flags,
    match_flags,
    matches_of,
    reached,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rendicom.client.findings import Finding

__all__ = ["command"]

_HELP = f"""\
Find out what a DICOMweb server does, by trying it on one of its instances.

URL is that of a server, or of the study, series or instance to try it on. Nothing is changed on the
server. Each picture it makes is held against the one that rendicom convert makes: "ignored" is what
it accepts and does not do, "differs" what it does in another way than the standard says.

Exit status: 0 when an instance can be retrieved, else 1.

{SECRETS}"""

_EXAMPLES = """\
\b
Examples:
  rendicom probe https://pacs/dicomweb --api-key @key.txt
  rendicom probe https://pacs/dicomweb --match Modality=MG
  rendicom probe https://pacs/dicomweb --json > abilities.json
"""


def probe(url: str, *, match: tuple[str, ...], is_fuzzy: bool, is_json: bool, **more: Any) -> int:
    """Run the command and return its exit status."""
    address, connection = reached(url, ConnectionFlags.taken_from(more))
    if address.is_wado_uri:
        raise click.UsageError("give the URL of a DICOMweb server, not a WADO-URI link")
    from rendicom.client.listing import Wanted
    from rendicom.client.probing import probe as tried
    from rendicom.client.server import Server

    server = Server(connection)
    resource = address.resource._replace(frames=())
    wanted = Wanted(resource, (*address.matches, *matches_of(match)), is_fuzzy=is_fuzzy)
    try:
        findings = tried(server, wanted)
        if is_json:
            found = list(findings)
            print_json({
                "url": connection.base, "server": server.habits.server,
                "findings": [each._asdict() for each in found],
            })  # fmt: skip
        else:
            found = list(_shown(findings, f"{connection.base}: {server.habits.server}"))
    finally:
        server.close()
    is_retrieved = any(
        each.service == "retrieve" and each.name.startswith("instance,") and each.verdict != "no"
        for each in found
    )
    return exitcodes.OK if is_retrieved else exitcodes.FAILED


def _shown(findings: Iterable[Finding], head: str) -> Iterable[Finding]:
    """Print each finding as it comes, below what the server is, as far as its address tells."""
    service = ""
    for each in findings:
        if not service:
            click.echo(f"{head}, by its address")
        if each.service != service:
            service = each.service
            click.echo(f"\n{service}")
        line = f"  {each.name:<34}{each.verdict:<11}{each.detail}"
        click.echo(printable(line.rstrip()))
        yield each


def _flags() -> list[click.Parameter]:
    return [
        click.Argument(["url"], metavar="URL"),
        click.Option(["is_json", "--json"], is_flag=True, help="Print one JSON document."),
        *match_flags(),
        *connection_flags(),
    ]


command = FlagCommand(
    "probe",
    params=_flags(),
    callback=probe,
    help=_HELP,
    short_help="Find out what a DICOMweb server does.",
    epilog=_EXAMPLES,
)
