"""Wraps, indents and underlines lines of plain text."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator

from rendicom.documents.document_model import Block

_WIDTH = 79
_STEP = 2
_DEEPEST = 20
"""Deepest level of indentation."""
_LEAST = 20
_HEADINGS = ("h2", "h3", "h4", "h5", "h6")
_BLOCKS = (*_HEADINGS, "p", "div", "ul", "ol", "li", "table", "pre")


def indent(depth: int) -> str:
    """Return the indentation of a level."""
    return " " * (_STEP * min(depth, _DEEPEST))


def line(text: str, depth: int = 0) -> str:
    """Return a wrapped text; lines after the first are indented one level deeper."""
    paragraphs = enumerate(text.split("\n"))
    rest = indent(depth + 1)
    lines = (_wrapped(each, rest if number else indent(depth), rest) for number, each in paragraphs)
    return "\n".join(part for each in lines for part in each or [""])


def underline(text: str, mark: str, depth: int = 0) -> str:
    """Return an underline as wide as a text."""
    return mark * min(_columns(text), _WIDTH - len(indent(depth)))


def without_extra_blanks(text: str) -> str:
    """Return a text without trailing spaces and without two empty lines in a row."""
    lines: list[str] = []
    for each in map(str.rstrip, text.split("\n")):
        if each or (lines and lines[-1]):
            lines.append(each)
    return "\n".join(lines).rstrip("\n") + "\n"


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    # Ideographs take two columns, but textwrap counts characters.
    width = _WIDTH * len(text) // max(_columns(text), 1)
    return textwrap.wrap(
        text, max(width, len(first) + _STEP + _LEAST), initial_indent=first,
        subsequent_indent=rest, break_on_hyphens=False,
    )  # fmt: skip


def _columns(text: str) -> int:
    """Return the width of a text: ideographs take two columns."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


# --- narratives -----------------------------------------------------------------------------


def narrative_lines(blocks: Iterable[Block | str], before: str = "") -> Iterator[str]:
    """Yield the lines of blocks: wrapped words, and table rows with cells side by side."""
    for block in blocks:
        if isinstance(block, str):
            yield from _words_in_lines(block, before)
        elif block.tag in _HEADINGS:
            title = _words(block)
            yield from ("", f"{before}{title}", before + underline(title, "-"))
        elif block.tag == "pre":
            yield from ("", *(f"{before}{each}" for each in _words(block).split("\n")))
        elif block.tag in ("ul", "ol"):
            yield from _list_lines(block, before)
        elif block.tag == "table":
            yield from ("", *(f"{before}{each}" for each in _rows(block)))
        else:
            yield from _mixed(block, before)
            if block.tag == "p":
                yield ""


def _list_lines(block: Block, before: str) -> Iterator[str]:
    for number, item in enumerate(block.children, 1):
        mark = f"{number}. " if block.tag == "ol" else "- "
        lines = list(_mixed(item, before + " " * len(mark)))
        yield from (f"{before}{mark}{each.lstrip()}" for each in lines[:1])
        yield from lines[1:]


def _mixed(block: Block | str, before: str) -> Iterator[str]:
    """Yield the lines of a block that mixes words and blocks."""
    run = ""
    for child in (block,) if isinstance(block, str) else block.children:
        if isinstance(child, Block) and child.tag in _BLOCKS:
            yield from _words_in_lines(run, before)
            run = ""
            yield from narrative_lines((child,), before)
        else:
            run += _words(child)
    yield from _words_in_lines(run, before)


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


def _words_in_lines(text: str, before: str) -> Iterator[str]:
    for each in text.split("\n"):
        yield from _wrapped(" ".join(each.split()), before, before)
