"""Every command block and Python block of the README and the documentation runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx2
import pytest

pytest.importorskip("highdicom")
pytest.importorskip("fastapi")

from codeblocks import ROOT, Block, blocks, example_server, make_files, run_block
from orthancserver import orthanc
from waiting import free_port

__all__ = ["orthanc"]

KINDS = {"sh", "python", "json", "toml", "text", "console"}
MOST_CONSOLE = 3
BLOCKS = list(blocks())
RUN = [each for each in BLOCKS if each.kind in ("sh", "python")]
PAGES = sorted({each.page for each in RUN})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    make_files(folder)
    return folder


@pytest.fixture(scope="module")
def server(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("server")
    shutil.copytree(files / "studies", home / "studies")
    with example_server(home) as base:
        yield base


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return variables that keep a block away from what belongs to the user."""
    return {
        "HOME": str(tmp_path), "RENDICOM_PORT": str(free_port()), "RENDICOM_WORKERS": "1",
        "NO_PROXY": "127.0.0.1",
    }  # fmt: skip


def adapted(
    block: Block, addresses: Mapping[str, Callable[[], str]], environment: Mapping[str, str]
) -> Block:
    """Return a block with the addresses of the examples replaced by those of real servers."""
    text = block.text.replace("127.0.0.1:8080", f"127.0.0.1:{environment['RENDICOM_PORT']}")
    for example, real in addresses.items():
        if example in text:
            text = text.replace(example, real())
    return block._replace(text=text)


def store(base: str, folder: Path) -> None:
    command = [sys.executable, "-m", "rendicom", "store", base, str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def make_room(work: Path, page: str) -> None:
    """Remove what a page makes itself."""
    text = "\n".join(each.text for each in RUN if each.page == page)
    for name in re.findall(r"rendicom sample (\S+)", text):
        (work / name).unlink(missing_ok=True)
    for name in re.findall(r"^mkdir (\w+)", text, re.MULTILINE):
        shutil.rmtree(work / name, ignore_errors=True)


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(
    page: str,
    files: Path,
    tmp_path: Path,
    environment: dict[str, str],
    request: pytest.FixtureRequest,
) -> None:
    work = tmp_path / "work"
    shutil.copytree(files, work)
    make_room(work, page)
    dask_port = str(free_port())

    def bucket() -> str:
        address = str(request.getfixturevalue("s3"))
        server = request.getfixturevalue("s3_server")
        server.put(address.removeprefix("s3://"), "in/ct.dcm", (files / "ct.dcm").read_bytes())
        environment.update({name: text for name, text in server.environment.items() if text})
        return f"{address}/"

    def filled_orthanc() -> str:
        base = str(request.getfixturevalue("orthanc"))
        store(base, files / "studies")
        return base

    addresses: dict[str, Callable[[], str]] = {
        "https://pacs.example/dicomweb": lambda: str(request.getfixturevalue("server")),
        "http://orthanc.example:8042/dicom-web": filled_orthanc,
        "s3://bucket/": bucket,
        "8786": lambda: dask_port,
    }
    for block in RUN:
        if block.page == page:
            run_block(adapted(block, addresses, environment), work, environment)


def test_every_block_has_a_kind() -> None:
    assert [each[:3] for each in BLOCKS if each.kind not in KINDS] == []
    assert len(RUN) > 40


def test_few_blocks_are_not_run() -> None:
    assert len([each for each in BLOCKS if each.kind == "console"]) <= MOST_CONSOLE


def test_data_in_blocks_is_sound() -> None:
    readers = {"json": json.loads, "toml": tomllib.loads}
    for block in BLOCKS:
        if block.kind in readers:
            readers[block.kind](block.text)


def test_what_blocks_install_can_be_installed() -> None:
    """Lines that install are not run: the wheel is installed by itself in CI."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for block in RUN:
        for line in re.findall(r"^pip install ([^&\n#]+)", block.text, re.MULTILINE):
            found = re.fullmatch(r"'?(?:rendicom|\.)(?:\[(.+)\])?'?", line.strip())
            assert found is not None, line
            assert (
                set((found[1] or "").split(",")) - {""} <= project["optional-dependencies"].keys()
            )


def test_what_uv_runs_is_run_in_ci() -> None:
    checks = (ROOT / ".ci" / "run").read_text("utf-8")
    lines = re.findall(r"^uv run .+$", "\n".join(each.text for each in BLOCKS), re.MULTILINE)
    assert lines
    parts = [part for line in lines for part in line.split(" -n ")]
    assert [part for part in parts if part not in checks] == []


def test_every_request_of_the_table_for_orthanc_is_answered_by_both(
    orthanc: str, server: str, files: Path
) -> None:
    store(orthanc, files / "studies")
    page = (ROOT / "docs/guides/migrate.md").read_text("utf-8").partition("## Orthanc")[2]
    rows = [re.findall(r"`(/[^`]+)`", line) for line in page.splitlines() if line.startswith("|")]
    requests = [row for row in rows if len(row) == 2]
    assert len(requests) > 6
    with httpx2.Client(timeout=60) as client:
        for row in requests:
            for path, base in zip(row, (orthanc, server), strict=True):
                assert _status(client, base, path) == 200, path


def _status(client: httpx2.Client, base: str, path: str) -> int:
    uids = {"S": "1.2.3", "E": "1.2.4", "I": "1.2.5"}
    path = re.sub(r"(?<=[/=])([SEI])(?=[/&?]|$)", lambda found: uids[found[1]], path)
    is_picture = re.search(r"/(rendered|thumbnail|wado)\b", path)
    accept = "image/png" if is_picture else "application/dicom+json"
    return client.get(base.rpartition("/")[0] + path, headers={"accept": accept}).status_code
