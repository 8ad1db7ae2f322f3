"""The public API is what the stored list says: names, parameters, members, codes of errors.

A change of the list is a change that users see; RELEASING.md has the deprecation policy. After a
change that is meant, ``python tests/test_public_api.py`` writes the list anew.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rendicom
import rendicom.batch.manifest
import rendicom.testing

STORED = Path(__file__).with_name("public_api.txt")


def signature_of(call: Any) -> str:
    """Return names, kinds and defaults of parameters; annotations differ between Pythons."""
    try:
        signature = inspect.signature(call)
    except ValueError:
        return "(...)"
    plain = [
        each.replace(annotation=inspect.Parameter.empty, default=_shown(each.default))
        for each in signature.parameters.values()
    ]
    return str(inspect.Signature(plain))


class _Shown:
    """A default value with a text that is the same in each process."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _shown(default: object) -> object:
    if default is inspect.Parameter.empty or isinstance(default, str | int | float | None):
        return default
    return _Shown(repr(default) if isinstance(default, tuple) and not default else "...")


def members_of(kind: type) -> Iterator[str]:
    fields = {*getattr(kind, "__dataclass_fields__", ()), *getattr(kind, "_fields", ())}
    for name in sorted({*dir(kind), *fields}):
        if name.startswith("_") or (name not in fields and hasattr(Exception, name)):
            continue
        value = inspect.getattr_static(kind, name, None)
        if name in fields or isinstance(value, property) or not callable(getattr(kind, name)):
            code = f" = {value}" if name == "code" else ""
            yield f".{name}{code}"
        elif getattr(value, "__objclass__", None) is None and not hasattr(tuple, name):
            yield f".{name}{signature_of(getattr(kind, name))}"


def listing() -> str:
    """Return the listing of the package and of the modules that are public beside it."""
    lines = []
    for name in rendicom.__all__:
        lines += described(name, getattr(rendicom, name))
    for name in sorted(rendicom.testing.__all__):
        lines += described(f"testing.{name}", getattr(rendicom.testing, name))
    lines += described("batch.manifest.read_manifest", rendicom.batch.manifest.read_manifest)
    return "\n".join(lines) + "\n"


def described(name: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        is_error = issubclass(value, Exception)
        base = f"({value.__bases__[0].__name__})" if is_error else signature_of(value)
        yield f"class {name}{'' if getattr(value, '_is_protocol', False) else base}"
        yield from (f"    {member}" for member in members_of(value))
    else:
        yield f"{name}{signature_of(value) if callable(value) else ''}"


def test_the_public_api_is_the_one_that_is_listed() -> None:
    assert listing() == STORED.read_text(encoding="utf-8")


if __name__ == "__main__":
    STORED.write_text(listing(), encoding="utf-8")
