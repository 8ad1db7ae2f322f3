"""Links and pictures of a built site that lead nowhere within it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

__all__ = ["broken_links"]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.anchors.update(value for name, value in named.items() if name in ("id", "name"))
        if tag in ("a", "img", "source"):
            self.links.update(named[name] for name in ("href", "src") if named.get(name))


def broken_links(site: Path) -> list[str]:
    """Return a line for each link of a page to a file or anchor that the site does not have."""
    pages = {path: _read(path) for path in site.rglob("*.html") if path.name != "404.html"}
    wrong = []
    for path, page in pages.items():
        for link in sorted(page.links):
            target, anchor = urldefrag(link)
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            found = (path.parent / unquote(urlsplit(target).path)).resolve() if target else path
            if found.is_dir():
                found /= "index.html"
            if not found.exists():
                wrong.append(f"{path.relative_to(site)}: {link} is not there")
            elif anchor and found in pages and unquote(anchor) not in pages[found].anchors:
                wrong.append(f"{path.relative_to(site)}: {link} has no such anchor")
    return wrong


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text("utf-8"))
    return page
