"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from docsite.tables import table
from rendicom.cli.main import commands as root

__all__ = ["GENERATORS"]


def commands() -> str:
    """Return a section for each command: usage, explanation, options."""
    return "\n\n".join(_sections(root, click.Context(root, info_name="rendicom")))


def _sections(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        own = click.Context(command, info_name=name, parent=context)
        yield f"## {own.command_path}"
        yield f"```text\n{command.get_usage(own).removeprefix('Usage: ')}\n```"
        yield _text(command.help or "")
        records = [each.get_help_record(own) for each in command.get_params(own)]
        rows = [[f"`{each[0]}`", each[1]] for each in records if each and each[0].startswith("-")]
        yield table(["option", "meaning"], rows)
        if isinstance(command, click.Group):
            yield from _sections(command, own)


def _text(words: str) -> str:
    r"""Return a help text as Markdown; after \b click keeps the lines, which makes it a block."""
    made = []
    for each in inspect.cleandoc(words.replace("\f", "")).split("\n\n"):
        if "\b" in each:
            made.append("```text\n" + each.replace("\b\n", "").replace("\b", "") + "\n```")
        else:
            made.append(" ".join(each.split()).replace("<", "&lt;").replace("*", "\\*"))
    return "\n\n".join(made)


GENERATORS = {"commands": commands}
