"""Processes of other machines: an existing dask cluster, or a small local one.

Tasks and results are pickled before dask gets them: dask searches arguments, tuples above all, for
nested tasks. Only names of functions, text and numbers travel, so the workers need this version of
Rendicom, and the same view of the files.
"""

from __future__ import annotations

import contextlib
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, wait
from functools import partial
from typing import Any, ParamSpec, TypeVar

from rendicom.batch.executors import Engine
from rendicom.errors import OptionError, WorkerDiedError
from rendicom.extras import install_command
from rendicom.workers.calls import WorkerLostError, pack, perform, unpack
from rendicom.workers.environment import WORKER_ENVIRONMENT

_P = ParamSpec("_P")
_T = TypeVar("_T")

_CONNECT_SECONDS = 10.0
_KILL_SECONDS = 1.0
_LONGEST_GREETING = 1 << 20
_DEATHS_ALLOWED = 1
"""A task whose worker died is tried on one other worker; dask's default is three more."""

_SETTINGS = {
    "distributed.scheduler.allowed-failures": _DEATHS_ALLOWED,
    "distributed.worker.preload": [__name__],
    "distributed.worker.preload-argv": [[]],
    "distributed.worker.profile.enabled": False,
    "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    # Without workers a task fails after this time instead of waiting for ever.
    "distributed.scheduler.no-workers-timeout": "120s",
    # The nanny gives up a worker that is not back after this time.
    "distributed.deploy.lost-worker-timeout": "1000 days",
}
"""Settings of a local cluster, valid as long as it runs: some are read when a worker dies."""


class DaskExecutor(Executor):
    """Runs tasks on the workers of ``client``.

    Parameters
    ----------
    client
        A `distributed.Client`, closed at shutdown.
    close_cluster
        Called at shutdown, for a local cluster; ``kill_workers`` is called before it without
        waiting.
    jobs
        Number of concurrent tasks; 0 for the number of threads of the workers.
    """

    def __init__(
        self,
        client: Any,
        *,
        jobs: int = 0,
        close_cluster: Callable[[], None] | None = None,
        kill_workers: Callable[[], None] | None = None,
    ) -> None:
        self._client = client
        self._tasks = client.get_executor(pure=False)
        self._jobs = jobs
        self._close_cluster = close_cluster
        self._kill_workers = kill_workers
        self._remote: dict[Future[Any], Future[bytes]] = {}
        self._lock = threading.Lock()
        self._is_shut = False
        self._is_closed = False

    @property
    def width(self) -> int:
        """Return how many tasks run at once, 0 while a cluster has no workers yet."""
        return self._jobs or sum(self._client.nthreads().values())

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Send ``fn`` to the scheduler; a worker finds it by its module and name."""
        future: Future[_T] = Future()
        try:
            task = pack((fn, args, kwargs))
        except pickle.PicklingError as error:
            future.set_exception(error)
            return future
        with self._lock:
            if self._is_shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if self._client.status == "closed":
                raise self._no_scheduler()
            remote = self._remote[future] = self._tasks.submit(rendicom_task, task)
        # The futures must not form a reference cycle: dask keeps results that are referenced.
        future.add_done_callback(self._drop)
        remote.add_done_callback(partial(self._settle, future))
        return future

    def _drop(self, future: Future[Any]) -> None:
        with self._lock:
            remote = self._remote.pop(future)
        if future.cancelled():
            remote.cancel()

    def _settle(self, future: Future[Any], remote: Future[bytes]) -> None:
        # It counts as pending until now, so that it can be cancelled at any time.
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(unpack(remote.result()))
        except CancelledError:
            # This process did not cancel it.
            is_running = self._client.status == "running"
            future.set_exception(WorkerLostError() if is_running else self._no_scheduler())
        except Exception as error:  # noqa: BLE001 - what a task raised belongs to its future
            future.set_exception(_explained(error).with_traceback(None))

    def _no_scheduler(self) -> WorkerDiedError:
        return WorkerDiedError("the dask scheduler is gone", hint="--resume continues from here")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks and leave the cluster, or end a local one.

        No task counts as begun, so ``cancel_futures`` drops them all.
        """
        with self._lock:
            self._is_shut = True
            unsettled = list(self._remote)
        if cancel_futures:
            for future in unsettled:
                future.cancel()
        if wait or not self._remote:
            self._close()
        else:
            threading.Thread(target=self._close, name="rendicom-dask-close").start()

    def kill(self) -> None:
        """Drop all tasks; end the workers of a local cluster."""
        with self._lock:
            self._is_shut = True
            unsettled = list(self._remote)
        for future in unsettled:
            future.cancel()
        if self._kill_workers is not None and not self._is_closed:
            self._kill_workers()
        self._close()

    def _close(self) -> None:
        wait(list(self._remote))
        with self._lock:
            was_closed, self._is_closed = self._is_closed, True
        if was_closed:
            return
        self._client.close()
        if self._close_cluster is not None:
            self._close_cluster()


def rendicom_task(call: bytes) -> bytes:
    """Run in a dask worker; dask shows tasks by the name of their function."""
    return perform(call)


def dask_setup(worker: object) -> None:  # noqa: ARG001
    """Prepare a worker process of the local cluster; dask calls it by this name.

    Ctrl-C in the terminal is handled by the main process.
    """
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _explained(error: Exception) -> Exception:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("rendicom"):
        return OptionError(
            f"the dask workers have no module {error.name}",
            hint="install the same version of rendicom there",
        )
    if type(error).__name__ in {"NoWorkerError", "NoValidWorkerError"}:
        return WorkerDiedError("no dask worker is left")
    return error


def _library() -> Any:
    """Return the module without types."""
    import distributed

    return distributed


def _start(jobs: int) -> Executor:
    """Return an executor over local worker processes, which listen on this machine only."""
    import shutil
    import tempfile

    # After the import, which loads the defaults that these settings change.
    library = _library()
    import dask.config

    scratch = tempfile.mkdtemp(prefix="rendicom-dask-")
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, scratch, ignore_errors=True)
        undo.enter_context(dask.config.set(_SETTINGS))
        cluster = undo.enter_context(_cluster(library, jobs, scratch))
        client = library.Client(cluster, set_as_default=False)
        close = undo.pop_all().close
    return DaskExecutor(
        client, jobs=jobs, close_cluster=close, kill_workers=lambda: _kill_workers(cluster)
    )


def _cluster(library: Any, jobs: int, scratch: str) -> Any:
    import logging

    try:
        return library.LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            # Otherwise it opens the port of a dashboard, and warns if that is taken.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            security=_security(library),
            silence_logs=logging.CRITICAL,
            local_directory=scratch,
            # No limit, as for other engines: dask pauses or kills workers above it.
            memory_limit=None,
        )
    except RuntimeError as error:
        raise WorkerDiedError(
            "no dask worker can be started",
            hint='put the main code of a script under if __name__ == "__main__"',
        ) from error


def _security(library: Any) -> Any:
    """Return new keys for this run: otherwise all users of the machine could send tasks."""
    from importlib.util import find_spec

    has_keys = find_spec("cryptography") is not None
    return library.Security.temporary() if has_keys else None


def _kill_workers(cluster: Any) -> None:
    import asyncio

    async def kill() -> None:
        ends = (nanny.close(timeout=_KILL_SECONDS) for nanny in cluster.workers.values())
        await asyncio.gather(*ends, return_exceptions=True)

    cluster.sync(kill)


def _connect(address: str) -> Executor:
    """Return an executor over an existing cluster."""
    try:
        _knock(address)
        with _quiet():
            client = _library().Client(
                f"tcp://{address}", timeout=_CONNECT_SECONDS, set_as_default=False
            )
    except (OSError, ValueError, ImportError) as error:
        raise OptionError(
            f"no dask scheduler answers at {address}",
            hint="HOST:PORT as dask scheduler prints it when it starts",
        ) from error
    try:
        _check_versions(client)
    except BaseException:
        client.close()
        raise
    return DaskExecutor(client)


def _knock(address: str) -> None:
    """Raise OSError or ValueError unless a server answers that may be a scheduler.

    Dask would try a closed port for ten seconds, and wait for ever for another kind of server. A
    scheduler sends the length of its greeting first.
    """
    import socket

    host, _, port = address.rpartition(":")
    where = (host.strip("[]"), int(port))
    with socket.create_connection(where, timeout=_CONNECT_SECONDS) as line:
        word = line.recv(8, socket.MSG_WAITALL)
    if len(word) < 8 or int.from_bytes(word, "little") > _LONGEST_GREETING:
        raise ConnectionError


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress dask's warnings of different versions: the relevant ones are checked here."""
    import warnings

    from distributed.versions import VersionMismatchWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionMismatchWarning)
        yield


def _check_versions(client: Any) -> None:
    """Raise OptionError if a worker has no Rendicom, or another version of it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        ours = version("rendicom")
    except PackageNotFoundError:
        return
    theirs = client.run(version, "rendicom", on_error="return")
    for answer in theirs.values():
        if answer == ours:
            continue
        has = f"rendicom {answer}" if isinstance(answer, str) else "no rendicom"
        raise OptionError(
            f"a dask worker has {has}, this is rendicom {ours}",
            hint="install the same version there",
        )


EXECUTOR = Engine(
    name="dask",
    has_own_processes=True,
    open=lambda *, jobs, address="": _connect(address) if address else _start(jobs),
    takes_address=True,
    requires=("distributed",),
    install=install_command("cluster"),
)
