"""Thread-safe connections to the catalogue's database; a damaged SQLite file is replaced."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from typing import Any, Literal, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from rendicom.errors import OptionError, RendicomError
from rendicom.extras import install_command
from rendicom.index.database_errors import (
    BROKEN,
    FULL,
    GONE,
    is_sqlite_error,
    reason,
    silent,
    translated,
)
from rendicom.index.schema import prepare
from rendicom.storage.temporary import TemporaryFolder

_T = TypeVar("_T")

_log = logging.getLogger("rendicom.index")

_MAGIC = b"SQLite format 3\0"
_SET_ASIDE = "-damaged"
_BUSY_SECONDS = 30.0
_ADVISORY_LOCK = 0x52454E44
_NO_TABLE_STATES = ("42P01", "42703")
_AGAIN_STATES = ("40001", "40P01")

_Identity = tuple[int, int] | None


class Database:
    """Connections to one database; shared by threads, one object per process.

    Parameters
    ----------
    url
        ``sqlite:///PATH``, ``sqlite://`` for one that ends with this object, or
        ``postgresql://...``.
    is_durable
        SQLite waits for the disk at each commit.

    Attributes
    ----------
    generation
        Increases each time a missing or damaged database is replaced by an empty one.

    Raises
    ------
    OptionError
        The URL is of another kind, or the database cannot be used.
    """

    def __init__(self, url: str, *, is_durable: bool = False) -> None:
        self._url = _parsed(url)
        self._is_durable = is_durable
        self.kind: Literal["sqlite", "postgresql"] = (
            "sqlite" if self._url.drivername == "sqlite" else "postgresql"
        )
        self.generation = 0
        self._temporary: TemporaryFolder | None = None
        self._path = ""
        if self.kind == "sqlite":
            self._path = self._url.database or ""
            if not self._path:
                self._temporary = TemporaryFolder("index")
                self._path = os.path.join(self._temporary.path, "index.sqlite3")
            self._url = self._url.set(database=self._path)
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._identity: _Identity = None
        self._engine: Engine | None = None
        self._watcher: sqlite3.Connection | None = None
        self._watchers = 0
        try:
            self._open_first()
        except RendicomError:
            self.close()
            raise

    def _open_first(self) -> None:
        try:
            self._open()
        except DBAPIError as error:
            if not (self.kind == "sqlite" and is_sqlite_error(error, *BROKEN)):
                raise OptionError(
                    f"the database of the index cannot be opened: {reason(error)}"
                ) from None
            self._make_anew(self._identity_now())

    def check(self) -> int:
        """Check that the file exists, and return the generation."""
        self._engine_now()
        return self.generation

    def state(self) -> Hashable:
        """Return a value that stays equal until a change is committed, in any process.

        It may differ without a change.

        Raises
        ------
        OverloadedError
            The database does not answer.
        """
        if self.kind == "postgresql":
            # The transactions whose changes are visible.
            asked = text("SELECT CAST(txid_current_snapshot() AS text)")
            return self.read(lambda connection: str(connection.execute(asked).scalar()))
        self._engine_now()
        with self._lock:
            try:
                # It counts the commits of all connections but its own, which never writes.
                version = self._watcher_now().execute("PRAGMA data_version").fetchone()[0]
            except sqlite3.Error:
                return object()
            return self._watchers, version

    def _watcher_now(self) -> sqlite3.Connection:
        if self._watcher is None:
            self._watcher = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False
            )
            self._watchers += 1
        return self._watcher

    def close(self) -> None:
        """Close all connections; a database in a temporary folder is removed."""
        with self._lock:
            self._dispose()
            self._engine = None
            if self._temporary is not None:
                self._temporary.remove()

    def read(self, ask: Callable[[Connection], _T]) -> _T:
        """Return the result of ``ask`` in one read-only transaction.

        Raises
        ------
        OverloadedError
            The database does not answer.
        """
        return self._run(ask, writes=False)

    def write(self, change: Callable[[Connection], _T]) -> _T:
        """Return the result of ``change`` in one transaction; it may be called again on a conflict.

        Raises
        ------
        OverloadedError
            The database does not answer.
        UnwritableOutputError
            There is not enough space.
        CorruptDataError
            The database cannot hold a value.
        """
        with self._writing if self.kind == "sqlite" else contextlib.nullcontext():
            return self._run(change, writes=True)

    def _run(self, work: Callable[[Connection], _T], *, writes: bool) -> _T:
        for attempt in range(3):
            engine = self._engine_now()
            identity = self._identity
            try:
                connected = engine.connect().execution_options(rendicom_writes=writes)
                with connected as connection, connection.begin():
                    return work(connection)
            except DBAPIError as error:
                if attempt == 2 or not self._repair(error, identity):
                    raise translated(error) from None
            except PoolTimeoutError:
                raise silent() from None
        raise AssertionError

    # --- opening, and opening again ------------------------------------------------------------

    def _engine_now(self) -> Engine:
        """Return the engine; of a new file if the old one is gone."""
        with self._lock:
            if self._engine is None:
                raise silent()
            if self.kind == "sqlite" and self._identity_now() != self._identity:
                _log.warning("the file of the index is gone: it is created again")
                self._reopen()
            return self._engine

    def _identity_now(self) -> _Identity:
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _reopen(self) -> None:
        self._dispose()
        try:
            self._open()
        except (DBAPIError, OptionError, OSError) as error:
            _log.error("the index cannot be created again: %s", type(error).__name__)
            raise silent() from None
        self.generation += 1

    def _dispose(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        if self._engine is not None:
            self._engine.dispose()

    def _repair(self, error: DBAPIError, identity: _Identity) -> bool:
        """Return whether a retry makes sense."""
        if self.kind == "postgresql":
            return self._repair_postgresql(error)
        with self._lock:
            if self._engine is None:
                return False
            if identity != self._identity or self._identity_now() != self._identity:
                return True  # reopened by another thread, or at the next attempt
            if is_sqlite_error(error, *FULL):
                return False
            if is_sqlite_error(error, *BROKEN):
                self._make_anew(identity)
                return True
            if is_sqlite_error(error, *GONE) or "no such table" in str(error.orig):
                self._reopen()
                return True
        return False

    def _repair_postgresql(self, error: DBAPIError) -> bool:
        state = getattr(error.orig, "sqlstate", None)
        if state in _NO_TABLE_STATES:
            with self._lock:
                _log.warning("the tables of the index are gone: they are created again")
                self._reopen()
            return True
        return error.connection_invalidated or state in _AGAIN_STATES

    def _make_anew(self, broken: _Identity) -> None:
        """Replace a damaged file, unless another process just did."""
        _log.warning("the index is damaged: it is created again")
        self._dispose()
        with _exclusive(self._path):
            if self._identity_now() == broken:
                _take_away(self._path)
        self._reopen()

    def _open(self) -> None:
        if self.kind == "postgresql":
            self._engine = _postgresql_engine(self._url)
            with self._engine.begin() as connection:
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK}
                )
                prepare(connection)
            return
        try:
            os.makedirs(os.path.dirname(os.path.abspath(self._path)), exist_ok=True)
        except OSError as error:
            raise OptionError(
                f"the folder of the index cannot be made: {error.strerror}", hint=_FOLDER_HINT
            ) from None
        with _exclusive(self._path):
            if self._identity_now() is None:
                # Journals of the removed file must not be applied to the new one.
                _remove(self._path)
            self._engine = _sqlite_engine(self._url, is_durable=self._is_durable)
            connected = self._engine.connect().execution_options(rendicom_writes=True)
            with connected as connection, connection.begin():
                prepare(connection)
            self._identity = self._identity_now()


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise OptionError("the URL of the index is malformed", hint=_URL_HINT) from None
    name = parsed.drivername
    if name == "sqlite":
        return parsed
    if name in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    raise OptionError("the index is in SQLite or PostgreSQL", hint=_URL_HINT)


_FOLDER_HINT = "it must be writable; --data names another one"
_URL_HINT = "give postgresql://USER@HOST/NAME or sqlite:////FOLDER/index.sqlite3"


def _postgresql_engine(url: URL) -> Engine:
    try:
        return create_engine(
            url,
            pool_size=8,
            max_overflow=24,
            pool_pre_ping=True,
            pool_timeout=_BUSY_SECONDS,
            json_serializer=_dumps,
            connect_args={"connect_timeout": 10},
        )
    except (ImportError, NoSuchModuleError):
        raise OptionError("psycopg is not installed", hint=install_command("postgres")) from None


def _sqlite_engine(url: URL, *, is_durable: bool) -> Engine:
    engine = create_engine(
        url,
        pool_size=8,
        max_overflow=-1,
        json_serializer=_dumps,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", partial(_set_up, is_durable=is_durable))
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _record: Any, *, is_durable: bool) -> None:
    # The driver would begin transactions implicitly.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {'FULL' if is_durable else 'NORMAL'}",
            "cache_size = -32000",
            "journal_size_limit = 67108864",
        ):
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("rendicom_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@contextlib.contextmanager
def _exclusive(path: str) -> Iterator[None]:
    """Hold the lock to open, create or replace the file at ``path``."""
    try:
        lock = sqlite3.connect(f"{path}-lock", timeout=_BUSY_SECONDS, isolation_level=None)
    except sqlite3.Error:
        raise OptionError(
            "the index cannot be opened or made in its folder",
            hint=_FOLDER_HINT,
        ) from None
    try:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error:
            raise OptionError("the folder of the index cannot be written to") from None
        yield
    finally:
        lock.close()


def _take_away(path: str) -> None:
    """Remove a damaged database; a file of another kind is kept."""
    with open(path, "rb") as opened:
        is_database = opened.read(len(_MAGIC)) == _MAGIC
    if not is_database:
        _log.warning("the file was not a database: it is kept as %s%s", path, _SET_ASIDE)
        os.replace(path, path + _SET_ASIDE)
    _remove(path)


def _remove(path: str) -> None:
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + suffix)
