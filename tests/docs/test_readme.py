"""What the README promises is there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rendicom import errors
from rendicom.encode import formats

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rendicom", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


def test_pictures_and_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert len(links) >= 4
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_flag_in_the_table_exists(tmp_path: Path) -> None:
    help_text = run("convert", "--help", cwd=tmp_path).stdout
    known = set(re.findall(r"--[a-z][a-z-]+", help_text))
    ours = [row.split("|")[-2] for row in README.splitlines() if row.count("|") == 5]
    flags = {flag for cell in ours for flag in re.findall(r"--[a-z][a-z-]+", cell)}
    assert len(flags) > 15
    assert flags <= known


def test_every_error_code_is_listed() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__ if name != "RendicomError"]
    wire = (ROOT / "docs/dicomweb.md").read_text()
    texts = {kind: wire if issubclass(kind, errors.WireError) else README for kind in kinds}
    assert [kind.code for kind, text in texts.items() if f"`{kind.code}`" not in text] == []


def test_every_format_is_listed() -> None:
    (line,) = (line for line in README.splitlines() if line.startswith("Formats: "))
    assert set(re.findall(r"[a-z0-9]+", line.partition("(")[0])) >= {"jpg", "png"}
    assert [name for name in formats() if not re.search(rf"\b{name}\b", line)] == []


def test_the_first_command_does_the_main_job(tmp_path: Path) -> None:
    block = re.search(r"```sh\n(pip install [^\n]*)\n```", README)
    assert block is not None
    for command in block[1].split(" && ")[1:]:
        program, *arguments = shlex.split(command)
        assert program == "rendicom"
        done = run(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "ct.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_python_example_runs(tmp_path: Path) -> None:
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    assert run("sample", "ct.dcm", cwd=tmp_path).returncode == 0
    assert run("sample", "cine.dcm", "--kind", "us-cine", cwd=tmp_path).returncode == 0
    command = [sys.executable, "-W", "error", "-c", block[1]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "30\n"


@pytest.mark.parametrize("command", re.findall(r"^rendicom (\w+)", README, re.MULTILINE))
def test_every_command_exists(command: str, tmp_path: Path) -> None:
    assert run(command, "--help", cwd=tmp_path).returncode == 0
