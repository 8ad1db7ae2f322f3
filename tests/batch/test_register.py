"""The register of names: a set that does not grow in memory and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendicom.batch.scratch import Register
from rendicom.errors import UnwritableOutputError


def test_the_first_to_come_has_a_key() -> None:
    with Register() as register:
        assert register.take("a", "one.dcm")
        assert not register.take("a", "two.dcm")
        assert register.take("A", "two.dcm")
        assert register.owner_of("a") == "one.dcm"
        assert register.owner_of("b") == ""
        assert "a" in register
        assert "b" not in register


NAMES = st.sampled_from(["", "a", "A", "b", "\u00e9"])


@settings(max_examples=30)
@given(st.lists(st.tuples(NAMES, NAMES), max_size=8))
def test_it_is_a_dict_that_keeps_the_first_value(entries: list[tuple[str, str]]) -> None:
    expected: dict[str, str] = {}
    with Register() as register:
        for key, owner in entries:
            assert register.take(key, owner) == (key not in expected)
            expected.setdefault(key, owner)
        assert {key: register.owner_of(key) for key in expected} == expected


@pytest.mark.parametrize("name", ["caf\udce9", "\ud800", "nul\0in it", "", "\U0001f9b4"])
def test_any_file_name_is_a_key(name: str) -> None:
    with Register() as register:
        assert register.take(name, name)
        assert name in register
        assert register.owner_of(name) == name


def test_two_registers_share_nothing() -> None:
    with Register() as one, Register() as other:
        assert one.take("a")
        assert other.take("a")


def test_closing_twice_is_fine() -> None:
    register = Register()
    register.close()
    register.close()


def test_it_is_quick() -> None:
    with Register() as register:
        began = process_time()
        for number in range(20_000):
            register.take(f"1.2.840.113619.2.{number}", "scan.dcm")
        # 300,000 a second where nothing else runs.
        assert 20_000 / (process_time() - began) > 20_000


MANY = """
import os, sys
import psutil
from rendicom.batch.scratch import Register

register = Register()
register.take("first")
memory = psutil.Process().memory_info().rss
for number in range(150_000):
    register.take(f"{number * 7919 % 150_001:0100}", "x" * 100)
print(psutil.Process().memory_info().rss - memory)
sys.stdout.flush()
os.kill(os.getpid(), 9)
"""


def test_many_keys_lie_on_disk_and_are_gone_after_a_kill(tmp_path: Path) -> None:
    pytest.importorskip("psutil")
    environment = {**os.environ, "SQLITE_TMPDIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    environment |= {"TMP": str(tmp_path), "TEMP": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", MANY], env=environment, capture_output=True, text=True, timeout=60
    )
    # 33 MB of keys and owners.
    assert int(done.stdout) < 25 << 20, done.stderr
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_sentence() -> None:
    with Register() as register:
        register._database.execute("PRAGMA max_page_count = 3")
        keys = (f"{number:0100}" for number in range(1000))
        with pytest.raises(UnwritableOutputError, match=r"cannot be kept: .*full.*TMPDIR"):
            all(map(register.take, keys))
