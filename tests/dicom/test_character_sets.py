"""Names of windows and tables are text in the character set of the file (PS3.5 6.1.2.3)."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest

from presentationstates import element, state, voi, vois
from rendicom.dicom.byte_source import open_source
from rendicom.dicom.character_sets import repertoire_of
from rendicom.dicom.header import read_header
from rendicom.engine import open_instance, open_presentation
from rendicom.options import RenderOptions
from rendicom.pixels.describe import describe
from rendicom.pixels.display import display_attributes
from rendicom.testing import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    Element,
    functional_groups,
    image,
    lookup_table,
    sequence,
)
from rendicom.testing.writer import DEFLATED

PIXELS = np.array([[0, 50, 100]], np.uint8)
CHARACTER_SET, EXPLANATION = 0x00080005, 0x00281055
CENTER, WIDTH, FUNCTION = 0x00281050, 0x00281051, 0x00281056
JAPANESE, KOREAN, CHINESE = "ISO 2022 IR 87", "ISO 2022 IR 149", "ISO 2022 IR 58"

# Character set, bytes of two values with a backslash between them, and what they say by the code
# tables of the sets.
NAMES = [
    (["ISO_IR 192"], "Fen\u00eatre os\\\u80ba".encode(), ["Fen\u00eatre os", "\u80ba"]),
    (["ISO_IR 100"], b"Fen\xeatre\\m\xf6h", ["Fen\u00eatre", "m\u00f6h"]),
    (["ISO_IR 101"], b"ko\xb6\xe6\\BONE", ["ko\u015b\u0107", "BONE"]),
    (["ISO_IR 109"], b"\xa6uro\\a", ["\u0124uro", "a"]),
    (["ISO_IR 110"], b"\xbb\\a", ["\u0123", "a"]),
    (["ISO_IR 126"], b"\xcf\xf3\xf4\\a", ["\u039f\u03c3\u03c4", "a"]),
    (["ISO_IR 127"], b"\xd9\xe4\xe5\\a", ["\u0639\u0644\u0645", "a"]),
    (["ISO_IR 138"], b"\xf9\xe5\\a", ["\u05e9\u05d5", "a"]),
    (["ISO_IR 144"], b"\xda\xde\xe1\xe2\xec\\\xbb", ["\u043a\u043e\u0441\u0442\u044c", "\u041b"]),
    (["ISO_IR 148"], b"\xfe\xfd\\a", ["\u015f\u0131", "a"]),
    (["ISO_IR 166"], b"\xa1\xd2\\a", ["\u0e01\u0e32", "a"]),
    (["ISO_IR 203"], b"\xbcil\\\xa4", ["\u0152il", "\u20ac"]),
    (["ISO_IR 13"], b"\xca\xb2\\\xce\xc8", ["\uff8a\uff72", "\uff8e\uff88"]),
    (["GB18030"], b"\xb7\xce\\BONE", ["\u80ba", "BONE"]),
    # Second bytes of 5CH, which is no backslash.
    (["GB18030"], b"\x81\\\x86\\\\BONE", ["\u4e57\u54f1", "BONE"]),
    (["GBK"], b"\x83\\\\BONE", ["\u50dc", "BONE"]),
    (["", JAPANESE], b"\x1b$BGY\x1b(B\\\x1b$B9|\x1b(B", ["\u80ba", "\u9aa8"]),
    (["", JAPANESE], b"\x1b$B;\\\x1b(B\\\x1b$B!\\\x1b(B", ["\u65bd", "\uff0b"]),
    (
        ["ISO 2022 IR 13", JAPANESE],
        b"\xca\xb2\x1b$BGY\x1b(J\\\xce",
        ["\uff8a\uff72\u80ba", "\uff8e"],
    ),
    (["", JAPANESE, "ISO 2022 IR 159"], b"\x1b$(D0!\x1b(B\\a", ["\u4e02", "a"]),
    (["", KOREAN], b"\x1b$)C\xb1\xe8\xc8\xf1\xc1\xdf\\BONE", ["\uae40\ud76c\uc911", "BONE"]),
    (["", CHINESE], b"\x1b$)A\xcd\xf5\xd0\xa1\\\x1b$)A\xb9\xc7", ["\u738b\u5c0f", "\u9aa8"]),
    (
        ["ISO 2022 IR 100", "ISO 2022 IR 144"],
        b"m\xf6h\\\x1b-L\xda\xde = ^\xe2",
        ["m\u00f6h", "\u043a\u043e = ^\u0442"],
    ),
    (["ISO 2022 IR 6", "ISO 2022 IR 126"], b"a\\\x1b-F\xcf\xf3", ["a", "\u039f\u03c3"]),
    # As some write them, and what says nothing.
    (["ISO-IR 192"], b"\xe8\x82\xba\\a", ["\u80ba", "a"]),
    (["UTF-8"], b"\xe8\x82\xba\\a", ["\u80ba", "a"]),
    (["nonsense"], b"m\xf6h\\a", ["m\u00f6h", "a"]),
    ([], b"m\xf6h\\a", ["m\u00f6h", "a"]),
]
SYNTAXES = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED)


def said(*character_sets: str) -> list[Element]:
    return [element(CHARACTER_SET, "CS", *character_sets)] if character_sets else []


def windows(explanation: bytes) -> list[Element]:
    return [
        element(CENTER, "DS", 50, 100), element(WIDTH, "DS", 100, 200),
        element(FUNCTION, "CS", "LINEAR_EXACT"), element(EXPLANATION, "LO", explanation),
    ]  # fmt: skip


def names_of(source: bytes | pydicom.Dataset, frame: int = 1) -> list[str]:
    with open_instance(source) as instance:
        display = instance.display_attributes(frame)
    return [each.explanation for each in (*display.windows, *display.voi_luts)]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("character_sets", "data", "names"), NAMES)
def test_names_of_windows(
    character_sets: list[str], data: bytes, names: list[str], syntax: str
) -> None:
    extra = [*said(*character_sets), *windows(data)]
    assert names_of(image(PIXELS, extra=extra, transfer_syntax=syntax)) == names


@pytest.mark.parametrize(("character_sets", "data", "names"), NAMES)
def test_every_way_in_reads_the_same_names(
    character_sets: list[str], data: bytes, names: list[str]
) -> None:
    file = image(PIXELS, extra=[*said(*character_sets), *windows(data)])
    for reader in ("fast", "pydicom"):
        header = read_header(open_source(file), reader=reader)  # type: ignore[arg-type]
        display = display_attributes(header, describe(header), 1)
        assert [window.explanation for window in display.windows] == names
    dataset = pydicom.dcmread(io.BytesIO(file))
    assert names_of(dataset) == names
    # pydicom leaves an escape sequence in the text, and takes the latter for Latin-1.
    if not {CHINESE, "ISO_IR 203"} & set(character_sets):
        dataset.decode()  # what a program has looked at is text already
        assert names_of(dataset) == names


def test_a_data_set_made_in_a_program() -> None:
    dataset = pydicom.dcmread(io.BytesIO(image(PIXELS, extra=windows(b"a"))))
    dataset.WindowCenterWidthExplanation = ["\u80ba", "Fen\u00eatre "]
    assert names_of(dataset) == ["\u80ba", "Fen\u00eatre"]
    dataset.WindowCenterWidthExplanation = ""
    assert names_of(dataset) == ["", ""]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_items_inherit_the_character_set_or_have_their_own(syntax: str) -> None:
    data = "\u80ba".encode()
    own = [element(CHARACTER_SET, "CS", "ISO_IR 100")]
    table = lookup_table([0, 255], bits=8).items
    assert table is not None
    luts = sequence(
        0x00283010,
        (*table[0], element(0x00283003, "LO", data)),
        (*table[0], *own, element(0x00283003, "LO", data)),
    )
    frames = functional_groups(
        shared=[sequence(0x00289132, windows(data))],
        per_frame=[[], [sequence(0x00289132, [*own, *windows(data)])]],
    )
    file = image(
        np.stack([PIXELS, PIXELS]), extra=[*said("ISO_IR 192"), luts, *frames],
        transfer_syntax=syntax,
    )  # fmt: skip
    wrong = data.decode("latin-1")
    assert names_of(file, 1)[0] == "\u80ba"
    assert names_of(file, 2)[0] == wrong
    file = image(PIXELS, extra=[*said("ISO_IR 192"), luts], transfer_syntax=syntax)
    assert names_of(file) == ["\u80ba", wrong]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_names_in_a_presentation_state(syntax: str) -> None:
    item = voi("50", "100", element(EXPLANATION, "LO", "Fen\u00eatre".encode()))
    told = open_presentation(state(*said("ISO_IR 192"), vois(item), transfer_syntax=syntax))
    assert told.vois[0].windows[0].explanation == "Fen\u00eatre"


@pytest.mark.parametrize(
    "name", ["Fen\u00eatre os", "fene\u0302tre OS", "\uff34wo", "\uff8a\uff72"]
)
def test_windows_are_found_by_name(name: str) -> None:
    """However the letters are composed, and whatever their width."""
    explanation = "Fen\u00eatre os\\Two \u30cf\u30a4".encode()
    file = image(PIXELS, extra=[*said("ISO_IR 192"), *windows(explanation)])
    with open_instance(file) as instance:
        shown = instance.display(1, RenderOptions.parse({"voi": f"name:{name}"}))
        text = instance.explain(1, RenderOptions.parse({"voi": f"name:{name}"})).voi
    is_first = "os" in name.casefold()
    assert shown.tolist() == [[0, 128, 255] if is_first else [0, 64, 128]]
    assert ("Fen\u00eatre os" in text) == is_first


def test_character_sets_that_are_no_text_do_no_harm() -> None:
    for name in (b"idna", b"zlib", b"rot13", b"unicode_escape", b"undefined", b"\xff\xfe", b"\\\\"):
        assert repertoire_of(name).text(b"m\xf6h\x1b$B") == "m\u00f6h\x1b$B"
        assert repertoire_of(b"ISO_IR 6\\" + name).text(b"\xf6\x1b(B") is not None
