"""The entry point: finds the command, and turns errors into an exit code and one line."""

from __future__ import annotations

import atexit
import errno
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import click

from rendicom.cli import exitcodes
from rendicom.errors import RendicomError, out_of_memory
from rendicom.workers.environment import spare_threads

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_COMMANDS = (
    "convert", "get", "find", "store", "probe", "serve", "key",
    "manifest", "info", "doctor", "sample", "completion",
)  # fmt: skip
"""Each is a module here that defines ``command``; only the one that runs is imported."""
_ALLOCATIONS = 5_000
"""Threshold of the garbage collector."""
_AT_THE_START = 200_000
"""Threshold for the first time: more than the imports of any command."""
_OUTPUT_FAILS = (errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EBADF)
"""Errors of standard output and standard error; files raise RendicomErrors."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"rendicom.cli.{cmd_name}")
        command: click.Command = module.command
        command.context_settings.setdefault("help_option_names", ["-h", "--help"])
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, also those of ``rendicom FILE`` and ``rendicom help``."""
        return super().parse_args(ctx, _spelt_out(args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; an unknown name is a usage error with a suggestion."""
        if args[0] not in _COMMANDS and not ctx.resilient_parsing:
            from rendicom.cli.suggestions import advice_on_command

            advice = advice_on_command(args[0], _COMMANDS)
            ctx.fail(f"No such command or file '{args[0]}'{f': {advice}' if advice else ''}")
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the examples."""
        from rendicom.cli.flags import write_examples

        write_examples(self.epilog, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return commands, and files where no command starts so."""
        from click.shell_completion import CompletionItem

        found = super().shell_complete(ctx, incomplete)
        return found or [CompletionItem(incomplete, type="file")]

    def invoke(self, ctx: click.Context) -> Any:
        # Caught here since click itself would print an empty line first.
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(_interrupted())


_OWN_OPTIONS = ("-h", "--help", "-V", "--version")


def _spelt_out(args: list[str]) -> list[str]:
    """Return the arguments with the command that ``rendicom FILE ...`` leaves out."""
    if not args or args[0] in (*_COMMANDS, *_OWN_OPTIONS):
        return args
    first = args[0]
    if first == "help":
        asked = [each for each in args[1:] if each != "help"]
        return [*asked, "--help"]
    if first.startswith(("http://", "https://")):
        return ["get", *args]
    if first.startswith(("-", "+")) and first != "-":
        is_for_files = any(not each.startswith("-") for each in args[1:])
        has_command = any(each in _COMMANDS for each in args[1:])
        return ["convert", *args] if is_for_files and not has_command else args
    is_path = first == "-" or "/" in first or os.path.lexists(first)
    return ["convert", *args] if is_path or os.path.splitext(first)[1] else args


def _print_version(context: click.Context, parameter: click.Parameter, is_set: bool) -> None:  # noqa: ARG001
    if is_set and not context.resilient_parsing:
        from rendicom import __version__

        click.echo(f"rendicom {__version__}")
        context.exit()


def _print_help() -> None:
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


_HELP = """\
Turn any DICOM object into the picture a person expects to see.

rendicom FILE [TARGET] is short for rendicom convert FILE [TARGET].
"""
_EPILOG = """\
\b
Examples:
  rendicom ct.dcm                        write ct.jpg into the current folder
  rendicom convert study/ pictures/      convert a folder
  rendicom info ct.dcm                   show what a file contains
  rendicom help convert                  list the options of a command
"""

commands = _Commands(
    "rendicom",
    help=_HELP,
    epilog=_EPILOG,
    invoke_without_command=True,
    callback=_print_help,
    params=[
        click.Option(
            ["-V", "--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_print_version,
            help="Show the version and exit.",
        )
    ],
    # As wide as the terminal.
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": sys.maxsize},
)


def run() -> NoReturn:
    """Run the command line of this process, and end the process."""
    statuses: list[int] = []
    # Python calls first what was registered last: what had come before would never be called.
    if getattr(atexit, "_ncallbacks", lambda: -1)() == 0:
        atexit.register(_end_at_once, statuses)
    else:
        atexit.register(gc.freeze)
    statuses.append(main())
    sys.exit(statuses[0])


def _end_at_once(statuses: list[int]) -> None:
    """End the process with its status, without freeing every object: the system does that.

    All threads have ended, and all other functions for the end of the process have been called. An
    exit with another status, after a signal, has appended none, and takes the usual way.
    """
    if statuses:
        # Those calls may have printed, to a reader that has left.
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(statuses[0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    arguments
        Without the program's name; those of the process when None.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    _spare_collections()
    spare_threads()
    _open_missing_streams()
    _end_orderly_on_termination()
    try:
        status = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output has closed it: exit silently.
        _drop_output()
        return exitcodes.FAILED
    except OSError as error:
        return _output_failed(error)
    return status


def _run(given: list[str]) -> int:
    try:
        status = commands.main(given, prog_name="rendicom", standalone_mode=False)
    except click.ClickException as error:
        return _usage(error, given)
    except (KeyboardInterrupt, click.Abort):
        return _interrupted()
    except RendicomError as error:
        _complain(str(error))
        return exitcodes.FAILED
    except MemoryError:
        _complain(str(out_of_memory()))
        return exitcodes.FAILED
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OUTPUT_FAILS:
            raise
        _complain(f"unexpected {type(error).__name__} inside Rendicom (a fault to report)")
        if not {"-v", "--verbose"}.isdisjoint(given):
            import traceback

            traceback.print_exc()
        return exitcodes.FAILED
    return status if isinstance(status, int) else exitcodes.OK


def _spare_collections() -> None:
    """Collect garbage less often, and not before a command has been imported.

    Imports create many permanent objects. With the default threshold they are scanned a hundred
    times.
    """
    gc.set_threshold(_AT_THE_START)
    gc.callbacks.append(_collect_more_often)


def _collect_more_often(phase: str, info: dict[str, int]) -> None:  # noqa: ARG001
    gc.set_threshold(_ALLOCATIONS)
    gc.callbacks.remove(_collect_more_often)


def _open_missing_streams() -> None:
    """Open the null device for standard streams that the shell closed.

    Otherwise the next opened file gets its number, and the output of libraries is written to it.
    The one for standard output is not writable, so that writing to it is an error.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        opened = os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - to the very end


def _end_orderly_on_termination() -> None:
    """Unwind on termination signals, so that no partial file remains."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        return
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    # With nohup the run continues after the terminal is closed.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda number, _: sys.exit(128 + number))


def _usage(error: click.ClickException, given: list[str]) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "rendicom"
    message = " ".join(error.format_message().split())
    if isinstance(error, click.NoSuchOption):
        message = _unknown_option(error, given)
    _complain(f"{message} (see {command} --help)")
    if "--json" in given:
        from rendicom.cli.console import print_json

        print_json(
            {
                "source": None, "frame": None, "status": "failed", "code": "bad-option",
                "message": message, "hint": f"see {command} --help",
            }
        )  # fmt: skip
    return exitcodes.USAGE


def _unknown_option(error: click.NoSuchOption, given: list[str]) -> str:
    from rendicom.cli.suggestions import advice_on_option

    # click parses -im as -i.
    typed = next((each for each in given if each.startswith(error.option_name)), "")
    name = typed.partition("=")[0] or error.option_name
    parameters = error.ctx.command.get_params(error.ctx) if error.ctx else ()
    known = [option for each in parameters for option in (*each.opts, *each.secondary_opts)]
    advice = advice_on_option(name, [each for each in known if each.startswith("--")])
    return f"No such option: {name}{f': {advice}' if advice else ''}"


def _interrupted() -> int:
    _complain("interrupted")
    return exitcodes.INTERRUPTED


def _output_failed(error: OSError) -> int:
    _drop_output()
    # Standard error may be on the same disk.
    with suppress(OSError):
        reason = "standard output is closed" if error.errno == errno.EBADF else error.strerror
        _complain(f"cannot write the output: {reason}")
    return exitcodes.FAILED


def _drop_output() -> None:
    # Python flushes standard output again at exit, which would fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> None:
    from rendicom.cli.console import complain

    complain(message)


if __name__ == "__main__":
    run()
