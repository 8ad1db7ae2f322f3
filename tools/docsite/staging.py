"""Pages as the site generator gets them: generated parts filled in, pictures made."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from docsite import commands, conformance, gallery, licences, python_api, rest, tables

__all__ = ["GENERATORS", "MARKER", "PROJECT_PAGES", "ROOT", "SITE", "filled", "stage"]

ROOT = Path(__file__).parents[2]
SITE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"][
    "Documentation"
]
"""Where the site is published; files at the root of the project link to it."""
MARKER = re.compile(r"^<!-- generated: ([a-z-]+(?: [^ ]+)?) -->$", re.MULTILINE)
PROJECT_PAGES = (
    "ARCHITECTURE.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "GOVERNANCE.md", "RELEASING.md",
    "SECURITY.md",
)  # fmt: skip
"""Files at the root of the project that are pages of the site, too."""
GENERATORS: Mapping[str, Callable[..., str]] = {
    name: maker
    for room in (commands, conformance, gallery, licences, python_api, rest, tables)
    for name, maker in room.GENERATORS.items()
}


def stage(target: Path) -> None:
    """Write all pages and pictures of the site to a new folder."""
    shutil.copytree(ROOT / "docs", target)
    project = target / "project"
    project.mkdir(exist_ok=True)
    for name in PROJECT_PAGES:
        if (ROOT / name).exists():
            (project / name).write_text(_at_home((ROOT / name).read_text("utf-8")), "utf-8")
    (project / "CHANGELOG.md").write_text(_changelog(), "utf-8")
    gallery.make_pictures(target / "gallery")
    used = set()
    for path in target.rglob("*.md"):
        text = path.read_text("utf-8")
        used.update(each.split()[0] for each in MARKER.findall(text))
        path.write_text(filled(text), "utf-8")
    if unused := GENERATORS.keys() - used:
        message = f"no page uses what is generated as {', '.join(sorted(unused))}"
        raise SystemExit(message)


def filled(text: str) -> str:
    """Return a page with its generated parts."""
    return MARKER.sub(lambda found: _made(found[1]), text)


def _made(marker: str) -> str:
    name, *arguments = marker.split()
    return GENERATORS[name](*arguments).strip()


def _at_home(text: str) -> str:
    """Return a page of the project with its links to the site made relative, to be checked."""
    return re.sub(re.escape(SITE) + r"([\w/-]+?)/?(#[\w-]+)?(?=\))", r"../\1.md\2", text)


def _changelog() -> str:
    """Return the changelog, with what is to be in the next release at its head."""
    released = (ROOT / "CHANGELOG.md").read_text("utf-8").partition("-->")[2]
    if not any((ROOT / "changelog.d").glob("*.md")):
        return f"# Changelog\n{released}"
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "Unreleased"]
    draft = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    head = re.sub(r"^## Unreleased.*$", "## Unreleased", draft.strip(), count=1, flags=re.MULTILINE)
    return f"# Changelog\n\n{head}\n{released}"
