"""Reads query parameters, each once and by its own grammar (PS3.18 8.3.4, 8.3.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from typing import NamedTuple, TypeVar, get_args

from rendicom.errors import BadRequestError, OptionError
from rendicom.option_values import Annotation

_T = TypeVar("_T")

_LONGEST_VALUE = 1000
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_KEYWORD = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class Keywords(NamedTuple):
    """The requested annotations as canonical text, and warnings of unknown ones."""

    text: str | None = None
    warnings: tuple[str, ...] = ()


def given(pairs: Sequence[tuple[str, str]], names: Container[str]) -> dict[str, str]:
    """Return the values of the parameters in ``names``; others are ignored.

    Raises
    ------
    BadRequestError
        A parameter is given twice, or is too long.
    """
    texts: dict[str, str] = {}
    for name, text in pairs:
        if name not in names:
            continue
        if name in texts:
            raise BadRequestError(f"{name} is given twice", parameter=name)
        if len(text) > _LONGEST_VALUE:
            raise BadRequestError(
                f"{name} is longer than {_LONGEST_VALUE} characters", parameter=name
            )
        texts[name] = text
    return texts


def read(name: str, reader: Callable[[str], _T], text: str) -> _T:
    """Return the value that a reader returns; its OptionError gets the ``name`` added."""
    try:
        return reader(text)
    except OptionError as error:
        raise BadRequestError(error.message, hint=error.hint, parameter=name) from None


def read_decimals(text: str, *, what: str) -> tuple[float | None, ...]:
    """Return comma-separated finite decimals; ``None`` for an empty one.

    Raises
    ------
    OptionError
        One is not a decimal number, or is too large.
    """
    return tuple(_decimal(part, what) if part else None for part in text.split(","))


def _decimal(text: str, what: str) -> float:
    value = float(text) if _DECIMAL.fullmatch(text) else float("nan")
    if not abs(value) < float("inf"):
        raise OptionError(f"{what}: {text!r} is not a decimal number")
    return value


def read_annotation(text: str) -> Keywords:
    """Return the keywords that are supported, and a warning of those that are not (8.3.5.1.1).

    Raises
    ------
    OptionError
        A member is empty, or not a keyword.
    """
    words = text.split(",")
    if not all(map(_KEYWORD.fullmatch, words)):
        raise OptionError("annotation is not a comma-separated list of keywords")
    known = [word for word in get_args(Annotation) if word in words]
    unknown = dict.fromkeys(word for word in words if word not in known)
    missing = ",".join(unknown)
    warning = f"The following annotation values are not supported: {missing}"
    return Keywords(",".join(known) or None, (warning,) if unknown else ())
