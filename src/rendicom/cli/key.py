"""``rendicom key``: a new API key for ``rendicom serve --api-key-file``."""

from __future__ import annotations

import click

from rendicom.errors import OptionError

__all__ = ["command"]


@click.command("key", short_help="Make an API key for a server.")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--name", required=True, help="Whose it is, as the audit log will say.")
@click.option(
    "--scope",
    type=click.Choice(["read", "write"]),
    default="read",
    show_default=True,
    help="What it may do; who may write may read, too.",
)
@click.option(
    "--days", type=click.IntRange(min=1), help="After how many it expires; without it, never."
)
def command(file: str, name: str, scope: str, days: int | None) -> None:
    """Add a new API key to FILE and print it.

    The file keeps what it hashes to and not the key: it is shown this once. Who sends it, in a
    header apikey, X-API-Key or Authorization: Bearer, is let in by rendicom serve --api-key-file
    FILE. A server that runs learns of it within seconds. To revoke it, take its line out.
    """
    from rendicom.server.keys import Scope, add_key

    allowed: Scope = "write" if scope == "write" else "read"
    try:
        click.echo(add_key(file, name=name, scope=allowed, days=days))
    except OptionError as error:
        raise click.UsageError(str(error)) from None
