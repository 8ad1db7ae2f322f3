"""Encodes calls and their results as bytes.

Values that cannot be pickled become an error that names types only, as values may be a patient's.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from rendicom.errors import out_of_memory

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

_RESULT, _ERROR = b"\0", b"\1"


class WorkerLostError(Exception):
    """A worker process ended before it returned the result of its task.

    ``exit_code`` is as in `subprocess.Popen.returncode`, negative for a signal, None where unknown.
    ``timed_out`` says that a deadline ended it; the exit code is then
    `rendicom.workers.deadline.TIMEOUT_EXIT`.
    """

    def __init__(self, exit_code: int | None = None, *, timed_out: bool = False) -> None:
        why = "its time was over" if timed_out else f"exit code {exit_code}"
        super().__init__(f"a worker process ended in the middle of a task: {why}")
        self.exit_code = exit_code
        self.timed_out = timed_out


def pack(call: Call) -> bytes:
    """Return the call for `perform`; raise `pickle.PicklingError` if it cannot be sent."""
    function = call[0]
    name = getattr(function, "__qualname__", type(function).__qualname__)
    if getattr(function, "__module__", "") == "__main__":
        raise pickle.PicklingError(
            f"{name} is part of the main program, which worker processes do not run: "
            "it has to be in a module"
        )
    try:
        return pickle.dumps(call, protocol=5)
    except Exception as error:  # reducers of foreign classes may raise any exception
        kind = type(error).__name__
        message = f"the arguments of {name} cannot be sent to another process ({kind})"
        raise pickle.PicklingError(message) from error


def perform(call: bytes) -> bytes:
    """Perform the call and return its result or exception, for `unpack`.

    KeyboardInterrupt and SystemExit pass through.
    """
    return b"".join(perform_in_pieces(call))


def perform_in_pieces(call: bytes) -> tuple[bytes, bytes]:
    """Return what `perform` does as two pieces: to join them would copy the result."""
    name = "a task"
    try:
        function, args, kwargs = pickle.loads(call)  # noqa: S301 - from the run we work for
        name = getattr(function, "__qualname__", name)
        result = function(*args, **kwargs)
    except MemoryError:
        return _error(out_of_memory(), name)
    except Exception as error:  # noqa: BLE001 - what a task raises belongs to its future
        return _error(error, name)
    try:
        return _RESULT, pickle.dumps(result, protocol=5)
    except MemoryError as error:
        return _error(error, name)
    except Exception as error:  # noqa: BLE001 - reducers of foreign classes raise anything
        return _error(_unpicklable("result", name, result, error), name)


def unpack(outcome: bytes) -> Any:
    """Return the result of the call, or raise its exception.

    The traceback in the worker is the ``__cause__`` of an error.
    """
    body = memoryview(outcome)[1:]
    try:
        if outcome[:1] == _RESULT:
            return pickle.loads(body)  # noqa: S301 - from our own worker
        pickled, text = pickle.loads(body)  # noqa: S301
        failed: Exception = pickle.loads(pickled)  # noqa: S301
    except Exception as error:  # constructors of foreign classes may raise any exception
        kind = type(error).__name__
        message = f"the result of a task cannot be read back ({kind})"
        raise pickle.UnpicklingError(message) from error
    raise failed from WorkerTraceback(text)


class WorkerTraceback(Exception):  # noqa: N818 - a text to be shown, nothing that went wrong
    """The traceback of an error in the worker, as text."""

    def __str__(self) -> str:
        return "\n" + str(self.args[0])


def _error(error: Exception, name: str) -> tuple[bytes, bytes]:
    """Return the outcome for ``error``, with its traceback as text."""
    from traceback import format_exception

    text = "".join(format_exception(error))
    try:
        pickled = pickle.dumps(error.with_traceback(None), protocol=5)
        pickle.loads(pickled)  # noqa: S301 - a class may be able to go and unable to come back
    except Exception as reason:  # noqa: BLE001 - reducers of foreign classes raise anything
        pickled = pickle.dumps(_unpicklable("error", name, error, reason), protocol=5)
    return _ERROR, pickle.dumps((pickled, text), protocol=5)


def _unpicklable(what: str, name: str, value: object, reason: Exception) -> Exception:
    kind = type(value).__qualname__
    return pickle.PicklingError(
        f"the {what} of {name}, a {kind}, cannot be sent to another process "
        f"({type(reason).__name__})"
    )
