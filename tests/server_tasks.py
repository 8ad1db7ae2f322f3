"""Calls for the workers of the server's tests: in a module of their own so that workers find it."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import threading
import time
from pathlib import Path

from rendicom.engine import InstanceLocation
from rendicom.errors import BadRequestError


def double(number: int) -> int:
    return 2 * number


def zeros(size: int) -> bytes:
    return bytes(size)


def process() -> int:
    return os.getpid()


def nap(seconds: float, log: str = "", name: str = "") -> str:
    """Sleep; write down the name when it begins."""
    if log:
        with Path(log).open("a", encoding="utf-8") as stream:
            stream.write(f"{name}\n")
    time.sleep(seconds)
    return name


def wait_for(path: str) -> str:
    """Return when the file is there."""
    Path(f"{path}.begun").touch()
    while not Path(path).exists():
        time.sleep(0.005)
    return path


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_first(log: str, times: int) -> int:
    """Die so many times, then return how often this was called."""
    with Path(log).open("a", encoding="utf-8") as stream:
        stream.write(f"{os.getpid()}\n")
    calls = len(Path(log).read_text(encoding="utf-8").split())
    if calls <= times:
        die()
    return calls


def lacks_memory() -> None:
    raise MemoryError


def hold(size: int) -> int:
    return len(bytearray(size))


def term() -> int:
    """Do what the system does to all processes of a service that it stops."""
    os.kill(os.getpid(), signal.SIGTERM)
    return 7


def abort() -> None:
    faulthandler.disable()
    os.abort()


def hold_the_interpreter() -> None:
    """Hang in C without letting any Python code run."""
    ctypes.PyDLL(None).sleep(1000)


def read(place: InstanceLocation) -> int:
    """Read a file: hang where it says so, die where it says so, else return its length."""
    text = Path(place.location).read_text(encoding="utf-8")
    if text == "hang":
        hold_the_interpreter()
    if text == "die":
        die()
    return len(text)


def leave_the_pipe() -> None:
    """Close the pipe of answers once this call is answered, and stay."""

    def leave() -> None:
        time.sleep(0.1)
        os.closerange(3, 256)

    threading.Thread(target=leave, daemon=True).start()


def refuse() -> None:
    raise BadRequestError("this is refused", parameter="window")


def fail() -> None:
    raise ZeroDivisionError("a value of the file: DOE^JOHN")


_warm: list[int] = []


def warm_up() -> None:
    _warm.append(1)


def is_warm() -> bool:
    return bool(_warm)


def never_warm() -> None:
    os._exit(3)


def complain() -> None:
    """Say what libraries say about a value of a file."""
    import logging
    import warnings

    logging.getLogger("pydicom").warning("Invalid value: DOE^JOHN")
    warnings.warn("Invalid value: DOE^JOHN", stacklevel=1)
