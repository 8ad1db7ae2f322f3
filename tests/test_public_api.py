"""The public API is what the stored list says: names, types, members, codes.

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
from rendicom.coded_warnings import WARNINGS

STORED = Path(__file__).with_name("public_api.txt")


def signature_of(call: Any) -> str:
    """Return names, kinds, types and defaults of parameters, and the type of the result."""
    try:
        signature = inspect.signature(call)
    except ValueError:
        return "(...)"
    typed = [
        each.replace(annotation=_typed(each.annotation), default=_shown(each.default))
        for each in signature.parameters.values()
    ]
    result = inspect.Signature.empty if inspect.isclass(call) else signature.return_annotation
    return str(inspect.Signature(typed, return_annotation=_typed(result)))


def _typed(annotation: Any) -> Any:
    """Return a type as its source has it: how Python shows it differs between versions."""
    if annotation is inspect.Parameter.empty:
        return annotation
    text = getattr(annotation, "__forward_arg__", None) or getattr(annotation, "__name__", None)
    return _Shown(text or str(annotation))


def type_of(kind: type, name: str, value: Any) -> str:
    """Return the type of a field or property, with its colon, or nothing."""
    if isinstance(value, property):
        found = inspect.signature(value.fget).return_annotation if value.fget else None
    elif (call := getattr(value, "func", None)) is not None:
        found = inspect.signature(call).return_annotation
    else:
        owners = map(inspect.get_annotations, kind.__mro__)
        found = next((each[name] for each in owners if name in each), None)
    return f": {_typed(found)!r}" if found is not None else ""


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
        inherited = any(hasattr(each, name) for each in (Exception, str) if issubclass(kind, each))
        if name.startswith("_") or (name not in fields and inherited):
            continue
        value = inspect.getattr_static(kind, name, None)
        if name in fields or isinstance(value, property) or not callable(getattr(kind, name)):
            is_code = name == "code" and isinstance(value, str)
            yield f".{name} = {value}" if is_code else f".{name}{type_of(kind, name, value)}"
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
    lines += [f"warning {code}" for code in sorted(WARNINGS)]
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
