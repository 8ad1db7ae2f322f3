"""Optional dependencies: the libraries of each extra, and how to install them."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+).*;.*\bextra\s*==\s*['\"]([a-z]+)['\"]")
_PROJECT = "rendicom"


def install_command(extra: str) -> str:
    """Return the command that installs an extra beside this installation.

    From an index that is ``pip install 'rendicom[server]'``. What was installed from a checkout,
    a file or a repository is named by its place, since no index may have it.
    """
    url, is_folder = _origin()
    if not url:
        return f"pip install '{_PROJECT}[{extra}]'"
    if is_folder:
        return f"pip install '{url}[{extra}]'"
    return f"pip install '{_PROJECT}[{extra}] @ {url}'"


@cache
def _origin() -> tuple[str, bool]:
    """Return where the package was installed from, and whether that is a folder; else empty."""
    import json
    import os
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        text = distribution(_PROJECT).read_text("direct_url.json")
        origin = json.loads(text or "{}")
        url = str(origin.get("url", ""))
    except (PackageNotFoundError, ValueError, AttributeError):
        return "", False
    if "dir_info" in origin:
        folder = url2pathname(urlsplit(url).path)
        return (folder, True) if os.path.isdir(folder) else ("", False)  # noqa: PTH112
    system = origin.get("vcs_info", {}).get("vcs")
    return (f"{system}+{url}" if system else url), False


@cache
def distributions_of_extras() -> Mapping[str, tuple[str, ...]]:
    """Return the names of the distributions that each extra adds; ``all`` is left out."""
    from importlib.metadata import requires

    found: dict[str, list[str]] = {}
    for each in requires(_PROJECT) or ():
        matched = _REQUIREMENT.match(each)
        if matched and matched[1] != _PROJECT:
            found.setdefault(matched[2], []).append(matched[1])
    return {extra: tuple(names) for extra, names in found.items()}
