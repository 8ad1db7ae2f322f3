"""Waits for something that takes a moment, and finds a free port."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable


def until(
    condition: Callable[[], object],
    *,
    what: str = "what a test needs",
    seconds: float = 60.0,
    pause: float = 0.02,
) -> None:
    """Wait for something that takes a moment; nothing depends on how long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still waiting: {what}"
        time.sleep(pause)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
