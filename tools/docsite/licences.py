"""The licences of what an installation brings, from the metadata of the installed packages."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator

from docsite.tables import table

__all__ = ["GENERATORS", "bundled_libraries", "licence_of", "requirements"]


def requirements() -> Iterator[tuple[str, str]]:
    """Yield the name of each direct dependency and the extra that brings it, or ''."""
    for text in importlib.metadata.requires("rendicom") or []:
        name = re.match(r"[\w.-]+", text)
        extra = re.search(r"extra == '(\w+)'", text)
        if name is not None and (extra is None or extra[1] != "all"):
            yield name[0], extra[1] if extra else ""


def licence_of(name: str) -> str:
    """Return the licence that an installed package states, as SPDX expression where it has one."""
    metadata = importlib.metadata.metadata(name)
    classifiers = [
        each.rpartition(" :: ")[2]
        for each in metadata.get_all("Classifier") or []
        if each.startswith("License :: ")
    ]
    # Some packages put the whole text into License.
    stated = (metadata.get("License") or "").partition("\n")[0]
    return metadata.get("License-Expression") or stated or " or ".join(classifiers)


def bundled_libraries(name: str) -> list[str]:
    """Return the libraries that the wheel of a package brings, without versions."""
    files = importlib.metadata.files(name) or []
    if name == "psycopg":
        files = importlib.metadata.files("psycopg-binary") or []
    bundled = {
        re.sub(r"(-[0-9a-f]{8})*(\.so|\.dylib|\.dll|[.-][0-9]).*", "", each.name)
        for each in files
        if each.parts[0].endswith(".libs") or ".dylibs" in each.parts
    }
    return sorted(bundled, key=str.lower)


def licences() -> str:
    """Return the direct dependencies with their licences and bundled libraries."""
    rows = []
    for name, extra in requirements():
        try:
            row = [licence_of(name), ", ".join(bundled_libraries(name))]
        except importlib.metadata.PackageNotFoundError:
            row = ["(not installed where this page was built)", ""]
        rows.append([name, f"`[{extra}]`" if extra else "", *row])
    return table(["package", "extra", "licence", "libraries in its wheel"], rows)


GENERATORS = {"licences": licences}
