"""What the codecs out of imagecodecs have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

from rendicom.errors import CorruptDataError

__all__ = ["INSTALL", "call", "version_of"]

INSTALL = "pip install imagecodecs"


@cache
def version_of(name: str) -> str | None:
    """Return what ``imagecodecs.<name>_version`` says, without the library's own name."""
    if find_spec("imagecodecs") is None:
        return None
    import imagecodecs

    codec = getattr(imagecodecs, name.upper(), None)
    if codec is None or not codec.available:
        return None
    text = str(getattr(imagecodecs, f"{name}_version")())
    return text.partition(" ")[2] or text


def call(decode: Callable[..., Any], stream: bytes | memoryview, **how: Any) -> Any:
    """Return what a decoder makes of a stream; its own errors become CorruptDataError."""
    try:
        return decode(stream, **how)
    except (RuntimeError, ValueError, TypeError, IndexError, OverflowError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CorruptDataError(reason[:160]) from error
    except MemoryError as error:
        raise CorruptDataError("the stream asks for more memory than there is") from error
