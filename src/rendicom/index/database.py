"""Connections to the catalogue's database, from any thread; it is made anew when it is broken."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from rendicom.errors import (
    CorruptDataError,
    OptionError,
    OverloadedError,
    RendicomError,
    UnwritableOutputError,
)
from rendicom.index.tables import prepare
from rendicom.storage.temporary import TemporaryFolder

__all__ = ["Database"]

_T = TypeVar("_T")

_log = logging.getLogger("rendicom.index")

_MAGIC = b"SQLite format 3\0"
_SET_ASIDE = "-damaged"
_BUSY_SECONDS = 30.0
_RETRY_AFTER = 5.0
_ADVISORY_LOCK = 0x52454E44
_GONE = ("SQLITE_READONLY_DBMOVED", "SQLITE_READONLY_RECOVERY", "SQLITE_CANTOPEN")
_BROKEN = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_SHORT_READ")
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE")
_NO_TABLE_STATES = ("42P01", "42703")
_AGAIN_STATES = ("40001", "40P01")
_FULL_STATE = "53100"

_Identity = tuple[int, int] | None


class Database:
    """One database; threads may share it, and processes each have one of their own for it.

    Parameters
    ----------
    url
        ``sqlite:///PATH``, ``sqlite://`` for one that ends with this object, or
        ``postgresql://...``.

    Attributes
    ----------
    generation
        Grows when the database was found gone or damaged and was made anew, empty.

    Raises
    ------
    OptionError
        The URL is of another kind, or the database cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._url = _parsed(url)
        self.kind: Literal["sqlite", "postgresql"] = (
            "sqlite" if self._url.drivername == "sqlite" else "postgresql"
        )
        self.generation = 0
        self._temporary: TemporaryFolder | None = None
        self._path = ""
        if self.kind == "sqlite":
            self._path = self._url.database or self._temporary_path()
            self._url = self._url.set(database=self._path)
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._identity: _Identity = None
        self._engine: Engine | None = None
        try:
            self._open_first()
        except RendicomError:
            self.close()
            raise

    def _open_first(self) -> None:
        try:
            self._open()
        except DBAPIError as error:
            if not (self.kind == "sqlite" and _is(error, *_BROKEN)):
                raise OptionError(
                    f"the database of the index cannot be opened: {_reason(error)}"
                ) from None
            self._make_anew(self._identity_now())

    def _temporary_path(self) -> str:
        self._temporary = TemporaryFolder("index")
        return os.path.join(self._temporary.path, "index.sqlite3")

    def check(self) -> int:
        """Return the generation, after a look whether the file is still there."""
        self._engine_now()
        return self.generation

    def close(self) -> None:
        """Close all connections; a database in a temporary folder is removed."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None
            if self._temporary is not None:
                self._temporary.remove()

    def read(self, ask: Callable[[Connection], _T]) -> _T:
        """Return what ``ask`` does, in one transaction that only reads.

        Raises
        ------
        OverloadedError
            The database does not answer.
        """
        return self._run(ask, writes=False)

    def write(self, change: Callable[[Connection], _T]) -> _T:
        """Return what ``change`` does, in one transaction; it may be run again from its start.

        Raises
        ------
        OverloadedError
            The database does not answer.
        UnwritableOutputError
            There is no room.
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
                    raise _translated(error) from None
            except PoolTimeoutError:
                raise _silent() from None
        raise AssertionError

    # --- opening, and opening again ------------------------------------------------------------

    def _engine_now(self) -> Engine:
        """Return the engine; where the file has been taken away, that of a new one."""
        with self._lock:
            if self._engine is None:
                raise _silent()
            if self.kind == "sqlite" and self._identity_now() != self._identity:
                _log.warning("the file of the index is gone: it is made anew")
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
            _log.error("the index cannot be made anew: %s", type(error).__name__)
            raise _silent() from None
        self.generation += 1

    def _dispose(self) -> None:
        if self._engine is not None:
            self._engine.dispose()

    def _repair(self, error: DBAPIError, identity: _Identity) -> bool:
        """Tell whether it may work now."""
        if self.kind == "postgresql":
            return self._repair_postgresql(error)
        with self._lock:
            if self._engine is None:
                return False
            if identity != self._identity or self._identity_now() != self._identity:
                return True  # somebody has opened it anew already, or the next attempt does
            if _is(error, *_FULL):
                return False
            if _is(error, *_BROKEN):
                self._make_anew(identity)
                return True
            if _is(error, *_GONE) or "no such table" in str(error.orig):
                self._reopen()
                return True
        return False

    def _repair_postgresql(self, error: DBAPIError) -> bool:
        state = getattr(error.orig, "sqlstate", None)
        if state in _NO_TABLE_STATES:
            with self._lock:
                _log.warning("the tables of the index are gone: they are made anew")
                self._reopen()
            return True
        return error.connection_invalidated or state in _AGAIN_STATES

    def _make_anew(self, broken: _Identity) -> None:
        """Put a new file in the place of a damaged one, unless another process just did."""
        _log.warning("the index is damaged: it is made anew")
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
                # What a file that is gone has left behind does not belong to the next one.
                _remove(self._path)
            self._engine = _sqlite_engine(self._url)
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
        raise OptionError(
            "psycopg is not installed", hint="pip install 'rendicom[postgres]'"
        ) from None


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        pool_size=8,
        max_overflow=-1,
        json_serializer=_dumps,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _record: Any) -> None:
    # The driver would begin transactions at moments of its own.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = NORMAL",
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
    """Let one process at a time open, make or replace the file at ``path``."""
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
    """Remove a damaged database; what does not look like one may be somebody's, and is kept."""
    with open(path, "rb") as opened:
        is_database = opened.read(len(_MAGIC)) == _MAGIC
    if not is_database:
        _log.warning("it was no database at all: it is kept beside it, as %s%s", path, _SET_ASIDE)
        os.replace(path, path + _SET_ASIDE)
    _remove(path)


def _remove(path: str) -> None:
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + suffix)


# --- what went wrong ---------------------------------------------------------------------------


def _is(error: DBAPIError, *names: str) -> bool:
    name = getattr(error.orig, "sqlite_errorname", "") or ""
    return name.startswith(names)


def _reason(error: DBAPIError) -> str:
    """Return what the driver says, on one line; a connection's password is not in it."""
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__


def _silent() -> OverloadedError:
    return OverloadedError("the index does not answer", retry_after=_RETRY_AFTER)


def _translated(error: SQLAlchemyError) -> RendicomError:
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        if _is(error, *_FULL) or state == _FULL_STATE:
            return UnwritableOutputError("there is no room for the index")
        if isinstance(error, DataError):
            return CorruptDataError("a value is of a kind that the index cannot hold")
        # The message of the driver may quote values of a patient.
        name = getattr(error.orig, "sqlite_errorname", None) or state or type(error.orig).__name__
        _log.error("the database of the index refuses: %s", name)
    return _silent()
