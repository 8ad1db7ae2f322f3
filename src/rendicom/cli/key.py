"""``rendicom key``: a new API key for ``rendicom serve --api-key-file``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rendicom.cli.flags import Flag, FlagCommand, NearestChoice
from rendicom.errors import OptionError

if TYPE_CHECKING:
    from rendicom.server.keys import Scope

_HELP = """\
Add a new API key to FILE and print it.

FILE stores only a hash of the key, so the key cannot be shown again. rendicom serve --api-key-file
FILE accepts it in the header apikey, X-API-Key or Authorization: Bearer. A running server reads the
change within seconds. To revoke a key, delete its line.
"""
_EXAMPLES = """\
\b
Examples:
  rendicom key keys.txt --name reading-room
  rendicom key keys.txt --name modality-3 --scope write --days 365
"""


def key(file: str, *, name: str, scope: Scope, days: int | None) -> None:
    """Run the command."""
    from rendicom.server.keys import add_key

    try:
        click.echo(add_key(file, name=name, scope=scope, days=days))
    except OptionError as error:
        raise click.UsageError(str(error)) from None


command = FlagCommand(
    "key",
    params=[
        click.Argument(["file"], type=click.Path(dir_okay=False)),
        Flag("--name", required=True, metavar="NAME",
             help="Name of the owner of the key, for the audit log."),
        Flag("--scope", type=NearestChoice(["read", "write"]), default="read",
             help="Permission; write includes read.  [default: read]"),
        Flag("--days", type=click.IntRange(min=1), metavar="N",
             help="Days until the key expires.  [default: never]"),
    ],
    callback=key,
    help=_HELP,
    short_help="Make an API key for a server.",
    epilog=_EXAMPLES,
)  # fmt: skip
