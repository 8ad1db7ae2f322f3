from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import pytest

from rendicom.errors import OptionError
from rendicom.server.keys import add_key, find_key, parse_keys

_HASH = "sha256:" + "0" * 64


def test_a_new_key_is_found_and_is_not_in_the_file(tmp_path):
    path = tmp_path / "keys"
    secret = add_key(str(path), name="viewer", scope="read")
    text = path.read_text("utf-8")
    assert len(secret) >= 43 + len("rendicom_")
    assert secret not in text
    assert sha256(secret.encode()).hexdigest() in text
    keys = parse_keys(text, what="keys")
    found = find_key(keys, secret)
    assert found is not None
    assert (found.name, found.scope, found.expires) == ("viewer", "read", None)
    assert find_key(keys, secret[:-1]) is None
    assert find_key(keys, "") is None


def test_keys_are_added_to_a_file(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"# mine\nold write - {_HASH}", encoding="utf-8")  # without a final newline
    first = add_key(str(path), name="first", scope="read", days=1)
    second = add_key(str(path), name="second", scope="write")
    assert first != second
    keys = parse_keys(path.read_text("utf-8"), what="keys")
    assert [key.name for key in keys] == ["old", "first", "second"]
    assert keys[1].expires == datetime.now(UTC).date() + timedelta(days=1)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_the_file_is_private(tmp_path):
    add_key(str(tmp_path / "keys"), name="a", scope="read")
    assert (tmp_path / "keys").stat().st_mode & 0o077 == 0


def test_a_name_is_taken_once(tmp_path):
    path = str(tmp_path / "keys")
    add_key(path, name="a", scope="read")
    with pytest.raises(OptionError, match="has a key named a already"):
        add_key(path, name="a", scope="write")


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "ä", "x" * 65])
def test_a_name_is_one_word(tmp_path, name):
    with pytest.raises(OptionError, match="--name"):
        add_key(str(tmp_path / "keys"), name=name, scope="read")
    assert not (tmp_path / "keys").exists()


def test_another_file_is_left_alone(tmp_path):
    path = tmp_path / "notes"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(OptionError, match="is not a file of keys"):
        add_key(str(path), name="a", scope="read")
    path.write_bytes(b"dear diary\n")
    with pytest.raises(OptionError, match="line 1"):
        add_key(str(path), name="a", scope="read")
    assert path.read_bytes() == b"dear diary\n"


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(OptionError, match="cannot be written"):
        add_key(str(tmp_path / "none" / "keys"), name="a", scope="read")


@pytest.mark.parametrize(
    "line",
    [
        "a read -",
        f"a read - {_HASH} more",
        f"a admin - {_HASH}",
        f"a read tomorrow {_HASH}",
        f"a read 2026-02-30 {_HASH}",
        "a read - md5:0",
        f"a read - {_HASH}0",
        f"ä read - {_HASH}",
        "rendicom_secret_pasted_by_mistake",
    ],
)
def test_a_malformed_line_is_named_and_not_quoted(line):
    with pytest.raises(OptionError) as caught:
        parse_keys(f"# comment\n\n{line}\n", what="keys.txt")
    assert caught.value.message.startswith("line 3 of keys.txt ")
    assert "pasted" not in caught.value.message


def test_two_keys_of_one_name_are_a_mistake():
    with pytest.raises(OptionError, match=r"line 2 .* repeats"):
        parse_keys(f"a read - {_HASH}\na write - {_HASH}\n", what="keys")


def test_a_key_holds_to_the_end_of_its_day():
    (key,) = parse_keys(f"a read 2026-05-01 {_HASH}", what="keys")
    assert not key.is_expired(date(2026, 5, 1))
    assert key.is_expired(date(2026, 5, 2))
