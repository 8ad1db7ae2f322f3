"""A real PostgreSQL server in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

__all__ = ["PostgresServer", "postgres_server", "run_postgres"]

_USERS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root: then one of these runs it."""


class PostgresServer(NamedTuple):
    """A server on this machine that ends with the tests.

    Attributes
    ----------
    programs
        Folder of PostgreSQL's programs.
    folder
        Where its data and its socket are.
    """

    programs: Path
    folder: Path
    port: int
    user: dict[str, Any]

    @property
    def url(self) -> str:
        """Return the URL of the database that is always there."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql://tester@127.0.0.1:{self.port}/{database}"

    def make_database(self) -> str:
        """Return the URL of a place with nothing in it: a schema of its own, made in a moment."""
        name = f"index_{uuid4().hex[:12]}"
        self.execute(f"CREATE SCHEMA {name}")
        return f"{self.url}?options=-csearch_path%3D{name}"

    def execute(self, statement: str, *, url: str = "") -> list[Any]:
        """Run one statement, in the database that is always there or another one."""
        import psycopg

        with psycopg.connect(url or self.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def control(self, *arguments: str) -> None:
        """Run pg_ctl."""
        command = [str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(
            command, check=True, timeout=60, stdout=subprocess.DEVNULL, cwd="/", **self.user
        )

    def start(self) -> None:
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200 "
            f"-c unix_socket_directories={self.folder}"
        )
        self.control("-w", "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        self.control("-w", "-m", "immediate", "stop")


def _programs() -> Path | None:
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version_of)
    return versions[-1].parent if versions else None


def _version_of(path: Path) -> int:
    name = path.parents[1].name
    return int(name) if name.isdigit() else 0


def _user() -> dict[str, Any]:
    """Return as whom `subprocess` is to run a program; as ourselves unless we are root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    import pwd

    for name in _USERS:
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is nobody else")


@contextlib.contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    """Give a server that has just been made; skip where PostgreSQL is not installed."""
    pytest.importorskip("psycopg")
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    user = _user()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    # Not below the folder of pytest, which nobody else may enter.
    folder = Path(tempfile.mkdtemp(prefix="rendicom-postgres-"))
    try:
        if user:
            os.chown(folder, user["user"], user["group"])
        server = PostgresServer(programs, folder, port, user)
        made = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "tester"]
        made += ["-A", "trust", "--no-sync", "-E", "UTF8", "--locale", "C.UTF-8"]
        subprocess.run(made, check=True, timeout=120, stdout=subprocess.DEVNULL, cwd="/", **user)
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Give the server of these tests."""
    with run_postgres() as server:
        yield server
