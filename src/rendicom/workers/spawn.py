"""Command and options to start a worker process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import Any

from rendicom.errors import WorkerDiedError
from rendicom.workers.environment import WORKER_ENVIRONMENT

_COMMAND = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from rendicom.workers.worker_process import main; main()"
)
"""Python's ``-c``: the arguments are the parent's ``sys.path``.

Neither ``-m`` nor a file, which would run that module a second time under another name.
"""


def worker_command() -> list[str]:
    """Return the command line of a worker.

    Raises
    ------
    FileNotFoundError
        The path of the Python executable is unknown.
    """
    if not sys.executable:
        raise FileNotFoundError(errno.ENOENT, "Python does not know where its interpreter is")
    flags = ["-I"] if sys.flags.isolated else []
    return [sys.executable, *flags, "-c", _COMMAND, *sys.path]


def spawn_options() -> dict[str, Any]:
    """Return the keyword arguments for `subprocess.Popen` and `asyncio`'s ``subprocess_exec``."""
    return {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "env": WORKER_ENVIRONMENT | dict(os.environ),
        # Ctrl-C in the terminal is handled by the parent.
        "start_new_session": os.name != "nt",
        "creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    }


def no_worker(reason: str) -> WorkerDiedError:
    """Return the error for a worker process that cannot be started."""
    return WorkerDiedError(
        f"no worker process can be started: {reason}", hint="--engine threads needs none"
    )
