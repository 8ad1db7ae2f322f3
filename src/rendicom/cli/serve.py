"""``rendicom serve``: a DICOMweb server over folders, with a web page."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from rendicom.cli.flags import Flag, FlagCommand, NearestChoice
from rendicom.errors import OptionError
from rendicom.extras import install_command

if TYPE_CHECKING:
    from rendicom.server.settings_table import Setting

_HELP = """\
Serve the DICOM files in each FOLDER as a DICOMweb server, with a web page to view them.

Files are read where they are. The URL to open is the first line on standard output. Ctrl-C stops
the server after requests in progress; a second Ctrl-C stops it at once.

Each option can also be set by an environment variable: --api-key-file FILE is
RENDICOM_API_KEY_FILE=FILE. The command line takes precedence.

Exit status: 0 after a normal stop, 1 if it could not start, 2 if an option is wrong.
"""
_EXAMPLES = """\
\b
Examples:
  rendicom serve studies/ --open                     view it in the browser
  rendicom serve studies/ --data index/ --writable   keep the index, take uploads
  rendicom serve s3://bucket/archive/ --data index/
  rendicom serve studies/ --host 0.0.0.0 --api-key-file keys.txt
"""
_REQUIRED = ("fastapi", "httptools", "jwt", "prometheus_client", "pydantic_settings", "sqlalchemy")


class _Serve(FlagCommand):
    """A command whose options are the server settings, loaded only when needed."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options. The libraries behind them are not loaded for other commands."""
        if not self.params and not _missing():
            from rendicom.server.settings_table import settings_table

            self.params = [_option(setting) for setting in settings_table()]
        return super().get_params(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; without the libraries only help is available."""
        if _missing() and {"-h", "--help"}.isdisjoint(args):
            raise click.UsageError(_what_is_missing(), ctx)
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples, and a note on missing extras."""
        super().format_epilog(ctx, formatter)
        if _missing():
            formatter.write_paragraph()
            formatter.write_text(f"No options are listed: {_what_is_missing()}")


def _missing() -> list[str]:
    return [name for name in _REQUIRED if find_spec(name) is None]


def _what_is_missing() -> str:
    return f"serve needs {', '.join(_missing())}: {install_command('server')}"


def serve(**given: Any) -> None:
    """Serve; ``given`` holds the given flags by setting."""
    from rendicom.server.settings_table import load_settings

    try:
        settings = load_settings(
            {name: value for name, value in given.items() if value is not None and value != ()}
        )
        from rendicom.server.startup import serve as run

        run(settings)
    except OptionError as error:
        raise click.UsageError(str(error)) from None


def _option(setting: Setting) -> click.Parameter:
    if not setting.flag:
        return click.Argument(
            [setting.attribute],
            nargs=-1,
            metavar=f"[{setting.metavar}]...",
            required=False,
            type=click.Path(path_type=str, readable=False),
        )
    if setting.is_switch:
        both = f"{setting.flag}/--no-{setting.flag[2:]}" if setting.default else setting.flag
        return Flag(f"{setting.attribute} {both}", is_flag=True, default=None, help=setting.help)
    default = "" if setting.default in ("", ()) else f"  [default: {setting.default}]"
    return Flag(
        f"{setting.attribute} {setting.flag}",
        default=None,
        multiple=setting.is_list,
        type=NearestChoice(setting.choices) if setting.choices else click.STRING,
        metavar=setting.metavar or None,
        help=f"{setting.help}{default}",
    )


command = _Serve(
    "serve",
    callback=serve,
    help=_HELP,
    epilog=_EXAMPLES,
    short_help="Serve folders as a DICOMweb server, with a page.",
)
