"""Letters of the world, in and out."""

from __future__ import annotations

import pytest

from rendicom.documents import render_document
from rendicom.errors import NotAcceptableError
from reportmaker import item, part10, report

SETS = {
    "ISO_IR 100": ("Müller^Jürgen", "Müller, Jürgen"),
    "ISO_IR 144": ("Люкceмбypг", "Люкceмбypг"),
    "ISO_IR 126": ("Διονυσιος", "Διονυσιος"),
    "ISO_IR 127": ("قباني^لنزار", "قباني, لنزار"),
    "ISO_IR 138": ("שרון^דבורה", "שרון, דבורה"),
    "ISO_IR 192": ("Wang^XiaoDong=王^小东", "Wang, XiaoDong (王 小东)"),
    "GB18030": ("Wang^XiaoDong=王^小东", "Wang, XiaoDong (王 小东)"),
    "\\ISO 2022 IR 87": (
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "Yamada, Tarou (山田 太郎, やまだ たろう)",
    ),
    "\\ISO 2022 IR 149": (
        "Hong^Gildong=洪^吉洞=홍^길동",
        "Hong, Gildong (洪 吉洞, 홍 길동)",
    ),
}


@pytest.mark.parametrize("charset", SETS)
@pytest.mark.parametrize("media_type", ["text/html", "text/plain", "text/xml"])
def test_names_and_texts_of_all_character_sets(charset: str, media_type: str) -> None:
    stored, written = SETS[charset]
    finding = item("TEXT", "Finding", TextValue=stored.replace("^", " "))
    data = part10(report(finding, SpecificCharacterSet=charset.split("\\"), PatientName=stored))
    document = render_document(data, media_type)
    assert document.charset == "utf-8"
    shown = " ".join(document.data.decode().split())
    assert written in shown
    assert stored.replace("^", " ") in shown


def test_an_item_may_have_a_character_set_of_its_own() -> None:
    finding = item("TEXT", "Finding", TextValue="中文", SpecificCharacterSet="GB18030")
    data = part10(report(finding, SpecificCharacterSet="ISO_IR 100", PatientName="Müller"))
    shown = render_document(data, "text/plain").data.decode()
    assert "中文" in shown
    assert "Müller" in shown


def test_bytes_outside_the_character_set_do_no_harm() -> None:
    data = part10(report(item("TEXT", "Finding", TextValue="kept XXXX kept")))
    broken = data.replace(b"XXXX", b"\xff\xfe\xc3\x28")
    shown = render_document(broken, "text/plain").data.decode()
    assert shown.count("kept") == 2


def test_an_unknown_character_set_does_no_harm() -> None:
    data = part10(report(item("TEXT", "Finding", TextValue="kept")))
    shown = render_document(data.replace(b"ISO_IR 192", b"ISO_IR 999"), "text/plain")
    assert b"kept" in shown.data


def test_another_charset_may_be_asked_for() -> None:
    dataset = report(item("TEXT", "Befund", TextValue="größer"))
    plain = render_document(dataset, "text/plain", charset="ISO-8859-1")
    assert plain.content_type == "text/plain; charset=iso-8859-1"
    assert "größer" in plain.data.decode("latin-1")
    page = render_document(dataset, "text/html", charset="us-ascii").data
    assert b"gr&#246;&#223;er" in page
    assert b'<meta charset="us-ascii">' in page


def test_a_charset_that_lacks_letters_is_refused_for_text_alone() -> None:
    dataset = report(item("TEXT", "A", TextValue="山田"))
    with pytest.raises(NotAcceptableError, match="iso-8859-1"):
        render_document(dataset, "text/plain", charset="iso-8859-1")
    assert b"&#23665;" in render_document(dataset, "text/html", charset="iso-8859-1").data


@pytest.mark.parametrize("charset", ["klingon", "", "base64", "utf-7", "utf-16", "\0", "idna"])
def test_other_charsets_mean_utf_8(charset: str) -> None:
    document = render_document(report(), "text/html", charset=charset)
    assert document.charset == "utf-8"
    assert document == render_document(report(), "text/html")
