"""Commands with options under headings, types of values, and flags of rendering parameters."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from rendicom.errors import OptionError
from rendicom.options import PRESETS, Parameter, RenderOptions, parameters

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from rendicom.batch.job import OutputFormat

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
        from rendicom.batch.job import output_format_named

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
    from rendicom.batch.job import output_format_names

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


# Not compiled until a command line needs it, as it delays each start.
_LIKE_A_VALUE = (
    r"(?i)[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)%?|yes|no|true|false|on|off|#[0-9a-f]{3,8}"
    r"|(?-i:[0-9A-F]{4})"
)
_FRACTION = r"[+-]?[0-9]*[.,][0-9]+%?"


def looks_like_fraction(path: str) -> bool:
    """Tell whether a path is a number such as 0.9, probably the value of an option."""
    return re.fullmatch(_FRACTION, path) is not None


class Flag(click.Option):
    """An option with a heading in help texts and completion of its value.

    ``names`` has spaces between them, the one of the parameter first if it is not the option's.
    ``forms`` are the forms of values, such as ``window:N``; by default the metavar.
    """

    def __init__(
        self, names: str, *, section: str = "", forms: Sequence[str] = (), **more: Any
    ) -> None:
        super().__init__(names.split(), **more)
        self.section = section
        self.forms = forms or (self.metavar or "").split("|")

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return names and help; long lists of choices go into the help."""
        record = super().get_help_record(ctx)
        found = re.fullmatch(_LONG_CHOICES, record[0]) if record else None
        if record is None or found is None:
            return record
        name = self.opts[-1].lstrip("-").upper()
        choices = ", ".join(found[2].split("|"))
        return f"{found[1]}{name}", f"{record[1]}  [one of: {choices}]"

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return paths or words if the metavar has them, else the completions of the type."""
        found = completed_paths(self.metavar or "", incomplete)
        found = found or completed_forms(self.forms, incomplete)
        return found or super().shell_complete(ctx, incomplete)


def paths_argument(name: str, metavar: str) -> click.Argument:
    """Return an argument of at least one path, URL or ``-``, none of which is checked."""
    kind = click.Path(path_type=str, readable=False)
    return click.Argument([name], nargs=-1, required=True, metavar=metavar, type=kind)


_LONG_CHOICES = r"(.* )\[([^\]]{48,})\]"


class FlagCommand(click.Command):
    """A command whose help lists options under headings."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; refuse values of switches, and options of other programs."""
        self._refuse_values_of_switches(ctx, args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            # click leaves it out where an option lacks its value.
            error.ctx = error.ctx or ctx
            raise

    def _refuse_values_of_switches(self, context: click.Context, args: list[str]) -> None:
        """Raise a usage error for ``-q 0.9``: the number would be taken for a path."""
        options = [each for each in self.get_params(context) if isinstance(each, click.Option)]
        named = {name: each for each in options for name in (*each.opts, *each.secondary_opts)}
        before, typed = None, ""
        for each in args:
            if each == "--":
                return
            if before is not None and not before.is_flag:
                before = None
                continue
            if each.startswith("+") and not os.path.lexists(each):
                from rendicom.cli.suggestions import advice_on_option

                if advice_on_option(each):
                    raise click.NoSuchOption(each, ctx=context)
            if (
                before is not None
                and re.fullmatch(_LIKE_A_VALUE, each)
                and not os.path.lexists(each)
            ):
                raise click.UsageError(_no_value(each, typed, before, options), context)
            is_cluster = each.startswith("-") and not each.startswith("--")
            typed = f"-{each[-1]}" if is_cluster else each
            before = named.get(typed)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list of options for each heading, those without one first."""
        sections: dict[str, list[tuple[str, str]]] = {"": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections.setdefault(getattr(parameter, "section", ""), []).append(record)
        for title, records in sections.items():
            with formatter.section(title or "Options"):
                formatter.write_dl(records, col_max=max(30, formatter.width // 3))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the examples."""
        write_examples(self.epilog, formatter)


class FlagGroup(click.Group):
    """A group of commands that shows its help if none of them is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; without any, show the help."""
        return super().parse_args(ctx, args or ["--help"])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the examples."""
        write_examples(self.epilog, formatter)


def write_examples(epilog: str | None, formatter: click.HelpFormatter) -> None:
    """Write commands in full; long ones have their description on the next line."""
    lines = (epilog or "").removeprefix("\b\n").splitlines()
    formatter.write_paragraph()
    with formatter.indentation():
        parts = [re.split(_GAP, line, maxsplit=1) for line in lines]
        room = formatter.width - formatter.current_indent
        if any(len(part) > 1 and len(line) > room for part, line in zip(parts, lines, strict=True)):
            lines = [f"\n{' ' * 6}".join(part) for part in parts]
        formatter.write_text("\n".join(("\b", *lines)))


_GAP = r"(?<=\S) {3,}"


def _no_value(value: str, typed: str, flag: click.Option, options: Sequence[click.Option]) -> str:
    """Return the message for a refused value, with the options that were probably meant."""
    start = f"--{typed.lstrip('-')[0]}"
    meant = [
        each.opts[-1] for each in options
        if len(typed) == 2 and not each.is_flag and each.opts[-1].startswith(start)
    ]  # fmt: skip
    long = flag.opts[-1]
    name = typed if typed in (long, *flag.secondary_opts) else f"{typed} is {long} and"
    question = f": did you mean {' or '.join(meant)}?" if meant else ""
    return f"{name} takes no value{question} (a path of that name is {os.curdir}{os.sep}{value})"


def rendering_flags() -> list[click.Parameter]:
    """Return one flag for each rendering parameter, in their order."""
    return [_flag(parameter) for parameter in parameters().values()]


def _flag(parameter: Parameter) -> click.Option:
    name = f"--{parameter.name}"
    if parameter.is_switch:
        name = f"{name}/--no-{parameter.name}"
    return Flag(
        f"{parameter.attribute} {name}",
        section=parameter.group,
        default=None,
        help=_help(parameter),
        metavar=None if parameter.is_switch or parameter.choices else parameter.metavar,
        forms=parameter.forms,
        type=NearestChoice(parameter.choices) if parameter.choices else None,
    )


def _help(parameter: Parameter) -> str:
    if parameter.default is None or (parameter.is_switch and not parameter.default):
        return parameter.help
    default = parameter.name if parameter.is_switch else parameter.default
    default = f"{default:g}" if isinstance(default, float) else default
    return f"{parameter.help}  [default: {default}]"


def rendering_options(given: Mapping[str, str | bool | None]) -> RenderOptions:
    """Return the options for the flags as click hands them over, keyed by attribute.

    Raises
    ------
    click.UsageError
        A value is malformed, or two flags exclude each other.
    """
    names = {parameter.attribute: parameter.name for parameter in parameters().values()}
    texts = {
        names[key]: value if isinstance(value, str) else "yes" if value else "no"
        for key, value in given.items()
        if value is not None
    }
    overlay = next((name for name in texts if name.startswith("overlay-")), "")
    # The mode of drawing matters only if they are drawn.
    if overlay and texts.setdefault("overlays", "yes") == "no":
        raise click.UsageError(f"--no-overlays and --{overlay} exclude each other")
    try:
        return RenderOptions.parse(texts)
    except OptionError as error:
        meant = _meant(str(error), texts.get("window", ""))
        raise click.UsageError(f"{error}{f': did you mean {meant}?' if meant else ''}") from None


def _meant(message: str, window: str) -> str:
    """Return a suggestion for a refused value, or an empty text."""
    from rendicom.cli.suggestions import nearest

    if window.isdecimal():  # with dcm2jpg the second window of the file is --window 2
        return f"--voi window:{window}"
    preset = nearest(window, PRESETS) if window.replace("-", "").isalpha() else ""
    if preset:
        return f"--preset {preset}"
    refused = re.fullmatch(r".*'(.*)' is not one (?:or both )?of (.*)", message)
    return nearest(refused[1], refused[2].split(", ")) if refused else ""
