"""``rendicom serve``: a DICOMweb server over folders, and a page to look at it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from rendicom.errors import OptionError

if TYPE_CHECKING:
    from rendicom.server.settings import Setting

__all__ = ["command"]

_HELP = """\
Serve the DICOM files in each FOLDER, where they are, as a DICOMweb server, with a page to look at
them.

The URL to open is the first line on standard output. Ctrl-C lets requests under way finish and
ends it; a second one ends it at once.

Each option can also be given as a variable: --api-key-file FILE is RENDICOM_API_KEY_FILE=FILE. What
is typed counts more.

Exit status: 0 when it was asked to end, 1 when it could not start, 2 when an option is wrong.
"""
_REQUIRED = ("fastapi", "httptools", "jwt", "prometheus_client", "pydantic_settings", "sqlalchemy")


class _Serve(click.Command):
    """A command whose options are the settings of the server, looked at when they are needed."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options. The libraries behind them are not loaded for other commands."""
        if not self.params:
            self.params = _options()
        return super().get_params(ctx)


def serve(**given: Any) -> None:
    """Serve; what was ``given`` is keyed by setting."""
    from rendicom.server.settings import load_settings

    try:
        settings = load_settings(
            {name: value for name, value in given.items() if value is not None and value != ()}
        )
        from rendicom.server.run import serve as run

        run(settings)
    except OptionError as error:
        raise click.UsageError(str(error)) from None


def _options() -> list[click.Parameter]:
    missing = [name for name in _REQUIRED if find_spec(name) is None]
    if missing:
        raise click.UsageError(f"serve needs {', '.join(missing)}: pip install 'rendicom[server]'")
    from rendicom.server.settings import settings_table

    return [_option(setting) for setting in settings_table()]


def _option(setting: Setting) -> click.Parameter:
    if not setting.flag:
        return click.Argument(
            [setting.attribute], nargs=-1, metavar=f"[{setting.metavar}]...", required=False
        )
    if setting.is_switch:
        both = f"{setting.flag}/--no-{setting.flag[2:]}" if setting.default else setting.flag
        return click.Option(
            [setting.attribute, both], is_flag=True, default=None, help=setting.help
        )
    return click.Option(
        [setting.attribute, setting.flag],
        default=None,
        multiple=setting.is_list,
        type=click.Choice(setting.choices) if setting.choices else click.STRING,
        metavar=setting.metavar or None,
        help=_help(setting),
    )


def _help(setting: Setting) -> str:
    if setting.default in ("", ()):
        return setting.help
    return f"{setting.help}  [default: {setting.default}]"


command = _Serve(
    "serve",
    callback=serve,
    help=_HELP,
    short_help="Serve folders as a DICOMweb server, with a page.",
)
