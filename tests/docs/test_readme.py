"""What the README promises is there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from docsite.staging import PROJECT_PAGES, SITE
from rendicom.encode import formats

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rendicom", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


def test_pictures_and_links_work_on_a_package_index() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert [link for link in links if not link.startswith("https://")] == []
    pages = [link.removeprefix(SITE) for link in links if link.startswith(SITE)]
    assert len(pages) > 10
    named = {page.partition("#")[0].strip("/") or "index" for page in pages}
    known = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    known |= {f"project/{Path(name).stem}" for name in PROJECT_PAGES}
    assert named <= known
    pictures = [link.partition("/main/")[2] for link in links if "/main/" in link]
    assert len(pictures) >= 4
    assert [picture for picture in pictures if not (ROOT / picture).is_file()] == []


def test_every_flag_of_the_migration_tables_exists(tmp_path: Path) -> None:
    known = set(re.findall(r"--[a-z][a-z-]+", run("convert", "--help", cwd=tmp_path).stdout))
    page = (DOCS / "guides" / "migrate.md").read_text("utf-8").partition("## Orthanc")[0]
    ours = [row.split("|")[-2] for row in page.splitlines() if row.count("|") >= 5]
    flags = {flag for cell in ours for flag in re.findall(r"--[a-z][a-z-]+", cell)}
    assert len(flags) > 15
    assert flags <= known


def test_every_format_that_is_named_is_there() -> None:
    (line,) = (line for line in README.splitlines() if line.startswith("Formats: "))
    named = re.findall(
        r"[a-z0-9]+", re.sub(r"\(.*?\)", "", line.partition(":")[2].partition(".")[0])
    )
    assert set(named) <= set(formats())
    assert len(named) > 10


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
    (tmp_path / "archive").mkdir()
    for name in ("ct.dcm", "archive/ct.dcm"):
        assert run("sample", name, cwd=tmp_path).returncode == 0
    assert run("sample", "cine.dcm", "--kind", "us-cine", cwd=tmp_path).returncode == 0
    command = [sys.executable, "-W", "error", "-c", block[1]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "30\n1 ()\n"
    assert (tmp_path / "ct.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "pictures" / "ct.jpg").exists()


@pytest.mark.parametrize("command", re.findall(r"^rendicom (\w+)", README, re.MULTILINE))
def test_every_command_exists(command: str, tmp_path: Path) -> None:
    assert run(command, "--help", cwd=tmp_path).returncode == 0
