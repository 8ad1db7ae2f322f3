"""One server over a folder of real files, for all tests of a session that only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx2")
pytest.importorskip("psutil")

from servedfiles import write_made, write_real
from serverprocess import Served, served
from troubledserver import small_disk, troubled, untouched


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that is served."""
    root = tmp_path_factory.mktemp("served")
    write_made(root / "made")
    write_real(root / "real")
    return root


@pytest.fixture(scope="session")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a server that holds to the standard."""
    audit = tmp_path_factory.mktemp("audit") / "log"
    with served(folder, "--audit-log", audit, "--rescan", "0") as running:
        running.wait_for_index()
        running.audit = audit
        yield running


@pytest.fixture(scope="session")
def lenient(folder: Path) -> Iterator[Served]:
    """Return a server that answers what common clients ask."""
    with served(folder / "made", "--lenient", "--rescan", "0") as running:
        running.wait_for_index()
        yield running


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the index and what is stored are in."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def archive(data: Path, folder: Path) -> Iterator[Served]:
    """Return a server that clients may store to; it serves the files made in code as well."""
    more = ("--writable", "--data", data, "--rescan", "1", "--max-body", str(64 << 20),
            "--cors", "https://viewer.example")  # fmt: skip
    with served(folder / "made", *more) as running:
        running.wait_for_index()
        yield running


@pytest.fixture(scope="session")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder that clients of the troubled server store to."""
    with small_disk(tmp_path_factory.mktemp("room")) as folder:
        yield folder


@pytest.fixture(scope="session")
def target(room: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a server whose files, codecs and disk are trouble."""
    with troubled(tmp_path_factory.mktemp("faults"), room) as running:
        yield running


@pytest.fixture
def unharmed(target: Served) -> Iterator[None]:
    """See to it that a test leaves the troubled server as it was."""
    with untouched(target):
        yield
