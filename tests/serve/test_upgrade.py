"""Backup, restore and upgrade of what a server keeps, in SQLite and in PostgreSQL."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from postgresserver import PostgresServer, postgres_server
from rendicom.index.schema import VERSION
from servedfiles import ROOT, made
from serverprocess import Served, served

__all__ = ["postgres_server"]

KEPT, STORED, DELETED = (f"{ROOT}.9{number}" for number in range(3))
"""Studies: of a served folder, stored by a client, and stored and deleted again."""
SET_VERSION = "UPDATE rendicom_index SET value = '{}' WHERE name = 'version'"
FORGET_A_COLUMN = "ALTER TABLE rendicom_study DROP COLUMN referring"


def instance(study: str) -> bytes:
    return made(study, f"{study}.1.1", np.full((8, 8), 9, np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "studies"
    root.mkdir()
    (root / "1.dcm").write_bytes(instance(KEPT))
    return root


def studies(server: Served) -> set[str]:
    server.wait_for_index()
    answer = server.get("/studies", "application/dicom+json")
    models = answer.json() if answer.status_code == 200 else []
    return {model["0020000D"]["Value"][0] for model in models}


def use(server: Served) -> None:
    """Store studies and delete one, as clients do."""
    assert studies(server) == {KEPT}
    headers = {"Content-Type": "application/dicom"}
    for study in (STORED, DELETED):
        sent = server.request("POST", "/studies", content=instance(study), headers=headers)
        assert sent.status_code == 200
    assert server.request("DELETE", f"/studies/{DELETED}").status_code == 204
    assert_whole(server)


def assert_whole(server: Served) -> None:
    assert studies(server) == {KEPT, STORED}
    where = f"/studies/{STORED}/series/{STORED}.1/instances/{STORED}.1.1"
    answer = server.get(where, "application/dicom; transfer-syntax=*")
    assert answer.content == instance(STORED)
    # Gone, and not unknown.
    assert server.get(f"/studies/{DELETED}/metadata").status_code == 410


def test_a_copy_made_while_the_server_runs_is_a_whole_server(folder: Path, tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    with served(folder, "--writable", "--data", data) as server:
        use(server)
        shutil.copytree(data / "store", copy / "store")
        with closing(sqlite3.connect(data / "index.sqlite3")) as index:
            index.execute("VACUUM INTO ?", (str(copy / "index.sqlite3"),))
    shutil.rmtree(data)
    with served(folder, "--writable", "--data", copy) as server:
        assert_whole(server)


def test_an_older_index_is_read_anew_and_a_newer_one_refused(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    options = ("--writable", "--data", data)
    with served(folder, *options) as server:
        use(server)
    with closing(sqlite3.connect(data / "index.sqlite3")) as index, index:
        index.execute(SET_VERSION.format(VERSION - 1))
        index.execute(FORGET_A_COLUMN)
    with served(folder, *options) as server:
        assert_whole(server)
    with closing(sqlite3.connect(data / "index.sqlite3")) as index, index:
        index.execute(SET_VERSION.format(VERSION + 1))
    with pytest.raises(AssertionError, match="version"), served(folder, *options):
        pass


def _path(server: PostgresServer) -> str:
    return os.pathsep.join((str(server.programs), os.environ.get("PATH", "")))


@pytest.fixture
def databases(postgres_server: PostgresServer) -> Iterator[tuple[str, str]]:
    """Return the URLs of two empty databases."""
    names = ("before_backup", "after_restore")
    for name in names:
        postgres_server.execute(f"CREATE DATABASE {name}")
    yield postgres_server.url_of(names[0]), postgres_server.url_of(names[1])
    for name in names:
        postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_dump_of_postgresql_is_restored_and_upgraded(
    folder: Path, tmp_path: Path, databases: tuple[str, str], postgres_server: PostgresServer
) -> None:
    store, dump = tmp_path / "store", tmp_path / "rendicom.dump"
    before, after = databases
    options = ("--writable", "--store", store, "--database")
    programs = [
        shutil.which(each, path=_path(postgres_server)) for each in ("pg_dump", "pg_restore")
    ]
    if None in programs:
        pytest.skip("pg_dump is not installed beside PostgreSQL")
    dumping, restoring = map(str, programs)
    with served(folder, *options, before) as server:
        use(server)
        command = [dumping, "--format=custom", "--table=rendicom_*", f"--file={dump}"]
        subprocess.run([*command, f"--dbname={before}"], check=True, timeout=60)
    command = [restoring, "--clean", "--if-exists", f"--dbname={after}", str(dump)]
    subprocess.run(command, check=True, timeout=60)
    with served(folder, *options, after) as server:
        assert_whole(server)
    postgres_server.execute(SET_VERSION.format(VERSION - 1), url=after)
    postgres_server.execute(FORGET_A_COLUMN, url=after)
    with served(folder, *options, after) as server:
        assert_whole(server)
