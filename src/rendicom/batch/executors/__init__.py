"""Executors: each module here opens a `concurrent.futures.Executor`.

If a worker dies, only its own task fails, with `WorkerLostError`, and the executor continues.
"""

from __future__ import annotations

from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from rendicom import registry
from rendicom.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_ROOM = "rendicom.batch.executors"


@dataclass(frozen=True, slots=True)
class Engine:
    """A way to run tasks, as ``--engine`` names it."""

    name: str
    """Its name in ``--engine``."""
    has_own_processes: bool
    """False if a task that crashes or misses a deadline ends the whole run."""
    open: Callable[..., Executor]
    """Returns an executor of ``jobs`` workers, or the one at ``address``, ready for tasks."""
    takes_address: bool = False
    """``NAME://HOST:PORT`` is supported as well."""
    requires: tuple[str, ...] = ()
    """Modules that it requires."""
    install: str = ""
    """Command that installs them."""

    @property
    def is_available(self) -> bool:
        """Tell whether its requirements are installed; nothing is imported."""
        return all(find_spec(module) is not None for module in self.requires)


_LOST = frozenset(
    {
        "WorkerLostError",  # our own processes
        "BrokenProcessPool",  # concurrent.futures
        "TerminatedWorkerError",  # loky
        "KilledWorker",  # dask
        "WorkerCrashedError",  # ray
    }
)


def is_worker_lost(error: BaseException) -> bool:
    """Tell whether a future of any executor failed because its worker died.

    Classes are matched by name: the libraries that raise them need not be installed.
    """
    return any(kind.__name__ in _LOST for kind in type(error).__mro__)


def engines() -> Mapping[str, Engine]:
    """Return all engines by name: those in this room, then those of installed packages."""
    return registry.discover(_ROOM, "EXECUTOR")


def open_executor(text: str, *, jobs: int) -> tuple[Engine, Executor]:
    """Return the engine of ``local``, ``threads``, ``inline`` or ``dask[://HOST:PORT]``.

    Raises
    ------
    OptionError
        The engine is unknown, a library it needs is not installed, or no scheduler answers at the
        address.
    """
    name, mark, address = text.partition("://")
    try:
        engine = registry.load(_ROOM, name, "EXECUTOR")
    except KeyError:
        engine = None
    if engine is None or (mark and not (engine.takes_address and address)):
        forms = [
            f"{each.name}[://HOST:PORT]" if each.takes_address else each.name
            for each in engines().values()
        ]
        raise OptionError(f"engine {text!r} is not one of {', '.join(sorted(forms))}")
    if jobs < 1:
        raise OptionError(f"jobs {jobs} is not a whole number from 1")
    if not engine.is_available:
        raise OptionError(f"engine {name} is not installed", hint=engine.install)
    return engine, engine.open(jobs=jobs, address=address)


def width(executor: Executor, *, default: int) -> int:
    """Return how many tasks an executor runs at once; ``default`` if it does not tell."""
    return int(getattr(executor, "width", 0)) or default


class Workers(NamedTuple):
    """The executor of a run, its engine, and the number of concurrent tasks."""

    engine: Engine
    executor: Executor
    jobs: int


@contextmanager
def open_workers(text: str, jobs: int) -> Iterator[Workers]:
    """Yield the workers of `open_executor`; end them at once after an exception or Ctrl-C."""
    engine, executor = open_executor(text, jobs=jobs)
    try:
        yield Workers(engine, executor, width(executor, default=jobs))
    except BaseException:
        end_now(executor)
        raise
    executor.shutdown(wait=True, cancel_futures=True)


def end_now(executor: Executor) -> None:
    """End an executor and its processes without waiting for running tasks."""
    kill = getattr(executor, "kill", None)
    if kill is not None:
        kill()
    executor.shutdown(wait=False, cancel_futures=True)
