"""Blocks of a narrative as lines of plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from rendicom.documents.values import Block

__all__ = ["narrative_lines"]

_HEADINGS = ("h2", "h3", "h4", "h5", "h6")
_BLOCKS = (*_HEADINGS, "p", "div", "ul", "ol", "li", "table", "pre")
_LEAST = 20


def narrative_lines(block: Block | str, width: int, indent: str = "") -> Iterator[str]:
    """Yield the lines of a block: words wrapped, cells of a row side by side."""
    if isinstance(block, str):
        yield from _wrapped(block, width, indent)
    elif block.tag in _HEADINGS:
        title = _words(block)
        yield from ("", f"{indent}{title}", indent + "-" * min(len(title), width))
    elif block.tag == "pre":
        yield from ("", *(f"{indent}{line}" for line in _words(block).split("\n")))
    elif block.tag in ("ul", "ol"):
        for number, item in enumerate(block.children, 1):
            mark = f"{number}. " if block.tag == "ol" else "- "
            lines = list(_mixed(item, width, indent + " " * len(mark)))
            yield from (f"{indent}{mark}{line.lstrip()}" for line in lines[:1])
            yield from lines[1:]
    elif block.tag == "table":
        yield ""
        yield from (f"{indent}{line}" for line in _rows(block))
    else:
        yield from _mixed(block, width, indent)
        if block.tag == "p":
            yield ""


def _mixed(block: Block | str, width: int, indent: str) -> Iterator[str]:
    """Yield the lines of words and blocks that follow each other."""
    if isinstance(block, str):
        yield from _wrapped(block, width, indent)
        return
    run = ""
    for child in block.children:
        if isinstance(child, Block) and child.tag in _BLOCKS:
            yield from _wrapped(run, width, indent)
            run = ""
            yield from narrative_lines(child, width, indent)
        else:
            run += _words(child)
    yield from _wrapped(run, width, indent)


def _words(block: Block | str) -> str:
    if isinstance(block, str):
        return block
    return "\n" if block.tag == "br" else "".join(map(_words, block.children))


def _rows(block: Block) -> Iterator[str]:
    for child in block.children:
        if not isinstance(child, Block):
            continue
        if child.tag == "tr":
            cells = (each for each in child.children if isinstance(each, Block))
            yield " | ".join(" ".join(_words(cell).split()) for cell in cells)
        elif child.tag == "caption":
            yield " ".join(_words(child).split())
        else:
            yield from _rows(child)


def _wrapped(text: str, width: int, indent: str) -> Iterator[str]:
    for line in text.split("\n"):
        if words := " ".join(line.split()):
            yield from textwrap.wrap(
                words, max(width, len(indent) + _LEAST), initial_indent=indent,
                subsequent_indent=indent, break_on_hyphens=False,
            )  # fmt: skip
