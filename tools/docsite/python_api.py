"""The reference of the Python interface, from signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from types import UnionType
from typing import Any, get_args

import griffe

import rendicom
from rendicom.options import RenderOptions

__all__ = ["GENERATORS"]

_KINDS = (
    ("Functions", inspect.isfunction),
    ("Classes", lambda value: inspect.isclass(value) and not issubclass(value, Exception)),
    ("Exceptions", lambda value: inspect.isclass(value) and issubclass(value, Exception)),
    ("Values", lambda value: not (inspect.isclass(value) or inspect.isfunction(value))),
)


def python() -> str:
    """Return a section for each public name."""
    names = {name: getattr(rendicom, name) for name in rendicom.__all__ if name != "__version__"}
    parts = []
    for title, belongs in _KINDS:
        parts.append(f"## {title}")
        for name, value in names.items():
            if belongs(value):
                parts += _entry(name, value)
    return "\n\n".join(filter(None, parts))


def _entry(name: str, value: Any) -> Iterator[str]:
    yield f"### {name}"
    if isinstance(value, UnionType):
        kinds = ", ".join(f"`{each.__name__}`" for each in get_args(value))
        yield f"One of {kinds}: what [convert](#convert) hands to `on_result`."
        return
    if not callable(value):
        yield f"A {type(value).__name__}; [rendering options](options.md) lists it."
        return
    is_made_by_users = not (
        inspect.isclass(value)
        and (issubclass(value, Exception) or getattr(value, "_is_protocol", False))
    )
    if is_made_by_users:
        yield _signature(f"rendicom.{name}", value)
    yield _docstring(inspect.getdoc(value) or "")
    if inspect.isclass(value) and not issubclass(value, Exception):
        ours = [each for each in value.__mro__ if each.__module__.startswith("rendicom")]
        members = {name: what for each in reversed(ours) for name, what in vars(each).items()}
        for member, what in members.items():
            if not member.startswith("_"):
                yield from _member(name, member, what)


def _member(owner: str, name: str, what: Any) -> Iterator[str]:
    function = what.__func__ if isinstance(what, classmethod | staticmethod) else what
    if isinstance(function, property) and function.fget is not None:
        kind = function.fget.__annotations__.get("return", "")
        yield f"#### {owner}.{name}"
        yield f"Property: `{kind}`" if kind else "Property"
    elif inspect.isfunction(function):
        yield f"#### {owner}.{name}"
        yield _signature(f"{owner}.{name}", function)
    else:
        return
    yield _docstring(inspect.getdoc(function) or "")


def _signature(name: str, value: Any) -> str:
    signature = inspect.signature(value)
    kept = [each for each in signature.parameters.values() if each.name not in ("self", "cls")]
    shown = [_parameter(each) for each in kept]
    for index, each in enumerate(kept):
        if each.kind is each.KEYWORD_ONLY:
            shown.insert(index, "*")
            break
    inside = ", ".join(shown)
    if len(shown) > 2:
        inside = "\n" + "".join(f"    {each},\n" for each in shown)
    returned = signature.return_annotation
    arrow = "" if returned is signature.empty else f" -> {returned}"
    return f"```text\n{name}({inside}){arrow}\n```"


def _parameter(each: inspect.Parameter) -> str:
    stars = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
    text = stars + each.name
    if each.annotation is not each.empty:
        text += ": " + str(each.annotation).strip("\"'")
    if each.default is each.empty:
        return text
    default = "RenderOptions()" if each.default == RenderOptions() else repr(each.default)
    return f"{text} = {'...' if default.startswith('<') else default}"


def _docstring(text: str) -> str:
    """Return a docstring in the style of numpydoc as Markdown."""
    parts = []
    for section in griffe.Docstring(text).parse("numpy", warnings=False):
        if section.kind is griffe.DocstringSectionKind.text:
            parts.append(_markdown(section.value))
        elif section.kind is griffe.DocstringSectionKind.examples:
            parts += [_example(kind, each) for kind, each in section.value]
        elif section.kind is griffe.DocstringSectionKind.admonition:
            parts.append(_markdown(section.value.description))
        else:
            parts.append(f"**{section.kind.value.title()}**")
            parts.append("\n".join(_items(section.value)))
    return "\n\n".join(parts)


def _items(values: Any) -> Iterator[str]:
    for each in values:
        name = getattr(each, "name", "") or str(each.annotation or "")
        text = " ".join(_markdown(each.description).split())
        yield f"- `{name}`: {text}" if name else f"- {text}"


def _example(kind: Any, text: str) -> str:
    if kind is griffe.DocstringSectionKind.examples:
        return f"```pycon\n{text}\n```"
    return _markdown(text)


def _markdown(text: str) -> str:
    """Return reStructuredText of docstrings as Markdown: literals, blocks and doctests."""
    text = re.sub(r"((?:^>>> .*\n(?:.+\n?)*))", r"```pycon\n\1\n```", text, flags=re.MULTILINE)
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    return re.sub(r"::$", ":", text, flags=re.MULTILINE)


GENERATORS = {"python": python}
