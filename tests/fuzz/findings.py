"""What a target works with, and how it says that something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

__all__ = ["Case", "Finding", "Target", "require"]


class Finding(AssertionError):  # noqa: N818 - it is no error of the harness
    """A promise that was not kept."""


class Case(NamedTuple):
    """One input in the making.

    Attributes
    ----------
    random
        Decides everything; the same seed and number make the same case.
    folder
        Empty; what is written there is what a report of a finding refers to.
    """

    random: Random
    folder: Path

    def file(self, data: bytes, name: str = "in.dcm") -> Path:
        """Write a file for doors that want a path."""
        path = self.folder / name
        path.write_bytes(data)
        return path


class Target(NamedTuple):
    """A door to try.

    ``run`` returns a word on what became of the case; typed errors may leave it, all other
    exceptions are findings.
    """

    name: str
    weight: int
    run: Callable[[Case], str]


def require(condition: object, message: str) -> None:
    """Raise a finding unless the condition holds."""
    if not condition:
        raise Finding(message)
