"""A server of ours for tests of the client: a few made studies, open to storing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import rendicom
from servedfiles import write_made
from serverprocess import Served, served

__all__ = ["path_of", "serve_made", "sources"]


@contextmanager
def serve_made(folder: Path, data: Path) -> Iterator[Served]:
    """Serve made files, which are written to ``folder``, until the block ends."""
    write_made(folder)
    with served(folder, "--writable", "--data", data, "--rescan", "0", workers=2) as running:
        running.wait_for_index()
        yield running


@cache
def path_of(folder: Path, instance: str) -> Path:
    """Return the file of an instance."""
    named = instance.encode()
    (found,) = (
        path for path in sources(folder)
        if named in path.read_bytes()[:4096] and _uid(path) == instance
    )  # fmt: skip
    return found


def _uid(path: Path) -> str:
    with rendicom.open_instance(path) as opened:
        return opened.sop_instance


def sources(folder: Path) -> list[Path]:
    """Return the files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
