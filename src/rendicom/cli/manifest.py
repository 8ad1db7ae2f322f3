"""``rendicom manifest``: exports the manifest of a run to other formats."""

from __future__ import annotations

import click

from rendicom.cli.flags import FlagCommand, FlagGroup

_HELP = """\
Export MANIFEST, the JSON Lines of a run, to TABLE: .csv or .parquet.

A run with --manifest TABLE does this when it ends. Use this command after a run was killed, or for
a manifest that was written as JSON Lines.
"""
_EXAMPLES = """\
\b
Examples:
  rendicom manifest export pictures/manifest.jsonl pictures/manifest.csv
"""


def export(manifest: str, table: str) -> None:
    """Export a manifest."""
    from rendicom.batch.manifest import export_manifest

    export_manifest(manifest, table)


_PATH = click.Path(path_type=str, readable=False)
command = FlagGroup(
    "manifest",
    help="Work with the manifest of a run.",
    epilog=_EXAMPLES,
    commands=[
        FlagCommand(
            "export",
            params=[
                click.Argument(["manifest"], type=_PATH), click.Argument(["table"], type=_PATH)
            ],
            callback=export,
            help=_HELP,
            short_help="Export a manifest as CSV or Parquet.",
            epilog=_EXAMPLES,
        )
    ],
)  # fmt: skip
