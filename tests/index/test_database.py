"""What becomes of the index when its database is damaged, foreign, full, shut or shared."""

from __future__ import annotations

import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from indexedfiles import check_counts, listed
from postgresserver import postgres_server
from rendicom.errors import OptionError, OverloadedError
from rendicom.index.catalogue import Catalogue
from rendicom.index.records import Indexed
from rendicom.index.schema import VERSION

__all__ = ["postgres_server"]


# --- one file ----------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "index.sqlite3"


def opened(path: Path) -> Catalogue:
    return Catalogue(f"sqlite:///{path}")


@pytest.fixture
def kept(path: Path, some: list[Indexed]) -> Path:
    """Return the path of an index that was closed with everything in it."""
    catalogue = opened(path)
    catalogue.put(some)
    catalogue.close()
    return path


def test_what_was_listed_and_deleted_is_there_after_a_restart(kept):
    catalogue = opened(kept)
    assert catalogue.counts() == (3, 6, 60)
    catalogue.delete("1.2.1")
    stamps = [catalogue.stamp("1.2.0"), catalogue.stamp("1.2.0", "1.2.0.0")]
    catalogue.close()
    again = opened(kept)
    assert again.status("1.2.1") == "deleted"
    assert [again.stamp("1.2.0"), again.stamp("1.2.0", "1.2.0.0")] == stamps
    assert again.counts() == (2, 4, 40)
    again.close()


def _overwrite_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 : len(data) - 4096] = b"\xa5" * (len(data) - 8192)
    path.write_bytes(data)


def _overwrite_head(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(b"\xff" * 100 + data[100:])


def _cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(5000)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [_overwrite_middle, _overwrite_head, _cut, _empty, os.unlink])
def test_a_damaged_file_is_made_anew(kept, some, damage):
    damage(kept)
    catalogue = opened(kept)
    try:
        # What is damaged may be found at the first look or only where it is.
        catalogue.counts()
        catalogue.put(some)
        assert listed(catalogue) == {each.instance for each in some}
        check_counts(catalogue)
    finally:
        catalogue.close()
    with closing(sqlite3.connect(kept)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_a_file_that_is_removed_while_it_is_open(kept, some):
    catalogue = opened(kept)
    try:
        generation = catalogue.database.check()
        kept.unlink()
        assert catalogue.counts() == (0, 0, 0)
        assert catalogue.database.check() > generation, "who looks through folders is told"
        catalogue.put(some)
        assert listed(catalogue) == {each.instance for each in some}
    finally:
        catalogue.close()
    assert kept.exists()


@pytest.mark.parametrize("damage", [_overwrite_middle, _overwrite_head])
def test_damage_while_it_is_open(kept, some, damage):
    """It is found when what is damaged is read, and everything is asked for again then."""
    catalogue = opened(kept)
    try:
        damage(kept)
        generation = -1
        while generation != catalogue.database.check():
            generation = catalogue.database.check()
            catalogue.put(some)
            assert listed(catalogue) <= {each.instance for each in some}
            catalogue.counts()
        assert listed(catalogue) == {each.instance for each in some}
        check_counts(catalogue)
    finally:
        catalogue.close()


def test_what_is_no_database_at_all_is_kept(path):
    path.parent.mkdir()
    path.write_text("a letter to somebody" * 40)
    catalogue = opened(path)
    assert catalogue.counts() == (0, 0, 0)
    catalogue.close()
    beside = [each for each in path.parent.iterdir() if b"a letter" in each.read_bytes()[:99]]
    assert len(beside) == 1


def test_the_database_of_another_program_is_refused(path):
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
        other.execute("INSERT INTO recipes VALUES ('soup')")
    other.close()
    with pytest.raises(OptionError, match="another program"):
        opened(path)
    again = sqlite3.connect(path)
    assert again.execute("SELECT name FROM recipes").fetchall() == [("soup",)]
    assert again.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)
    again.close()


def test_an_index_of_a_later_version_is_refused_and_kept(url, some):
    catalogue = Catalogue(url)
    catalogue.put(some[:5])
    _set_version(catalogue, VERSION + 1)
    catalogue.close()
    for _ in range(2):
        with pytest.raises(OptionError, match="newer version") as caught:
            Catalogue(url)
        assert "\n" not in str(caught.value)
        assert caught.value.hint


def test_an_index_of_an_earlier_version_is_made_anew_but_for_what_was_deleted(url, some):
    catalogue = Catalogue(url)
    catalogue.put(some)
    catalogue.delete("1.2.0")
    _set_version(catalogue, 0)
    catalogue.close()
    again = Catalogue(url)
    try:
        assert again.counts() == (0, 0, 0)
        assert again.status("1.2.0") == "deleted"
        again.put([each for each in some if each.study != "1.2.0"])
        assert again.counts() == (2, 4, 40)
    finally:
        again.close()


def _set_version(catalogue: Catalogue, version: int) -> None:
    statement = f"UPDATE rendicom_index SET value = '{version}' WHERE name = 'version'"  # noqa: S608
    catalogue.database.write(lambda connection: connection.exec_driver_sql(statement))


def test_tables_that_are_gone_are_made_anew(url, some):
    catalogue = Catalogue(url)
    try:
        catalogue.put(some)
        for table in ("file", "series", "study"):
            statement = f"DROP TABLE rendicom_{table}"
            catalogue.database.write(lambda connection, s=statement: connection.exec_driver_sql(s))
        assert catalogue.counts() == (0, 0, 0)
        catalogue.put(some)
        assert catalogue.counts() == (3, 6, 60)
    finally:
        catalogue.close()


# --- no room, no right -------------------------------------------------------------------------


def run(code: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def pickled(folder: Path, some: list[Indexed]) -> Path:
    made = folder / "some.pickle"
    made.write_bytes(pickle.dumps(some))
    return made


FULL = """
    import pickle, resource, sys
    from rendicom.errors import UnwritableOutputError
    from rendicom.index.catalogue import Catalogue
    some = pickle.load(open(sys.argv[1], "rb"))
    catalogue = Catalogue(f"sqlite:///{sys.argv[2]}")
    catalogue.put(some[:10])
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limit[1]))
    put = 10
    try:
        for n in range(200):
            catalogue.put([each._replace(instance=f"{each.instance}.{n}",
                           location=f"{each.location}.{n}") for each in some])
            put += len(some)
    except UnwritableOutputError as error:
        print("full", "space" in str(error))
    assert catalogue.counts().instances == put, (catalogue.counts(), put)
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    catalogue.put([each._replace(instance=each.instance + ".99999") for each in some[10:20]])
    assert catalogue.counts().instances == put + 10
    catalogue.close()
    print("well")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit for files there")
def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path, some):
    done = run(FULL, pickled(tmp_path, some), tmp_path / "index.sqlite3")
    assert (done.stdout.split(), done.returncode) == (["full", "True", "well"], 0), done.stderr


SHUT = """
    import os, sys
    from rendicom.errors import OptionError
    from rendicom.index import catalogue, database
    if os.geteuid() == 0:
        os.setegid(65534)
        os.seteuid(65534)
    try:
        catalogue.Catalogue(f"sqlite:///{sys.argv[1]}")
    except OptionError as error:
        print("refused" if "folder" in str(error) else error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folders are shut otherwise there")
@pytest.mark.parametrize("name", ["index.sqlite3", "below/index.sqlite3"])
def test_a_folder_that_cannot_be_written_to(tmp_path, name):
    shut = tmp_path / "shut"
    shut.mkdir()
    shut.chmod(0o555)
    done = run(SHUT, shut / name)
    assert (done.stdout.split(), done.returncode) == (["refused"], 0), done.stderr


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OptionError) as caught:
        opened(tmp_path / "file" / "index.sqlite3")
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there():
    with pytest.raises(OptionError, match="cannot be opened") as caught:
        Catalogue("postgresql://somebody:secret@127.0.0.1:1/index")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_closed_catalogue_does_not_answer(url):
    catalogue = Catalogue(url)
    catalogue.close()
    with pytest.raises(OverloadedError):
        catalogue.counts()


KILLED = """
    import pickle, sys
    from rendicom.index.catalogue import Catalogue
    some = pickle.load(open(sys.argv[1], "rb"))
    catalogue = Catalogue(sys.argv[2])
    for n in range(100_000):
        catalogue.put([each._replace(instance=f"{each.instance}.{n}",
                       location=f"{each.location}.{n}") for each in some])
        print(n, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing is killed like that there")
def test_a_process_that_is_killed_leaves_whole_changes(url, tmp_path, some):
    source = pickled(tmp_path, some)
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(source), url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        process.kill()
        told = 3 + len(process.stdout.read().splitlines())
    catalogue = Catalogue(url)
    try:
        count = catalogue.counts().instances
        assert count % len(some) == 0
        assert told <= count // len(some) <= told + 1
        check_counts(catalogue)
    finally:
        catalogue.close()
