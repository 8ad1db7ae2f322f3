"""Types of values on the command line: choices with suggestions, formats, completed paths."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import click

from rendicom.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

    from rendicom.batch.output_formats import OutputFormat

    _TextChoice = click.Choice[str]
    _FormatParameter = click.ParamType[OutputFormat]
else:
    # Generic only since click 8.2 and 8.3.
    _TextChoice = click.Choice
    _FormatParameter = click.ParamType

_FILES = frozenset(("FILE", "KEYFILE", "LIST", "SOURCE", "TARGET", "IMAGES", "LOCATION", "TABLE"))
_FOLDERS = frozenset(("FOLDER", "DIR"))


class NearestChoice(_TextChoice):
    """One of several words; an error names the most similar one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the choice."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            from rendicom.cli.suggestions import nearest

            near = nearest(str(value), self.choices)
            if not near:
                raise
            self.fail(f"{error.message.rstrip('.')}: did you mean {near}?", param, ctx)


class FormatName(_FormatParameter):
    """The name of an output format; becomes the format."""

    name = "format"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> OutputFormat:
        """Return the format called ``value``; only its own module is imported."""
        from rendicom.batch.output_formats import output_format_named

        try:
            return output_format_named(value)
        except OptionError as error:
            from rendicom.cli.suggestions import nearest

            near = nearest(str(value), _format_names())
            self.fail(f"{error}: did you mean {near}?" if near else str(error), param, ctx)

    def get_metavar(
        self,
        param: click.Parameter,  # noqa: ARG002
        ctx: click.Context | None = None,  # noqa: ARG002
    ) -> str:
        """Return the names, for the help text."""
        return f"[{'|'.join(_format_names())}]"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the names that start with the typed text."""
        from click.shell_completion import CompletionItem

        typed = incomplete.lower()
        return [CompletionItem(name) for name in _format_names() if name.startswith(typed)]


def _format_names() -> tuple[str, ...]:
    from rendicom.batch.output_formats import output_format_names

    return output_format_names()


def completed_paths(metavar: str, incomplete: str) -> list[CompletionItem]:
    """Return completions of a value whose metavar is a path, else nothing.

    The shell lists files and folders; those after the ``@`` of ``@FILE`` are listed here.
    """
    from click.shell_completion import CompletionItem

    words = frozenset(re.findall(r"@?[A-Z]+", metavar))
    if "@FILE" in words and incomplete.startswith("@"):
        return [CompletionItem(f"@{path}") for path in _paths(incomplete[1:])]
    if words & _FILES:
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(incomplete, type="dir")] if words & _FOLDERS else []


def completed_forms(forms: Sequence[str], incomplete: str) -> list[CompletionItem]:
    """Return the words at the beginning of values: ``window:`` of ``window:N``; no numbers."""
    from click.shell_completion import CompletionItem

    words = (re.match(r"[a-z]+(?:-[a-z]+)*:?", each) for each in forms)
    return [
        CompletionItem(word[0]) for word in words if word and word[0].startswith(incomplete.lower())
    ]


def _paths(start: str) -> list[str]:
    folder, name = os.path.split(start)
    try:
        with os.scandir(folder or os.curdir) as entries:
            return sorted(
                os.path.join(folder, each.name) + (os.sep if each.is_dir() else "")
                for each in entries
                if each.name.startswith(name)
            )
    except OSError:
        return []
