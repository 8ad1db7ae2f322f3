"""Command line flags that derive from other tables: the rendering parameters, the formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from rendicom.errors import OptionError
from rendicom.options import Parameter, RenderOptions, parameters

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from rendicom.batch.outputs import OutputFormat

__all__ = ["FlagCommand", "FormatName", "rendering_flags", "rendering_options"]


class FlagCommand(click.Command):
    """A command whose help lists rendering flags apart from its own."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write two lists of options."""
        records: dict[bool, list[tuple[str, str]]] = {False: [], True: []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                records[isinstance(parameter, _RenderingFlag)].append(record)
        for is_rendering, title in ((False, "Options"), (True, "Rendering")):
            if records[is_rendering]:
                with formatter.section(title):
                    formatter.write_dl(records[is_rendering])


class _RenderingFlag(click.Option):
    """One rendering parameter; None when it was not given."""


if TYPE_CHECKING:
    _FormatParameter = click.ParamType[OutputFormat]
else:
    _FormatParameter = click.ParamType  # generic since click 8.3 only


class FormatName(_FormatParameter):
    """The name of an output format; becomes the format."""

    name = "format"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> OutputFormat:
        """Return the format called ``value``; only its own module is imported."""
        from rendicom.batch.outputs import output_format_named

        try:
            return output_format_named(value)
        except OptionError as error:
            self.fail(str(error), param, ctx)

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
        """Return the names that start with what was typed."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in _format_names() if name.startswith(incomplete)]


def _format_names() -> tuple[str, ...]:
    from rendicom.batch.outputs import output_format_names

    return output_format_names()


def rendering_flags() -> list[click.Parameter]:
    """Return one flag for each rendering parameter, in their order."""
    return [_flag(parameter) for parameter in parameters().values()]


def _flag(parameter: Parameter) -> click.Option:
    name = f"--{parameter.name}"
    if parameter.is_switch:
        name = f"{name}/--no-{parameter.name}"
    return _RenderingFlag(
        [parameter.attribute, name],
        default=None,
        help=_help(parameter),
        metavar=_metavar(parameter),
        type=click.Choice(parameter.choices) if parameter.choices else None,
    )


def _metavar(parameter: Parameter) -> str | None:
    return None if parameter.is_switch or parameter.choices else parameter.metavar


def _help(parameter: Parameter) -> str:
    if parameter.default is None or (parameter.is_switch and not parameter.default):
        return parameter.help
    default = parameter.name if parameter.is_switch else parameter.default
    return f"{parameter.help}  [default: {default}]"


def rendering_options(given: Mapping[str, str | bool | None]) -> RenderOptions:
    """Return the options for the flags as click hands them over, keyed by attribute.

    Raises
    ------
    click.UsageError
        A value is malformed, or two flags exclude each other.
    """
    names = {parameter.attribute: parameter.name for parameter in parameters().values()}
    texts = {names[key]: _text(value) for key, value in given.items() if value is not None}
    try:
        return RenderOptions.parse(texts)
    except OptionError as error:
        raise click.UsageError(str(error)) from None


def _text(value: str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value
