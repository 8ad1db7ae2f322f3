"""The changelog can be built from the fragments, and no two say the same."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys

from docsite.staging import ROOT

FRAGMENTS = {
    path.name: path.read_text(encoding="utf-8") for path in (ROOT / "changelog.d").glob("*.md")
}


def test_every_fragment_is_an_entry_of_the_changelog() -> None:
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "1.2.3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("## 1.2.3 (")
    built = " ".join(done.stdout.split())
    assert built.count(" - ") >= len(FRAGMENTS)
    lost = [name for name, text in FRAGMENTS.items() if f"- {' '.join(text.split())}" not in built]
    assert lost == []


def test_fragments_are_sentences() -> None:
    assert [
        name for name, text in FRAGMENTS.items() if not text.strip().endswith((".", ".)"))
    ] == []


def test_no_fragment_repeats_another() -> None:
    words = {name: set(re.findall(r"[\w-]{4,}", text)) for name, text in FRAGMENTS.items()}
    alike = [
        (one, two)
        for one, two in itertools.combinations(sorted(words), 2)
        if len(words[one] & words[two]) > 0.75 * max(8, min(len(words[one]), len(words[two])))
    ]
    assert alike == []


def test_the_changelog_has_the_version_of_the_package() -> None:
    """Before a release too: what is in it is written as it lands."""
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.findall(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", changelog, re.MULTILINE)
    assert found[0] == version[1]
    assert len(set(found)) == len(found)
