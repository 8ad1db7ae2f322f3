"""``rendicom probe``: tests which services a DICOMweb server supports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rendicom.cli import exitcodes
from rendicom.cli.console import print_json, printable
from rendicom.cli.flags import Flag, FlagCommand
from rendicom.cli.remoteflags import (
    SECRETS,
    connection_flags,
    match_flags,
    matches_of,
    reached,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rendicom.client.conformance_checks import CheckResult
    from rendicom.client.server import Server

_HELP = f"""\
Test which services a DICOMweb server supports, with one of its instances.

URL names a server, or the study, series or instance to test with. Nothing is changed on the server.
Each picture is compared with that of rendicom convert: "ignored" means that the server accepts a
parameter without effect, "differs" that the effect is not that of the standard.

Exit status: 0 if an instance can be retrieved, else 1.

{SECRETS}"""

_EXAMPLES = """\
\b
Examples:
  rendicom probe https://pacs/dicomweb --api-key @key.txt
  rendicom probe https://pacs/dicomweb --match Modality=MG
  rendicom probe https://pacs/dicomweb --json > capabilities.json
"""


def probe(url: str, *, match: tuple[str, ...], is_fuzzy: bool, is_json: bool, **more: Any) -> int:
    """Run the command and return its exit status."""
    address, connection = reached(url, more)
    if address.is_wado_uri:
        raise click.UsageError("give the URL of a DICOMweb server, not a WADO-URI link")
    from rendicom.client.listing import InstanceQuery
    from rendicom.client.probing import probe as tried
    from rendicom.client.server import Server

    server = Server(connection)
    resource = address.resource._replace(frames=())
    wanted = InstanceQuery(resource, (*address.matches, *matches_of(match)), is_fuzzy=is_fuzzy)
    try:
        findings = tried(server, wanted)
        if is_json:
            found = list(findings)
            print_json({
                "url": connection.base, "server": server.profile.server,
                "findings": [each._asdict() for each in found],
            })  # fmt: skip
        else:
            found = list(_shown(findings, server))
    finally:
        server.close()
    is_retrieved = any(
        each.service == "retrieve" and each.name.startswith("instance,") and each.verdict != "no"
        for each in found
    )
    return exitcodes.OK if is_retrieved else exitcodes.FAILED


def _shown(findings: Iterable[CheckResult], server: Server) -> Iterable[CheckResult]:
    """Print the server's product, as far as known, and each finding when it is made."""
    from rendicom.client.server_profiles import OWN

    service = ""
    for each in findings:
        if not service:
            by = "by its own word" if server.profile is OWN else "by its address"
            click.echo(f"{server.session.connection.base}: {server.profile.server}, {by}")
        if each.service != service:
            service = each.service
            click.echo(f"\n{service}")
        line = f"  {each.name:<34}{each.verdict:<11}{each.detail}"
        click.echo(printable(line.rstrip()))
        yield each


command = FlagCommand(
    "probe",
    params=[
        click.Argument(["url"], metavar="URL"),
        Flag("is_json --json", is_flag=True, help="Print one JSON document."),
        *match_flags(),
        *connection_flags(),
    ],
    callback=probe,
    help=_HELP,
    short_help="Test which services a DICOMweb server supports.",
    epilog=_EXAMPLES,
)
