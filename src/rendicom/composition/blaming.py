"""Errors of layers say which layer they are about."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rendicom.errors import RendicomError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Let errors say which layer they are about: the image below it may be sound."""
    try:
        yield
    except RendicomError as error:
        if name and name not in error.message:
            where = "" if error.frame is None else f"frame {error.frame}: "
            error.message = f"{name} cannot be drawn: {where}{error.message}"
            error.frame, error.args = None, (error.message,)
        raise
