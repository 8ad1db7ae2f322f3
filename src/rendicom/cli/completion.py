"""``rendicom completion``: the script that completes commands and flags in a shell."""

from __future__ import annotations

import click

from rendicom.cli.flags import FlagCommand, NearestChoice

_HELP = """\
Print the completion script for a shell.

\b
  bash   eval "$(rendicom completion bash)"           in ~/.bashrc
  zsh    eval "$(rendicom completion zsh)"            in ~/.zshrc
  fish   rendicom completion fish > ~/.config/fish/completions/rendicom.fish
"""
_EXAMPLES = """\
\b
Examples:
  rendicom completion bash >> ~/.bash_completion
"""


def completion(shell: str) -> None:
    """Print the script."""
    from click.shell_completion import get_completion_class

    from rendicom.cli.main import commands

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    script = kind(commands, {}, "rendicom", "_RENDICOM_COMPLETE").source()
    # click's own script for fish cuts values and help at every comma.
    click.echo(script.replace('string split "," $', 'string split --max 1 "," $'))


command = FlagCommand(
    "completion",
    params=[click.Argument(["shell"], type=NearestChoice(["bash", "zsh", "fish"]))],
    callback=completion,
    help=_HELP,
    epilog=_EXAMPLES,
    short_help="Print the completion script for a shell.",
)
