"""What the tests of executors let workers do: in a module, so that workers find it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

from rendicom.workers import worker_process
from rendicom.workers.deadline import RepeatedDeadline
from rendicom.workers.worker_process import parent_is_gone


class Unpicklable:
    def __reduce__(self) -> NoReturn:
        raise TypeError("not me")


class OneWayError(Exception):
    """Can be pickled, and not made again from what was pickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} {two}")


class OneWayResult:
    def __reduce__(self) -> tuple[object, ...]:
        return int, ("no number",)


def process_id() -> int:
    return os.getpid()


def add(one: int, *, two: int) -> int:
    return one + two


def same(argument: object) -> object:
    return argument


def wait_for(path: str) -> None:
    while not Path(path).exists():
        time.sleep(0.01)


def blob(size: int) -> bytes:
    return os.urandom(1) * size


def length(data: bytes) -> int:
    return len(data)


def touch_and_sleep(path: str, seconds: float) -> int:
    """Say that it has begun, and who is at it."""
    part = Path(f"{path}.{os.getpid()}.part")
    part.write_text(str(os.getpid()))
    part.rename(path)
    time.sleep(seconds)
    return os.getpid()


def part_file(path: str, begun: str) -> None:
    try:
        Path(path).touch()
        touch_and_sleep(begun, 60)
    finally:
        Path(path).unlink()


def kill_once(path: str) -> str:
    """Die the first time, succeed the next."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "done"
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def segfault() -> None:
    ctypes.string_at(0)


def leave(code: int) -> NoReturn:
    sys.exit(code)


def hang_with_lock(seconds: float | None) -> None:
    """Sleep in C without giving up the interpreter: no Python code runs in this worker_process."""
    with RepeatedDeadline(seconds):
        ctypes.PyDLL(None).sleep(60)


def hang_without_lock(seconds: float) -> None:
    with RepeatedDeadline(seconds):
        time.sleep(60)


def outstay(seconds: float) -> None:
    """Hang, in a worker that is to be alone for so many seconds and no more."""
    worker_process._SECONDS_ALONE = seconds
    time.sleep(60)


def hang_in_a_thread(seconds: float) -> str:
    """Keep the deadlines of other threads, and miss one in the middle."""
    with RepeatedDeadline(60):
        thread = threading.Thread(target=hang_without_lock, args=(seconds,), daemon=True)
        thread.start()
        for _ in range(100):
            with RepeatedDeadline(0.5):
                time.sleep(0.1)
    return "not reached"


def keep_deadlines(count: int) -> int:
    for _ in range(count):
        with RepeatedDeadline(0.2):
            time.sleep(0.01)
    time.sleep(0.4)
    return count


def unpicklable() -> object:
    return Unpicklable()


def one_way_result() -> object:
    return OneWayResult()


def fail(kind: str) -> NoReturn:
    if kind == "unpicklable":
        error = ValueError("bad")
        error.thing = Unpicklable()  # type: ignore[attr-defined]
        raise error
    if kind == "one way":
        raise OneWayError(1, 2)
    raise KeyError(kind)


def print_much() -> str:
    sys.stdout.write("a codec that talks\n")
    sys.stdout.flush()
    os.write(1, b"and one in C\n")
    return "quiet" if not sys.stdin.read() else "heard something"


def environment(name: str) -> str | None:
    return os.environ.get(name)


def modules() -> list[str]:
    return sorted(sys.modules)


def interrupt_group() -> int:
    return os.getpgid(0)


def until_parent_is_gone(begun: str, ended: str) -> None:
    """Work as the worker's loop does: look between pictures whether anybody still wants them."""
    touch_and_sleep(begun, 0)
    while not parent_is_gone():
        time.sleep(0.01)
    Path(ended).touch()


def import_missing() -> None:
    raise ModuleNotFoundError("No module named 'rendicom.batch.nowhere'", name="rendicom.batch.x")


def page_faults(times: int, blocks: int) -> int:
    """Return how often memory was new, where blocks of 100 kB are made and freed so many times."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        made = [b"\1" * 100_000 for _ in range(blocks)]
        made.clear()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
