"""Names of SOP classes, as PS3.6 Table A-1 has them, and the form of UIDs (PS3.5 9.1)."""

from __future__ import annotations

import pytest

from rendicom.dicom.uids import class_name, is_uid

_STORAGE = "1.2.840.10008.5.1.4.1.1"


@pytest.mark.parametrize(
    ("uid", "name"),
    [
        (f"{_STORAGE}.2", "CT Image"),
        (f"{_STORAGE}.1.1", "Digital X-Ray Image For Presentation"),
        (f"{_STORAGE}.88.1", "Text SR Trial"),
        (f"{_STORAGE}.88.59", "Key Object Selection Document"),
        ("1.2.840.10008.1.1", "Verification SOP Class"),
    ],
)
def test_a_class_has_its_name_without_storage(uid: str, name: str) -> None:
    assert class_name(uid) == name


def test_a_class_without_a_name_has_its_uid() -> None:
    assert class_name("1.3.12.2.1107.5.9.1") == "1.3.12.2.1107.5.9.1"


@pytest.mark.parametrize("text", ["", "DOE^JOHN", "1.2.840.10008.5.1.4.1.1.2 Doe", "1.2\n"])
def test_what_is_not_a_uid_is_not_repeated(text: str) -> None:
    assert class_name(text) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", True), ("1.2.840.10008.1.2", True), ("1.2.03", True), ("1." * 31 + "10", True),
        ("", False), ("1..2", False), (".1", False), ("1.", False), ("1.2 ", False),
        ("1.2\n", False), ("1.\u0662", False), ("1." * 32 + "1", False),
    ],
)  # fmt: skip
def test_the_form_of_a_uid(text: str, expected: bool) -> None:
    assert is_uid(text) == expected
