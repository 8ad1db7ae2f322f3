"""What the page on folders promises is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from rendicom.batch.executors import engines
from rendicom.batch.manifest import COLUMNS
from rendicom.batch.name_template import FIELDS
from rendicom.batch.runner import CHUNK_SECONDS
from rendicom.cli.folderflags import DEFAULT_TIMEOUT, folder_flags

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "folders.md").read_text(encoding="utf-8")


def test_every_flag_on_the_page_exists() -> None:
    command = [sys.executable, "-m", "rendicom", "convert", "--help"]
    known = set(re.findall(r"--[a-z][a-z-]+", subprocess.check_output(command, text=True)))
    ours = "\n".join(line for line in PAGE.splitlines() if not line.startswith("dask "))
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours)) <= known


def test_every_flag_for_folders_is_on_the_page() -> None:
    flags = {flag.opts[-1] for flag in folder_flags()}
    missing = {flag for flag in flags if flag not in PAGE}
    assert missing <= {"--no-manifest"}


def test_the_fields_of_a_layout_are_those_of_the_program() -> None:
    table = PAGE[PAGE.index("| field |") : PAGE.index("If two sources")]
    assert set(re.findall(r"\{(\w+)\}", table)) == set(FIELDS)


def test_the_columns_named_are_columns() -> None:
    start = PAGE.index("`source`, `output`")
    named = re.findall(r"`(\w+)`", PAGE[start : PAGE.index("UIDs, `modality`")])
    statuses = {"ok", "skipped", "failed", "ignored", "filtered"}
    assert set(named) - statuses <= set(COLUMNS)
    assert len(named) > 15


def test_engines_and_figures_are_those_of_the_program() -> None:
    assert set(re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE)) == set(engines())
    assert f"`--timeout` seconds ({DEFAULT_TIMEOUT:g})" in PAGE
    assert f"some {CHUNK_SECONDS:g} seconds" in PAGE
