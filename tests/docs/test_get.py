"""What the page on servers says is what the commands do."""

from __future__ import annotations

import re
from pathlib import Path

import click

from rendicom.cli import find, get, probe, remoteflags, store
from rendicom.client.server_profiles import SERVER_PROFILES

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "get.md").read_text("utf-8")


def flags_of(parameters: list[click.Parameter]) -> set[str]:
    options = (each for each in parameters if isinstance(each, click.Option))
    return {name for each in options for name in each.opts if name.startswith("--")}


def test_every_flag_that_is_named_exists() -> None:
    known = {"--help"}
    for command in (get.command, find.command, store.command, probe.command):
        known |= flags_of(command.params)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", PAGE))
    assert len(named) > 20
    assert named <= known


def test_every_way_to_say_who_asks_is_named() -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", PAGE))
    assert flags_of(remoteflags.connection_flags()) <= named


def test_every_server_profile_is_described() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)
    named = [name for name in rows if name in {each.server for each in SERVER_PROFILES}]
    assert named == [each.server for each in SERVER_PROFILES]
