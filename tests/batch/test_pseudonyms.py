"""Pseudonyms: the same for the same key and UID, UIDs themselves, and silent about the key."""

from __future__ import annotations

import copy
import hashlib
import hmac
import pickle
import re
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rendicom.batch.identity import InstanceSummary
from rendicom.batch.pseudonyms import Pseudonyms
from rendicom.errors import OptionError

KEY = b"sesame, open yourself"
ONE = Pseudonyms(KEY)
UID = "1.2.840.113619.2.5.1762583153.215519.978957063.78"
UUID = "2.25.329800735698586629295641978511506172918"

uids = st.lists(st.integers(0, 10**12), min_size=3, max_size=5).flatmap(
    lambda numbers: st.integers(0, 2).map(lambda root: ".".join(map(str, (root, *numbers))))
)


def test_a_pseudonym_is_the_hash_of_the_uid_by_the_key() -> None:
    digest = hmac.new(KEY, UID.encode(), hashlib.sha256).digest()
    assert ONE.uid(UID) == "2.25." + str(int.from_bytes(digest[:16], "big"))


@given(uids)
def test_a_pseudonym_is_a_uid(uid: str) -> None:
    pseudonym = ONE.uid(uid)
    assert re.fullmatch(r"2\.25\.(0|[1-9][0-9]{0,38})", pseudonym)
    assert pseudonym == Pseudonyms(KEY).uid(uid)
    assert pseudonym != Pseudonyms(KEY + b"!").uid(uid)
    assert pseudonym != ONE.uid(uid + "1")


def test_nothing_stays_nothing() -> None:
    assert ONE.uid("") == ""
    assert ONE.text("") == ""


@pytest.mark.parametrize("uid", ["1.2", "no uid", "1.2.3\ud800", "Köln"])
def test_whatever_stands_in_the_place_of_a_uid_is_hashed(uid: str) -> None:
    assert ONE.uid(uid).startswith("2.25.")


@pytest.mark.parametrize(
    "template",
    [
        "{}",
        "{}.dcm",
        "CT.{}",
        "CT.{}.dcm",
        "IM{}.img",
        "0007.{}",
        "a/{}/b",
        "{}-0001",
        "{}\0",
        "scans.zip!/{}/x.dcm",
        "s3://bucket/{}?x=1",
        "the series {} holds no image.",
        "{}.",
        "({})",
        "{}_1.2.3_2024.01.02",
    ],
)
@pytest.mark.parametrize("uid", [UID, UUID, "1.2.3.4", "0.1.22.0"])
def test_every_uid_in_a_text_is_replaced(template: str, uid: str) -> None:
    assert ONE.text(template.format(uid)) == template.format(ONE.uid(uid))


@given(st.lists(uids, min_size=1, max_size=4))
def test_texts_and_columns_agree(listed: list[str]) -> None:
    assert ONE.text("/".join(listed)) == "/".join(map(ONE.uid, listed))


@pytest.mark.parametrize(
    "text",
    [
        "a/b/c.dcm",
        "v1.2.3",
        "1.2.3/4.5.6",
        "2024.01.02",
        "2024.01.02.10.30.00",
        "31.12.2024",
        "192.168.1.20",
        "2.25.1",
        "1.2..3.4",
        "IM0001",
        "1-2-840-113619",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert ONE.text(text) == text


def test_an_identity_keeps_all_but_its_uids() -> None:
    identity = InstanceSummary("1.2", "", "1.4", "CT", "5", "6", "NO", is_image=True)
    expected = identity._replace(study=ONE.uid("1.2"), instance=ONE.uid("1.4"))
    assert ONE.identity(identity) == expected


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_one_newline_at_the_end_of_the_key_does_not_count(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(KEY + end)
    assert Pseudonyms.from_file(str(path)).uid(UID) == ONE.uid(UID)
    path.write_bytes(KEY + b"\n\n")
    assert Pseudonyms.from_file(str(path)).uid(UID) != ONE.uid(UID)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "No such file"),
        (b"", "0 bytes"),
        (b"\n", "0 bytes"),
        (b"fifteen bytes..\n", "15 bytes"),
    ],
)
def test_what_is_no_key_is_refused(tmp_path: Path, data: bytes | None, said: str) -> None:
    path = tmp_path / "key"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(OptionError) as raised:
        Pseudonyms.from_file(str(path))
    assert said in raised.value.message
    assert str(path) in raised.value.message
    assert "fifteen" not in "".join(traceback.format_exception(raised.value))


def test_a_folder_or_no_path_at_all_is_no_key(tmp_path: Path) -> None:
    for path in (str(tmp_path), "a\0b"):
        with pytest.raises(OptionError, match="--hash-uids"):
            Pseudonyms.from_file(path)


def test_the_key_stays_where_it_is() -> None:
    assert "sesame" not in repr(ONE) + str(ONE) + f"{ONE}"
    assert not hasattr(ONE, "__dict__")
    for travel in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled") as raised:
            travel(ONE)
        assert "sesame" not in str(raised.value)
