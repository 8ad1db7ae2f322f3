"""What is said of names that there are not, and of those of other programs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rendicom.cli.suggestions import _COMMANDS, _OPTIONS

ROOT = Path(__file__).parents[2]


def rows_of_other_programs() -> list[tuple[str, str]]:
    """Return options of dcm2jpg and dcm2img from the table for those who come from there."""
    found = []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        is_table = False
        for line in page.read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("| "))]
            is_table = len(cells) == 4 and (is_table or "dcm2jpg" in line)
            codes = re.findall(r"`([^`]+)`", " ".join(cells[1:3])) if is_table else []
            words = [word for code in codes for word in code.split()]
            found += [(word, cells[3]) for word in words if re.match(r"[-+]{1,2}[A-Za-z]", word)]
    return found


TABLE = rows_of_other_programs()
OURS_TOO = {"--window", "--overlays", "-q", "-v", "-p"}
"""Names that both have, with another meaning or the same."""


def test_there_is_such_a_table() -> None:
    assert len(TABLE) > 40


@pytest.mark.parametrize(("option", "ours"), [row for row in TABLE if row[0] not in OURS_TOO])
def test_options_of_other_programs(option: str, ours: str, run, samples) -> None:
    samples.gray("a.dcm")
    result = run("convert", "a.dcm", "a.png", option, "1")
    assert result.status == 2
    advice = result.err.partition(f"No such option: {option}: ")[2].replace("--no-", "--")
    assert advice, result.err
    named = re.findall(r"--[a-z-]+|rendicom info", ours.replace("--no-", "--"))
    assert not named or any(name in advice for name in named), (ours, advice)


@pytest.mark.parametrize("option", _OPTIONS)
def test_advice_names_options_that_exist(option: str, run, samples) -> None:
    samples.gray("a.dcm")
    known = run("convert", "--help").out
    advice = run("convert", "a.dcm", "a.png", option, "1").err
    assert f"No such option: {option}: " in advice
    named = re.findall(r"--[a-z-]+", advice.partition(f"{option}: ")[2].partition(" (see")[0])
    assert [name for name in named if name not in known] == []


@pytest.mark.parametrize(("typed", "said"), [
    (["convrt", "a"], "No such command or file 'convrt': did you mean convert?"),
    (["Doctor"], "No such command or file 'Doctor': did you mean doctor?"),
    (["dcm2jpg", "a.dcm"], "No such command or file 'dcm2jpg': use rendicom convert"),
    (["version"], "No such command or file 'version': use rendicom --version"),
    (["xyzzy"], "No such command or file 'xyzzy' (see"),
    (["convert", "a.dcm", "--presett", "lung"], "option: --presett: did you mean --preset?"),
    (["convert", "a.dcm", "--Max-Size=5"], "option: --Max-Size: did you mean --max-size?"),
    (["convert", "a.dcm", "--zzz"], "No such option: --zzz (see"),
    (["convert", "a.dcm", "--preset", "Lung"], "did you mean lung?"),
    (["convert", "a.dcm", "--icc", "sRGB"], "did you mean srgb?"),
    (["convert", "a.dcm", "--format", "pgn"], "did you mean png?"),
    (["sample", "a.dcm", "--kind", "us-cin"], "did you mean us-cine?"),
    (["completion", "bahs"], "did you mean bash?"),
    (["-F", "PNG", "a.dcm", "b.png"], "No such option: -F: use --format png"),
    (["get", "http://localhost", "out", "--windowCenter", "40"], "use --window CENTER,WIDTH"),
    (["--json", "doctor"], "No such option: --json"),
    (["convert", "a.dcm", "--window", "2"], "did you mean --voi window:2?"),
    (["convert", "a.dcm", "--window", "lng"], "did you mean --preset lung?"),
    (["convert", "a.dcm", "--window", "soft-tissue"], "did you mean --preset soft-tissue?"),
    (["convert", "a.dcm", "--window", "40,400,linaer"], "did you mean linear?"),
    (["convert", "a.dcm", "--annotation", "pateint"], "did you mean patient?"),
    (["convert", "a.dcm", "--layer-style", "outlin"], "did you mean outline?"),
    (["convert", "--overlays", "FFFF", "a.dcm"], "--overlays takes no value"),
    (["convert", "a.dcm", "--preset"], "requires an argument. (see rendicom convert --help)"),
])  # fmt: skip
def test_what_is_misspelt(typed: list[str], said: str, run) -> None:
    result = run(*typed)
    assert result.status == 2
    assert said in result.err


def test_commands_of_others_lead_to_ours(run) -> None:
    known = run("--help").out
    for meant in set(_COMMANDS.values()):
        assert f"  {meant} " in known or meant in known


def test_a_file_alone_is_converted(run, samples, here: Path) -> None:
    samples.gray("a.dcm")
    assert run("a.dcm").status == 0
    assert run("a.dcm", "b.png", "--invert").status == 0
    assert run("--invert", "a.dcm", "c.png").status == 0
    assert (here / "b.png").read_bytes() == (here / "c.png").read_bytes()
    assert (here / "a.jpg").exists()
    samples.gray("study/IM1")
    assert run("study", "pictures/", "--engine", "inline").status == 0
    assert (here / "pictures/IM1.jpg").exists()


def test_a_missing_file_is_said_to_be_missing(run) -> None:
    result = run("missing.dcm")
    assert result.status == 1
    assert "missing.dcm" in result.err
