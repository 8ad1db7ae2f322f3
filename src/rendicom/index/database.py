"""Opens the database of the index: SQLite in one file, or PostgreSQL for several servers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, insert, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError, SQLAlchemyError

from rendicom.errors import OptionError, UnwritableOutputError
from rendicom.index.schema import VERSION, metadata, schema

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

__all__ = ["Database"]

_BUSY_SECONDS = 30
_LOCK = 0x52454E44
"""Key of the advisory lock under which PostgreSQL's tables are made."""


class Database:
    """Connections to the index, from any thread.

    Parameters
    ----------
    url
        ``sqlite:///PATH``, ``sqlite://`` for one in memory, or ``postgresql://...``.

    Raises
    ------
    OptionError
        The URL is none, its driver is not installed, or nobody answers there.
    """

    def __init__(self, url: str) -> None:
        self._temporary: TemporaryDirectory[str] | None = None
        self._url = _checked(url)
        if self.is_sqlite and not self._url.database:
            self._temporary = TemporaryDirectory(
                prefix="rendicom-index-", ignore_cleanup_errors=True
            )
            self._url = self._url.set(database=str(Path(self._temporary.name, "index.sqlite3")))
        self._path = self._url.database if self._url.get_backend_name() == "sqlite" else None
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self.generation = 0
        """Grows when the tables had to be made anew: all that was known is gone."""
        self._open()

    @property
    def is_sqlite(self) -> bool:
        """Tell whether it is a file of this machine, or memory of this process."""
        return str(self._url.get_backend_name()) == "sqlite"

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection to ask."""
        with self._mended() as engine, engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection to change things: all that is done with it, or nothing."""
        with self._mended() as engine, engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None
            if self._temporary is not None:
                self._temporary.cleanup()

    @contextlib.contextmanager
    def _mended(self) -> Iterator[Engine]:
        """Give the engine; when the database is broken, make it anew for whoever comes next."""
        with self._lock:
            engine = self._engine
            is_lost = engine is None or (self._is_file and not Path(str(self._path)).exists())
        if is_lost:
            self._renew()
            engine = self._engine
        if engine is None:
            raise UnwritableOutputError("the index is closed")
        try:
            yield engine
        except OperationalError as error:
            if self._is_file and _is_full(error):
                raise UnwritableOutputError("there is no room for the index") from None
            if not self._is_broken(error):
                raise
            self._renew()
            raise
        except DatabaseError as error:
            if not self._is_broken(error):
                raise
            self._renew()
            raise

    @property
    def _is_file(self) -> bool:
        return self._path is not None

    def _is_broken(self, error: SQLAlchemyError) -> bool:
        text = str(getattr(error, "orig", error)).lower()
        signs = ("malformed", "not a database", "no such table", "disk i/o error", "readonly")
        return self._is_file and any(sign in text for sign in signs)

    def _renew(self) -> None:
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None
            if self._is_file:
                self._remove()
        self._open()
        self.generation += 1

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                Path(f"{self._path}{suffix}").unlink()

    def _open(self) -> None:
        engine = _engine(self._url)
        try:
            self._prepare(engine)
        except DatabaseError as error:
            engine.dispose()
            if not self._is_broken(error):
                raise OptionError(f"the database cannot be used: {_reason(error)}") from None
            self._remove()
            engine = _engine(self._url)
            self._prepare(engine)
        with self._lock:
            self._engine = engine

    def _prepare(self, engine: Engine) -> None:
        """Make the tables, if they are not there as this version has them."""
        with engine.begin() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            found = _version(connection)
            if found == VERSION:
                return
            if found is not None and found > VERSION:
                raise OptionError(
                    "the index was made by a newer Rendicom",
                    hint="use that one, or another --data or --database",
                )
            metadata.drop_all(connection)
            metadata.create_all(connection)
            connection.execute(insert(schema).values(version=VERSION))


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(schema.name):
        return None
    return connection.execute(select(schema.c.version)).scalar()


def _checked(url: str) -> Any:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise OptionError("--database is no URL", hint="postgresql://USER@HOST/NAME") from None
    name = parsed.get_backend_name()
    if name == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if name != "sqlite":
        raise OptionError(f"--database {name} is not known", hint="postgresql://USER@HOST/NAME")
    return parsed


def _engine(url: Any) -> Engine:
    try:
        if url.get_backend_name() != "sqlite":
            return create_engine(url, pool_pre_ping=True, pool_size=8, max_overflow=24)
        engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
    except ImportError:
        raise OptionError(
            "PostgreSQL needs psycopg, which is not installed",
            hint='pip install "rendicom[postgres]"',
        ) from None
    event.listen(engine, "connect", _set_up)
    return engine


def _set_up(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _is_full(error: SQLAlchemyError) -> bool:
    return "full" in str(getattr(error, "orig", error)).lower()


def _reason(error: SQLAlchemyError) -> str:
    return (str(getattr(error, "orig", error)).splitlines() or [type(error).__name__])[0]
