"""Translates errors of the database drivers."""

from __future__ import annotations

import logging

from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError

from rendicom.errors import (
    CorruptDataError,
    OverloadedError,
    RendicomError,
    UnwritableOutputError,
)

_log = logging.getLogger("rendicom.index")

GONE = ("SQLITE_READONLY_DBMOVED", "SQLITE_READONLY_RECOVERY", "SQLITE_CANTOPEN")
BROKEN = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_SHORT_READ")
FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE")
_FULL_STATE = "53100"
_RETRY_AFTER = 5.0


def is_sqlite_error(error: DBAPIError, *names: str) -> bool:
    """Tell whether the name of an error of SQLite begins with one of ``names``."""
    name = getattr(error.orig, "sqlite_errorname", "") or ""
    return name.startswith(names)


def reason(error: DBAPIError) -> str:
    """Return the message of the driver on one line, without the password."""
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__


def silent() -> OverloadedError:
    """Return the error for a database that does not answer."""
    return OverloadedError("the index does not answer", retry_after=_RETRY_AFTER)


def translated(error: SQLAlchemyError) -> RendicomError:
    """Return the error for a failed statement, without the message of the driver."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        if is_sqlite_error(error, *FULL) or state == _FULL_STATE:
            return UnwritableOutputError("there is not enough space for the index")
        if isinstance(error, DataError):
            return CorruptDataError("a value is of a kind that the index cannot hold")
        # The message of the driver may contain values of a patient.
        name = getattr(error.orig, "sqlite_errorname", None) or state or type(error.orig).__name__
        _log.error("the database of the index reports an error: %s", name)
    return silent()
