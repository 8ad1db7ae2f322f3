"""The door: finds the command, and turns what went wrong into an exit code and one line."""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from rendicom.cli import exitcodes
from rendicom.errors import RendicomError

__all__ = ["commands", "main"]

_COMMANDS = (
    "convert", "get", "find", "store", "probe", "serve", "key",
    "info", "doctor", "sample", "completion",
)  # fmt: skip
"""Each is a module here that defines ``command``; only the one that runs is imported."""
_OUTPUT_FAILS = (errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EFBIG)
"""What only standard output and error come with to the door: pictures have errors of ours."""


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

    def invoke(self, ctx: click.Context) -> Any:
        # Caught here since click itself would print an empty line first.
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(_interrupted())


def _print_version(context: click.Context, parameter: click.Parameter, is_set: bool) -> None:  # noqa: ARG001
    if is_set and not context.resilient_parsing:
        from rendicom import __version__

        click.echo(f"rendicom {__version__}")
        context.exit()


def _print_help() -> None:
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


commands = _Commands(
    "rendicom",
    help="Turn any DICOM object into the picture a person expects to see.",
    epilog="rendicom COMMAND --help says more about each command.",
    invoke_without_command=True,
    callback=_print_help,
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_print_version,
            help="Show the version and exit.",
        )
    ],
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    arguments
        Without the program's name; those of the process when None.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    _open_missing_streams()
    _end_orderly_on_termination()
    try:
        status = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_left()
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
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OUTPUT_FAILS:
            raise
        _complain(f"unexpected {type(error).__name__} inside Rendicom (a fault to report)")
        if not {"-v", "--verbose"}.isdisjoint(given):
            import traceback

            traceback.print_exc()
        return exitcodes.FAILED
    return status if isinstance(status, int) else exitcodes.OK


def _open_missing_streams() -> None:
    """Put the null device where the shell closed a stream.

    Otherwise the next file opened gets its number, and whatever a library prints ends up in it.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    import os

    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - to the very end


def _end_orderly_on_termination() -> None:
    """Let the process unwind when it is asked to end, so that no partial file stays behind."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        return
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    # Whoever typed nohup wants the run to outlive the terminal.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda number, _: sys.exit(128 + number))


def _usage(error: click.ClickException, given: list[str]) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "rendicom"
    message = " ".join(error.format_message().split())
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


def _interrupted() -> int:
    _complain("interrupted")
    return exitcodes.INTERRUPTED


def _reader_left() -> int:
    """Stay silent: who read our output wants no more of it."""
    _drop_output()
    return exitcodes.FAILED


def _output_failed(error: OSError) -> int:
    _drop_output()
    # Standard error may be on the same disk.
    with suppress(OSError):
        _complain(f"cannot write the output: {error.strerror}")
    return exitcodes.FAILED


def _drop_output() -> None:
    import os

    # Python flushes standard output once more when it ends, which would fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> None:
    from rendicom.cli.console import complain

    complain(message)


if __name__ == "__main__":
    sys.exit(main())
