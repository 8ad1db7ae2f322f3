"""Logs on standard error: a line per event, without contents of requests."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rendicom.server.settings import Settings

_OURS = ("rendicom", "uvicorn", "asyncio")
_NOISE = (
    # Any client can cause these messages as often as it likes.
    "Invalid HTTP request",
    "Exceeded concurrency limit",
    "Unsupported upgrade request",
    "No supported WebSocket",
    # Their causes are reported in messages of this program.
    "Traceback",
    "Application startup failed",
)


def set_up_logs(settings: Settings) -> None:
    """Write the messages of this server and its libraries to standard error."""
    be_quiet()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if settings.log_format == "json" else _Text())
    handler.addFilter(_is_worth_saying)
    logging.root.handlers = [handler]
    logging.root.setLevel(logging.WARNING)
    logging.getLogger("rendicom").setLevel(settings.log_level.upper())


def be_quiet() -> None:
    """Keep libraries from writing to standard error: they quote values of files.

    For worker processes, as the first thing they do.
    """
    import warnings

    logging.root.handlers = [logging.NullHandler()]
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _is_worth_saying(record: logging.LogRecord) -> bool:
    """Tell whether a logger quotes no values, and clients cannot cause its messages."""
    if record.name.partition(".")[0] not in _OURS:
        return False
    return not str(record.msg).startswith(_NOISE)


def _line(record: logging.LogRecord) -> str:
    """Return the first line; tracebacks and other lines quote values."""
    return record.getMessage().partition("\n")[0]


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return f"rendicom: {level}{_line(record)}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry = {"time": time, "level": record.levelname.lower(), "message": _line(record)}
        return json.dumps(entry)
