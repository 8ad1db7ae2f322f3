"""The DICOM JSON model against values from PS3.18 Annex F, dcm2json and pydicom."""

from __future__ import annotations

import base64
import json
import math
import struct
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import Dataset

from rendicom.dicom.byte_source import open_source
from rendicom.dicom.data_sets import read_dataset
from rendicom.dicomweb.jsonmodel import model_of, to_json_model
from rendicom.dicomweb.jsonreader import read_model
from rendicom.errors import (
    BadRequestError,
    CorruptDataError,
    LimitExceededError,
    NotDicomError,
    RendicomError,
)
from rendicom.testing import dicom_file, element, encapsulate, sequence
from rendicom.testing.writer import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, UNDEFINED, Element

ENCODINGS = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED)
Make = Callable[..., dict[str, Any]]


def model(*elements: Element, syntax: str = EXPLICIT, **options: Any) -> dict[str, Any]:
    data = dicom_file(elements, transfer_syntax=syntax)
    return model_of(read_dataset(open_source(data)), bulk_uri="bulk/{}".format, **options)


# One attribute of each VR, and what Annex F makes of it.
EVERY_VR = [
    (element(0x00080054, "AE", ["ARCHIVE", "OTHER "]), ["ARCHIVE", "OTHER"]),
    (element(0x00101010, "AS", "042Y"), ["042Y"]),
    (element(0x00280009, "AT", [0x00181063, 0x0054ABCD]),
     ["00181063", "0054ABCD"]),
    (element(0x00080008, "CS", ["ORIGINAL ", "PRIMARY"]), ["ORIGINAL", "PRIMARY"]),
    (element(0x00080020, "DA", "20240229"), ["20240229"]),
    (element(0x00200032, "DS", ["-1.50 ", "0", "1e-3"]), [-1.5, 0, 0.001]),
    (element(0x0008002A, "DT", "20240229120000.5+0100"), ["20240229120000.5+0100"]),
    (element(0x00186028, "FD", [0.1, -2.5]), [0.1, -2.5]),
    (element(0x00089459, "FL", 0.1), [struct.unpack("<f", struct.pack("<f", 0.1))[0]]),
    (element(0x00200013, "IS", " +12 "), [12]),
    (element(0x0008103E, "LO", " two  words "), ["two  words"]),
    (element(0x00104000, "LT", " kept\\as it is  "), [" kept\\as it is"]),
    (element(0x00100020, "LO", "A\\\\B"), ["A", None, "B"]),
    (element(0x00080050, "SH", "A1"), ["A1"]),
    (element(0x00186020, "SL", -70000), [-70000]),
    (element(0x00189219, "SS", -3), [-3]),
    (element(0x00080081, "ST", "a\\b "), ["a\\b"]),
    (element(0x00080082, "SV", [-5, -(1 << 62)]), [-5, str(-(1 << 62))]),
    (element(0x00080030, "TM", "120000.123456"), ["120000.123456"]),
    (element(0x00080119, "UC", [" led ", "two"]), [" led", "two"]),
    (element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7"), ["1.2.840.10008.5.1.4.1.1.7"]),
    (element(0x00186016, "UL", 1 << 31), [1 << 31]),
    (element(0x00081190, "UR", "http://a/b?c=\\d "), ["http://a/b?c=\\d"]),
    (element(0x00280010, "US", 65535), [65535]),
    (element(0x0040A160, "UT", "line\r\nline "), ["line\r\nline"]),
    (element(0x00080040, "UV", [7, 1 << 63]), [7, str(1 << 63)]),
]  # fmt: skip
BINARY = [
    (element(0x00420011, "OB", b"\1\2\3\4"), b"\1\2\3\4"),
    (element(0x00720073, "OD", struct.pack("<d", 1.5)), struct.pack("<d", 1.5)),
    (element(0x00660016, "OF", struct.pack("<2f", 1.5, 2)), struct.pack("<2f", 1.5, 2)),
    (element(0x00660040, "OL", struct.pack("<I", 0x01020304)), b"\4\3\2\1"),
    (element(0x00720081, "OV", struct.pack("<Q", 1 << 40)), struct.pack("<Q", 1 << 40)),
    (element(0x00281201, "OW", struct.pack("<H", 0x0102)), b"\2\1"),
    (element(0x00091001, "UN", b"\1\2"), b"\1\2"),
]
# PS3.6 has other VRs for these two: they can only be tried where the file says the VR.
ONLY_EXPLICIT = (0x00080082, 0x00080040)


@pytest.mark.parametrize("syntax", ENCODINGS)
@pytest.mark.parametrize(("made", "values"), EVERY_VR, ids=lambda made: getattr(made, "vr", ""))
def test_each_vr_has_the_values_of_annex_f(made: Element, values: list[Any], syntax: str) -> None:
    if syntax == IMPLICIT and made.tag in ONLY_EXPLICIT:
        pytest.skip("the dictionary has another VR")
    found = model(made, syntax=syntax)[f"{made.tag:08X}"]
    assert found == {"vr": made.vr, "Value": values}
    assert [type(value) for value in found["Value"]] == [type(value) for value in values]


@pytest.mark.parametrize("syntax", ENCODINGS)
@pytest.mark.parametrize(("made", "data"), BINARY, ids=lambda made: getattr(made, "vr", ""))
def test_binary_values_are_little_endian_base64(made: Element, data: bytes, syntax: str) -> None:
    found = model(made, syntax=syntax)[f"{made.tag:08X}"]
    assert found == {"vr": made.vr, "InlineBinary": base64.b64encode(data).decode()}


@pytest.mark.parametrize("vr", sorted({made.vr for made, _ in EVERY_VR} | {"PN", "UN", "OB"}))
def test_an_empty_element_keeps_only_its_vr(vr: str) -> None:
    assert model(element(0x00091001, vr, ()))["00091001"] == {"vr": vr}


def test_blank_text_is_empty() -> None:
    assert model(element(0x00100020, "LO", "   "))["00100020"] == {"vr": "LO"}


def test_numbers_that_are_none_stay_text() -> None:
    found = model(
        element(0x00200032, "DS", ["1_0", "abc", "", "1e999", "nan"]),
        element(0x00200013, "IS", ["1.5", "99999999999999999999"]),
        element(0x00186028, "FD", [math.nan, math.inf, -math.inf]),
    )
    assert found["00200032"]["Value"] == ["1_0", "abc", None, "1e999", "nan"]
    assert found["00200013"]["Value"] == ["1.5", "99999999999999999999"]
    assert found["00186028"]["Value"] == ["NaN", "Infinity", "-Infinity"]
    json.dumps(found, allow_nan=False)


def test_keys_ascend_and_groups_of_the_file_are_left_out() -> None:
    found = model(
        element(0x00280010, "US", 1),
        element(0x00080000, "UL", 12),
        element(0x00080016, "UI", "1.2"),
        sequence(0x00081140, [element(0x00080000, "UL", 1), element(0x00081155, "UI", "1.3")]),
    )
    assert list(found) == ["00080016", "00081140", "00280010"]
    assert list(found["00081140"]["Value"][0]) == ["00081155"]


@pytest.mark.parametrize("syntax", ENCODINGS)
@pytest.mark.parametrize("length", [None, UNDEFINED])
def test_sequences_nest_and_empty_items_are_empty_objects(syntax: str, length: int | None) -> None:
    inner = sequence(
        0x00400275, [element(0x00401001, "SH", "R1")], [], length=length, undefined_items=True
    )
    outer = sequence(0x00081140, [inner], [element(0x00081155, "UI", "1.2")], length=length)
    found = model(outer, sequence(0x00081115), syntax=syntax)
    assert found["00081115"] == {"vr": "SQ"}
    assert found["00081140"] == {
        "vr": "SQ",
        "Value": [
            {
                "00400275": {
                    "vr": "SQ",
                    "Value": [{"00401001": {"vr": "SH", "Value": ["R1"]}}, {}],
                }
            },
            {"00081155": {"vr": "UI", "Value": ["1.2"]}},
        ],
    }


# --- names and character sets ------------------------------------------------------------------

# PS3.5 H.3.1, H.3.2 and I.2 in bytes, and the names they stand for.
NAMES = [
    (["", "ISO 2022 IR 87"],
     b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
     {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}),
    (["", "ISO 2022 IR 149"],
     b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
     {"Alphabetic": "Hong^Gildong", "Ideographic": "洪^吉洞", "Phonetic": "홍^길동"}),
    (["ISO_IR 192"], "Wang^XiaoDong=王^小東=".encode(),
     {"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小東"}),
    (["GB18030"], b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=",
     {"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小东"}),
    (["ISO_IR 100"], b"Buc^J\xe9r\xf4me", {"Alphabetic": "Buc^Jérôme"}),
    (["ISO_IR 144"], b"\xbb\xee\xda\x63\xd5\xdc\xd1\xdd\xd8", None),
    (["ISO_IR 100"], b"==Phonetic", {"Phonetic": "Phonetic"}),
]  # fmt: skip


@pytest.mark.parametrize(("sets", "data", "name"), NAMES)
def test_names_come_in_unicode_by_component_groups(
    sets: list[str], data: bytes, name: dict[str, str] | None
) -> None:
    found = model(element(0x00080005, "CS", sets), element(0x00100010, "PN", data))
    assert found["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    if name is None:
        name = {"Alphabetic": data.decode("iso8859-5")}
    assert found["00100010"] == {"vr": "PN", "Value": [name]}


def test_a_second_byte_that_looks_like_a_backslash_does_not_split() -> None:
    # U+8B0D is 0xC7 0x5C in Big5-like sets; in GB18030 the character 0x95 0x5C is U+66F1.
    text = b"\x95\x5c".decode("gb18030")
    found = model(element(0x00080005, "CS", "GB18030"), element(0x00100020, "LO", b"\x95\x5c\\B"))
    assert found["00100020"]["Value"] == [text, "B"]


def test_text_beyond_ascii_without_a_character_set_is_said_to_be_unicode() -> None:
    found = model(element(0x00100010, "PN", b"J\xe9r\xf4me "))
    assert found["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert found["00100010"]["Value"] == [{"Alphabetic": "Jérôme"}]
    assert list(found) == ["00080005", "00100010"]
    assert "00080005" not in model(element(0x00100010, "PN", "Jerome"))


def test_an_item_may_have_a_character_set_of_its_own() -> None:
    item = [element(0x00080005, "CS", "ISO_IR 144"), element(0x00100020, "LO", b"\xbb")]
    plain = [element(0x00100020, "LO", b"\xe9")]
    found = model(element(0x00080005, "CS", "ISO_IR 100"), sequence(0x00101002, item, plain))
    values = found["00101002"]["Value"]
    assert values[0]["00100020"]["Value"] == ["Л"]
    assert values[0]["00080005"]["Value"] == ["ISO_IR 192"]
    assert values[1] == {"00100020": {"vr": "LO", "Value": ["é"]}}


def test_unknown_character_sets_and_broken_text_do_not_fail() -> None:
    broken = b"\xff\xfe"
    found = model(element(0x00080005, "CS", "NONSENSE"), element(0x00100020, "LO", broken))
    assert found["00100020"]["Value"] == ["ÿþ"]
    found = model(element(0x00080005, "CS", "ISO_IR 192"), element(0x00100020, "LO", broken))
    assert found["00100020"]["Value"] == ["\ufffd\ufffd"]


# --- what a file with implicit VR does not tell ------------------------------------------------


def test_implicit_files_get_their_vrs_from_dictionaries() -> None:
    found = model(
        element(0x00091001, "UN", b"abcd"),
        element(0x00190010, "LO", "GEMS_ACQU_01"),
        element(0x00191002, "SL", 77),
        element(0x001910FF, "US", 1),
        element(0x00280106, "SS", -5),
        element(0x00280103, "US", 1),
        element(0x00283006, "US", [1, 2]),
        syntax=IMPLICIT,
    )
    assert found["00091001"]["vr"] == "UN"
    assert found["00190010"] == {"vr": "LO", "Value": ["GEMS_ACQU_01"]}
    assert found["00191002"] == {"vr": "SL", "Value": [77]}
    assert found["001910FF"]["vr"] == "UN"
    assert found["00280106"] == {"vr": "SS", "Value": [-5]}
    assert found["00283006"]["vr"] == "OW"


def test_smallest_pixel_value_is_unsigned_unless_pixels_are_signed() -> None:
    found = model(element(0x00280106, "US", 65000), syntax=IMPLICIT)
    assert found["00280106"] == {"vr": "US", "Value": [65000]}


def test_pixel_representation_counts_for_the_items_below_it() -> None:
    item = [element(0x00283002, "SS", [256, -1024, 16])]
    found = model(element(0x00280103, "US", 1), sequence(0x00283000, item), syntax=IMPLICIT)
    assert found["00283000"]["Value"][0]["00283002"] == {"vr": "SS", "Value": [256, -1024, 16]}


def test_standard_elements_stored_as_un_get_their_own_vr() -> None:
    inside = [element(0x00081155, "UI", "1.2")]
    found = model(
        element(0x0008103E, "UN", b"Head"),
        sequence(0x00081140, inside, vr="UN", length=UNDEFINED),
    )
    assert found["0008103E"] == {"vr": "LO", "Value": ["Head"]}
    assert found["00081140"]["Value"] == [{"00081155": {"vr": "UI", "Value": ["1.2"]}}]


# --- bulk data ---------------------------------------------------------------------------------


def test_long_binary_values_are_referred_to_and_short_ones_are_not() -> None:
    found = model(
        element(0x00420011, "OB", bytes(1025)),
        element(0x00660016, "OF", bytes(1024)),
        sequence(0x54000100, [element(0x54001010, "OW", b"")],
                 [element(0x54001010, "OW", bytes(5000))]),
    )  # fmt: skip
    assert found["00420011"] == {"vr": "OB", "BulkDataURI": "bulk/00420011"}
    assert "InlineBinary" in found["00660016"]
    items = found["54000100"]["Value"]
    assert items[0]["54001010"] == {"vr": "OW"}
    assert items[1]["54001010"] == {"vr": "OW", "BulkDataURI": "bulk/54000100/2/54001010"}


def test_the_threshold_is_the_callers() -> None:
    made = element(0x00420011, "OB", bytes(10))
    assert "BulkDataURI" in model(made, bulk_threshold=9)["00420011"]
    assert "InlineBinary" in model(made, bulk_threshold=10)["00420011"]


def test_pixel_data_are_referred_to_however_short() -> None:
    assert model(element(0x7FE00010, "OW", b"\1\2"))["7FE00010"] == {
        "vr": "OW",
        "BulkDataURI": "bulk/7FE00010",
    }
    found = model(*encapsulate([b"\xff\xd8\xff\xd9"]), syntax="1.2.840.10008.1.2.4.50")
    assert found["7FE00010"] == {"vr": "OB", "BulkDataURI": "bulk/7FE00010"}


def test_very_long_numbers_and_text_are_referred_to_but_sequences_never() -> None:
    items = [[element(0x00081155, "UI", f"1.2.{number}")] for number in range(4000)]
    found = model(
        element(0x0040A160, "UT", "x" * (64 << 10) + "yy"),
        element(0x00720076, "FL", [1.0] * 100),
        sequence(0x00081140, *items),
    )
    assert found["0040A160"] == {"vr": "UT", "BulkDataURI": "bulk/0040A160"}
    assert len(found["00720076"]["Value"]) == 100
    assert len(found["00081140"]["Value"]) == 4000


def test_without_a_place_for_bulk_data_everything_is_inlined() -> None:
    dataset = Dataset()
    dataset.PatientID = "x"
    dataset.add_new(0x00420011, "OB", bytes(3000))
    found = to_json_model(dataset)
    assert base64.b64decode(found["00420011"]["InlineBinary"]) == bytes(3000)


def test_large_files_are_not_read_for_their_metadata(tmp_path: Path) -> None:
    head = dicom_file([element(0x00280010, "US", 4), element(0x00420011, "OB", bytes(8 << 20))])
    path = tmp_path / "large.dcm"
    with path.open("wb") as file:
        file.write(head)
        file.write(struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, 3 << 30))
        file.truncate(file.tell() + (3 << 30))
    source = open_source(path)
    found = model_of(read_dataset(source), bulk_uri="bulk/{}".format)
    assert found["00280010"]["Value"] == [4]
    assert found["00420011"]["BulkDataURI"] == "bulk/00420011"
    assert found["7FE00010"]["BulkDataURI"] == "bulk/7FE00010"
    assert source.bytes_read < 1 << 20
    source.close()


# --- what is broken ----------------------------------------------------------------------------


def test_no_dicom_and_broken_files_are_refused() -> None:
    with pytest.raises(NotDicomError):
        read_dataset(open_source(b""))
    with pytest.raises(NotDicomError):
        read_dataset(open_source(b"nothing like it" * 100))
    whole = dicom_file([element(0x00104000, "LT", "x" * 100)])
    with pytest.raises(CorruptDataError):
        read_dataset(open_source(whole[:-50]))


def test_sequences_too_deep_are_refused() -> None:
    nested = element(0x00080016, "UI", "1.2")
    for _ in range(100):
        nested = sequence(0x00081140, [nested], length=UNDEFINED)
    with pytest.raises(CorruptDataError):
        model_of(read_dataset(open_source(dicom_file([nested]))))


def test_more_elements_than_any_header_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rendicom.dicom.element_walker._MAX_ELEMENTS", 100)
    items = [[element(0x00081155, "UI", "1.2")] for _ in range(101)]
    with pytest.raises(LimitExceededError):
        model_of(read_dataset(open_source(dicom_file([sequence(0x00081140, *items)]))))
    flat = [element(0x00090010 + number, "LO", "x") for number in range(101)]
    with pytest.raises(LimitExceededError):
        read_dataset(open_source(dicom_file(flat)))


# --- second sources ----------------------------------------------------------------------------


def quiet_pydicom_json(path: Path) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        found: dict[str, Any] = dataset.to_json_dict(
            bulk_data_threshold=1 << 30,
            bulk_data_element_handler=lambda _: "",
            suppress_invalid_tags=True,
        )
    return found


def differences(ours: Any, theirs: Any, place: str = "") -> Iterator[str]:
    """Yield where pydicom says other than we do and is not known to be wrong."""
    for name in ours.keys() | theirs.keys():
        mine, other = ours.get(name), theirs.get(name)
        if mine is None or other is None:
            yield f"{place}{name} is missing"
        elif mine["vr"] != other["vr"]:
            yield f"{place}{name} has VR {mine['vr']}, {other['vr']}"
        elif mine["vr"] == "SQ":
            pairs = zip(mine.get("Value", []), other.get("Value", []), strict=True)
            for number, (item, other_item) in enumerate(pairs, start=1):
                yield from differences(item, other_item, f"{place}{name}/{number}/")
        elif name != "00080005" and not same(mine, other):
            yield f"{place}{name}: {mine} {other}"


def same(mine: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two attributes are alike.

    pydicom leaves padding inside of multiple codes, and writes "" where F.2.5 asks for null.
    """
    if "Value" not in other:
        return {**other, "Value": None} == {**mine, "Value": None}
    theirs = [each.strip() or None if isinstance(each, str) else each for each in other["Value"]]
    ours = [each.strip() if isinstance(each, str) else each for each in mine.get("Value", [])]
    return ours == theirs


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm",
     "reportsi.dcm", "rtplan.dcm", "liver_1frame.dcm", "eCT_Supplemental.dcm", "waveform_ecg.dcm",
     "JPEG2000.dcm", "UN_sequence.dcm", "OT-PAL-8-face.dcm", "ExplVR_BigEndNoMeta.dcm",
     "emri_small_RLE.dcm", "DICOMDIR", "priv_SQ.dcm", "nested_priv_SQ.dcm"],
)  # fmt: skip
def test_the_model_is_pydicoms_where_pydicom_is_right(
    name: str, pydicom_file: Callable[[str], Path]
) -> None:
    path = pydicom_file(name)
    ours = model_of(read_dataset(open_source(path)))
    ours = {key: value for key, value in ours.items() if key != "7FE00010"}
    theirs = {
        key: value
        for key, value in quiet_pydicom_json(path).items()
        if not key.startswith("0002") and not key.endswith("0000")
    }
    if "00080005" not in theirs:
        ours.pop("00080005", None)
    assert list(differences(ours, theirs)) == []


def singles(attribute: dict[str, Any]) -> bytes:
    values = attribute.get("Value", [])
    return struct.pack(f"<{len(values)}f", *values)


@pytest.mark.dcmtk
@pytest.mark.parametrize("name", ["CT_small.dcm", "reportsi.dcm", "MR_small_bigendian.dcm"])
def test_the_model_is_dcmtks(
    name: str,
    pydicom_file: Callable[[str], Path],
    dcmtk: Callable[..., subprocess.CompletedProcess[bytes]],
) -> None:
    path = pydicom_file(name)
    done = dcmtk("dcm2json", path)
    theirs = json.loads(done.stdout.decode("utf-8", "replace"))
    ours = model_of(read_dataset(open_source(path)))
    for each in (ours, theirs):
        each.pop("7FE00010", None)
        each.pop("00080005", None)
    theirs.pop("FFFCFFFC", None)  # padding behind the pixel data, which metadata do not reach
    assert list(ours) == [key for key in theirs if not key.startswith("0002")]
    for key, mine in ours.items():
        if mine["vr"] in ("DS", "IS"):
            texts = [float(each) for each in theirs[key].get("Value", [])]
            assert [float(each) for each in mine.get("Value", [])] == texts, key
        elif mine["vr"] == "FL":  # written with 9 digits, which are enough to tell them apart
            assert singles(mine) == singles(theirs[key]), key
        elif mine["vr"] not in ("SQ", "UN"):
            assert mine == theirs[key], key


@pytest.mark.corpus
def test_both_readers_of_a_file_say_the_same(corpus: Path) -> None:
    from rendicom.dicom.data_sets import read_with_pydicom, walk_file

    compared = 0
    for path in sorted(corpus.glob("*.dcm"))[::12]:
        try:
            plain = walk_file(open_source(path))
            second = read_with_pydicom(open_source(path))
        except RendicomError:
            continue  # one of them does not know such files
        ours, other = model_of(plain, bulk_uri=str), model_of(second, bulk_uri=str)
        assert ours == other, path.name
        compared += 1
    assert compared > 5


# --- the way back ------------------------------------------------------------------------------


@pytest.mark.parametrize(("made", "values"), EVERY_VR + [(each, None) for each, _ in BINARY])
def test_a_model_read_back_is_written_as_it_was(made: Element, values: Any) -> None:
    found = model(made)
    again = to_json_model(read_model(found))
    name = f"{made.tag:08X}"
    assert again[name] == found[name]


def test_names_and_sequences_are_read_back() -> None:
    found = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Phonetic": "ぴ"}]},
        "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}, {}]},
    }
    dataset = read_model(found)
    assert dataset.PatientName == "A^B==ぴ"
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2"
    assert len(dataset.ReferencedImageSequence) == 2
    assert to_json_model(dataset) == {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        **dict(sorted(found.items())),
    }


def test_file_meta_information_comes_apart() -> None:
    dataset = read_model(
        {"00020010": {"vr": "UI", "Value": [EXPLICIT]}, "00080018": {"vr": "UI", "Value": ["1.2"]}}
    )
    assert dataset.file_meta.TransferSyntaxUID == EXPLICIT
    assert 0x00020010 not in dataset


def test_bulk_data_are_asked_for() -> None:
    model = {
        "7FE00010": {"vr": "OW", "BulkDataURI": "part-2"},
        "00186028": {"vr": "FD", "BulkDataURI": "part-3"},
        "00186029": {"vr": "FD", "BulkDataURI": "part-4"},
    }
    stored = {"part-2": b"\1\2", "part-3": struct.pack("<2d", 1, 2), "part-4": bytes(8)}
    dataset = read_model(model, bulk=stored.__getitem__)
    assert dataset.PixelData == b"\1\2"
    assert list(dataset[0x00186028].value) == [1, 2]
    assert dataset[0x00186029].value == 0
    assert read_model(model).PixelData == b""


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        "text",
        {"PatientID": {"vr": "LO"}},
        {"00100020": []},
        {"00100020": {"vr": "XX"}},
        {"00100020": {"vr": 5}},
        {"00100020": {"vr": "LO", "Value": "x"}},
        {"00100020": {"vr": "LO", "Value": [5]}},
        {"00100020": {"vr": "LO", "Value": ["x"], "InlineBinary": ""}},
        {"00280010": {"vr": "US", "Value": [65536]}},
        {"00280010": {"vr": "US", "Value": [1.5]}},
        {"00280010": {"vr": "US", "Value": [True]}},
        {"00280010": {"vr": "US", "Value": [None, "x"]}},
        {"00186028": {"vr": "FD", "Value": ["abc"]}},
        {"00200013": {"vr": "IS", "Value": [1.5]}},
        {"00200013": {"vr": "IS", "Value": [float("inf")]}},
        {"00200013": {"vr": "IS", "Value": [10**400]}},
        {"00200032": {"vr": "DS", "Value": [float("inf")]}},
        {"00200032": {"vr": "DS", "Value": [-(10**400)]}},
        {"00280009": {"vr": "AT", "Value": ["xyz"]}},
        {"00200013": {"vr": "IS", "Value": ["1e999"]}},
        {"00200032": {"vr": "DS", "Value": ["abc"]}},
        {"00100020": {"vr": "LO", "Value": ["\ud800"]}},
        {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "\ud800"}]}},
        {"00100010": {"vr": "PN", "BulkDataURI": "x"}},
        {"00100020": {"vr": "LO", "InlineBinary": "eA=="}},
        {"00420011": {"vr": "OB", "InlineBinary": "é"}},
        {"00020010": {"vr": "UI", "Value": ["1.2", "1.3"]}},
        {"00020010": {"vr": "UI", "Value": ["1.2\\1.3"]}},
        {"00100010": {"vr": "PN", "Value": [5]}},
        {"00100010": {"vr": "PN", "Value": [{"Alphabetic": 5}]}},
        {"00081140": {"vr": "SQ", "Value": ["x"]}},
        {"00081140": {"vr": "SQ", "BulkDataURI": "x"}},
        {"00081140": {"vr": "SQ", "InlineBinary": ""}},
        {"7FE00010": {"vr": "OW", "InlineBinary": "%%"}},
        {"7FE00010": {"vr": "OW", "InlineBinary": 5}},
        {"7FE00010": {"vr": "OW", "Value": [1]}},
        {"7FE00010": {"vr": "OW", "BulkDataURI": 5}},
        {"00280010": {"vr": {"a": 1}, "Value": [1]}},
        {"00280010": {"vr": ["US"], "Value": [1]}},
        {"00280010": {"vr": 5, "Value": [1]}},
    ],
)
def test_what_is_no_model_is_refused(wrong: Any) -> None:
    with pytest.raises(BadRequestError):
        read_model(wrong)


def test_models_too_deep_are_refused() -> None:
    nested: dict[str, Any] = {}
    for _ in range(100):
        nested = {"00081140": {"vr": "SQ", "Value": [nested]}}
    with pytest.raises(BadRequestError):
        read_model(nested)


def test_unknown_binary_values_of_standard_elements_are_read_as_what_they_are() -> None:
    rows = base64.b64encode(struct.pack("<H", 512)).decode()
    dataset = read_model({"00280010": {"vr": "UN", "InlineBinary": rows}})
    assert dataset.Rows == 512
    assert dataset["Rows"].VR == "US"


def test_character_sets_and_file_meta_information_have_the_vr_of_the_dictionary() -> None:
    dataset = read_model(
        {
            "00020010": {"vr": "LO", "Value": [EXPLICIT]},
            "00080005": {"vr": "LO", "Value": ["ISO_IR 100"]},
        }
    )
    assert dataset.file_meta["TransferSyntaxUID"].VR == "UI"
    assert dataset["SpecificCharacterSet"].VR == "CS"
    assert dataset.SpecificCharacterSet == "ISO_IR 192"


def test_messages_hold_no_value() -> None:
    with pytest.raises(BadRequestError) as caught:
        read_model({"00280010": {"vr": "US", "Value": ["Secret"]}})
    assert "Secret" not in str(caught.value)
