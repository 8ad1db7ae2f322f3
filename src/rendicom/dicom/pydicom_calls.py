"""Calls pydicom without its warnings, lists its exceptions, and finds its files."""

from __future__ import annotations

import struct
import threading
import warnings
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_QUIET = threading.RLock()


@cache
def pydicom_raises() -> tuple[type[Exception], ...]:
    """Return the exceptions that pydicom raises for malformed bytes."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (
        ArithmeticError, AssertionError, AttributeError, EOFError, LookupError,
        NotImplementedError, OSError, RecursionError, TypeError, ValueError, struct.error,
        BytesLengthException, InvalidDicomError,
    )  # fmt: skip


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Suppress pydicom's warnings: they may quote values.

    One thread at a time, since the filters are those of the process.
    """
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def pydicom_data(*names: str) -> Path:
    """Return the path of a file that comes with pydicom, without importing pydicom."""
    from importlib.util import find_spec
    from pathlib import Path

    package = find_spec("pydicom")
    folder = Path(package.origin if package and package.origin else "pydicom").parent
    return folder.joinpath("data", *names)
