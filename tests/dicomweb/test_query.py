"""Searches as clients write them (PS3.18 8.3.4 and 10.6, PS3.4 C.2.2.2)."""

from __future__ import annotations

import pytest

from rendicom.dicomweb.query import Match, Query, parse_path, parse_query
from rendicom.dicomweb.search_parameters import LEVELS, REQUIRED_KEYS, RETURNED_KEYS
from rendicom.errors import BadRequestError

PATIENT_NAME, PATIENT_ID, STUDY_DATE, STUDY_UID = 0x00100010, 0x00100020, 0x00080020, 0x0020000D


def only(*pairs: tuple[str, str], level: str = "instances") -> Match:
    (match,) = parse_query(pairs, level=level).matches  # type: ignore[arg-type]
    return match


def test_an_empty_search_is_for_everything() -> None:
    assert parse_query([], level="studies") == Query()


@pytest.mark.parametrize("name", ["PatientID", "00100020"])
def test_attributes_come_by_keyword_or_by_tag(name: str) -> None:
    assert only((name, "11235813")) == Match((PATIENT_ID,), "LO", "single", ("11235813",))


@pytest.mark.parametrize(
    "name",
    [
        "RequestAttributesSequence.RequestedProcedureID",
        "00400275.00401001",
        "RequestAttributesSequence.00401001",
        "00400275.RequestedProcedureID",
    ],
)
def test_attributes_of_items_come_by_a_dotted_path(name: str) -> None:
    assert only((name, "P1")) == Match((0x00400275, 0x00401001), "SH", "single", ("P1",))


def test_tags_may_be_written_in_small_letters_and_be_private() -> None:
    assert only(("0020000d", "1.2")).path == (STUDY_UID,)
    assert only(("00091001", "x*")) == Match((0x00091001,), "UN", "wildcard", ("x*",))


@pytest.mark.parametrize(
    ("name", "value", "kind", "values"),
    [
        # Single value (C.2.2.2.1)
        ("PatientName", "Doe^John", "single", ("Doe^John",)),
        ("Rows", "512", "single", ("512",)),
        ("StudyDate", "20240229", "single", ("20240229",)),
        ("StudyDate", "2024.02.29", "single", ("20240229",)),
        ("StudyTime", "10:30:00", "single", ("103000",)),
        ("InstanceNumber", " 7", "single", ("7",)),
        ("SOPClassUID", "1.2.840", "single", ("1.2.840",)),
        ("FrameIncrementPointer", "00181063", "single", ("00181063",)),
        # Leading spaces are significant in long texts, and in no other (PS3.5 Table 6.2-1)
        ("AdditionalPatientHistory", "  ill ", "single", ("  ill",)),
        ("InstitutionAddress", " a*", "wildcard", (" a*",)),
        ("TextValue", "  a\r\n b ", "single", ("  a\r\n b",)),
        ("PatientID", "  4711 ", "single", ("4711",)),
        ("StudyDescription", " CT head ", "single", ("CT head",)),
        # Universal (C.2.2.2.3)
        ("PatientName", "", "universal", ()),
        ("PatientName", "*", "universal", ()),
        ("PatientName", "**", "universal", ()),
        ("StudyInstanceUID", "*", "universal", ()),
        ("StudyDate", "*", "universal", ()),
        ("RequestAttributesSequence", "", "universal", ()),
        # Wildcard (C.2.2.2.4)
        ("PatientName", "D?e^*", "wildcard", ("D?e^*",)),
        ("Modality", "C*", "wildcard", ("C*",)),
        # Range (C.2.2.2.5)
        ("StudyDate", "20240101-20241231", "range", ("20240101", "20241231")),
        ("StudyDate", "20240101-", "range", ("20240101", "")),
        ("StudyDate", "-20241231", "range", ("", "20241231")),
        ("StudyDate", " 20240101 - 20241231 ", "range", ("20240101", "20241231")),
        ("StudyTime", "1000-1130", "range", ("1000", "1130")),
        ("StudyTime", "080000.5-", "range", ("080000.5", "")),
        ("AcquisitionDateTime", "2024-2025", "range", ("2024", "2025")),
        ("AcquisitionDateTime", "20240101-20240201", "range", ("20240101", "20240201")),
        ("AcquisitionDateTime", "2024-0500", "single", ("2024-0500",)),
        ("AcquisitionDateTime", "20240101120000+0100-", "range", ("20240101120000+0100", "")),
        ("AcquisitionDateTime", "2024-0500-2025-0500", "range", ("2024-0500", "2025-0500")),
        # List of UIDs (C.2.2.2.2), by comma or backslash
        ("StudyInstanceUID", "1.2,1.3,1.4", "list", ("1.2", "1.3", "1.4")),
        ("StudyInstanceUID", "1.2\\1.3", "list", ("1.2", "1.3")),
        ("StudyInstanceUID", "1.2,", "single", ("1.2",)),
        ("ModalitiesInStudy", "CT\\MR", "list", ("CT", "MR")),
        ("ModalitiesInStudy", "CT,MR", "list", ("CT", "MR")),
        # Neither a list nor empty without being told so
        ("PatientID", "A\\B", "single", ("A\\B",)),
        ("PatientName", '""', "single", ('""',)),
        ("PatientName", "Doe,John", "single", ("Doe,John",)),
    ],
)
def test_each_kind_of_matching(name: str, value: str, kind: str, values: tuple[str, ...]) -> None:
    found = only((name, value))
    assert (found.kind, found.values) == (kind, values)


def test_uids_may_be_repeated() -> None:
    found = only(("StudyInstanceUID", "1.2"), ("StudyInstanceUID", "1.3"))
    assert (found.kind, found.values) == ("list", ("1.2", "1.3"))


def test_empty_and_multiple_values_when_asked_for() -> None:
    query = parse_query(
        [
            ("emptyvaluematching", "true"),
            ("multiplevaluematching", "true"),
            ("PatientName", '""'),
            ("PatientID", "A\\B*"),
            ("StudyDate", "20240101\\20240102"),
        ],
        level="studies",
    )
    kinds = [(match.kind, match.values) for match in query.matches]
    assert kinds == [
        ("empty", ()),
        ("list", ("A", "B*")),
        ("list", ("20240101", "20240102")),
    ]


def test_paging_and_fuzziness() -> None:
    query = parse_query(
        [("limit", "10"), ("offset", "20"), ("fuzzymatching", "true")], level="studies"
    )
    assert (query.limit, query.offset, query.fuzzy) == (10, 20, True)
    query = parse_query([("limit", "0"), ("fuzzymatching", "false")], level="studies")
    assert (query.limit, query.offset, query.fuzzy) == (0, 0, False)


def test_fields_to_include_are_separated_by_commas_or_repeated() -> None:
    query = parse_query(
        [
            ("includefield", "StudyDescription,00081030,,nonsense"),
            ("includefield", "RequestAttributesSequence.RequestedProcedureID"),
        ],
        level="series",
    )
    assert query.include == ((0x00081030,), (0x00400275, 0x00401001))
    query = parse_query([("includefield", "PatientID"), ("includefield", "all")], level="series")
    assert query.include == "all"
    assert parse_query([("includefield", "ALL")], level="series").include == ()


def test_unknown_parameters_are_ignored() -> None:
    pairs = [("foo", "1"), ("_", "2"), ("patientid", "x"), ("accept", "application/dicom+json"),
             ("charset", "utf-8"), ("", ""), ("PatientID.Rows", "1"), ("00020010", "1.2"),
             ("Rows.", "1"), (".".join(["RequestAttributesSequence"] * 50), "")]  # fmt: skip
    assert parse_query(pairs, level="instances") == Query()


@pytest.mark.parametrize(
    ("pairs", "parameter"),
    [
        ([("limit", "-1")], "limit"),
        ([("limit", "")], "limit"),
        ([("limit", "1.5")], "limit"),
        ([("limit", "٣")], "limit"),
        ([("limit", "9" * 30)], "limit"),
        ([("offset", "x")], "offset"),
        ([("limit", "1"), ("limit", "2")], "limit"),
        ([("fuzzymatching", "yes")], "fuzzymatching"),
        ([("fuzzymatching", "TRUE")], "fuzzymatching"),
        ([("emptyvaluematching", "")], "emptyvaluematching"),
        ([("multiplevaluematching", "1")], "multiplevaluematching"),
        ([("StudyDate", "2024")], "StudyDate"),
        ([("StudyDate", "20240230")], "StudyDate"),
        ([("StudyDate", "20230229")], "StudyDate"),
        ([("StudyDate", "00000101")], "StudyDate"),
        ([("StudyDate", "-")], "StudyDate"),
        ([("StudyDate", "20240101-20240102-20240103")], "StudyDate"),
        ([("StudyDate", "2024*")], "StudyDate"),
        ([("StudyDate", "20240101\\20240102")], "StudyDate"),
        ([("StudyTime", "2500")], "StudyTime"),
        ([("StudyTime", "1")], "StudyTime"),
        ([("AcquisitionDateTime", "20241301")], "AcquisitionDateTime"),
        ([("StudyInstanceUID", "1.2.x")], "StudyInstanceUID"),
        ([("StudyInstanceUID", "1.2*")], "StudyInstanceUID"),
        ([("StudyInstanceUID", "1" * 65)], "StudyInstanceUID"),
        ([("Rows", "many")], "Rows"),
        ([("Rows", "*")], "Rows"),
        ([("InstanceNumber", "1*")], "InstanceNumber"),
        ([("FrameIncrementPointer", "xyz")], "FrameIncrementPointer"),
        ([("RequestAttributesSequence", "x")], "RequestAttributesSequence"),
        ([("PixelData", "x")], "PixelData"),
        ([("PatientID", "1"), ("PatientID", "2")], "PatientID"),
        ([("PatientID", "1"), ("00100020", "2")], "00100020"),
    ],
)
def test_malformed_values_are_refused_and_named(
    pairs: list[tuple[str, str]], parameter: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_query(pairs, level="instances")
    assert caught.value.parameter == parameter


def test_no_value_is_in_a_message() -> None:
    for name in ("StudyDate", "StudyInstanceUID", "Rows"):
        with pytest.raises(BadRequestError) as caught:
            parse_query([(name, "Secret^Name")], level="instances")
        assert "Secret" not in str(caught.value)


def test_conditions_on_a_lower_level_are_left_out_with_a_warning() -> None:
    pairs = [("Modality", "CT"), ("SOPInstanceUID", "1.2"), ("PatientID", "x")]
    query = parse_query(pairs, level="studies")
    assert [match.path for match in query.matches] == [(PATIENT_ID,)]
    assert [warning.rpartition(" ")[2] for warning in query.warnings] == [
        "Modality",
        "SOPInstanceUID",
    ]
    assert len(parse_query(pairs, level="series").matches) == 2
    assert len(parse_query(pairs, level="instances").matches) == 3


def test_paths() -> None:
    assert parse_path("PatientName") == (PATIENT_NAME,)
    assert parse_path("00091001.PatientName") == (0x00091001, PATIENT_NAME)
    for wrong in ("", ".", "PatientName.Rows", "0010001", "0010001G", "PatientName."):
        assert parse_path(wrong) is None


def test_keys_of_the_tables() -> None:
    """Counts and samples of Tables 10.6.1-5 and 10.6.3-3 to 10.6.3-5."""
    assert [len(REQUIRED_KEYS[level]) for level in LEVELS] == [9, 7, 3]
    assert [len(RETURNED_KEYS[level]) for level in LEVELS] == [17, 11, 11]
    for level in LEVELS:
        assert list(RETURNED_KEYS[level]) == sorted(RETURNED_KEYS[level])
        assert {0x00080005, 0x00081190} <= set(RETURNED_KEYS[level])
    assert (STUDY_DATE,) in REQUIRED_KEYS["studies"]
    assert 0x00201208 in RETURNED_KEYS["studies"]
    assert 0x00201209 in RETURNED_KEYS["series"]
    assert 0x00280100 in RETURNED_KEYS["instances"]
    for level in LEVELS:
        returned = set(RETURNED_KEYS[level])
        assert {path[0] for path in REQUIRED_KEYS[level]} <= returned


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("+0100", "+0100"), (" 0100", "+0100"), ("-0530", "-0530"), ("", ""), ("*", "")],
)
def test_an_offset_from_utc_is_no_condition(text: str, wanted: str) -> None:
    query = parse_query([("TimezoneOffsetFromUTC", text)], level="instances")
    assert (query.timezone, query.matches) == (wanted, ())
    assert parse_query([("00080201", text)], level="studies").timezone == wanted


@pytest.mark.parametrize("text", ["0100", "+100", "+0160", "+1500", "UTC", "+01:00"])
def test_offsets_that_are_none(text: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_query([("TimezoneOffsetFromUTC", text)], level="studies")
    assert caught.value.parameter == "TimezoneOffsetFromUTC"


@pytest.mark.parametrize("name", ["PatientName", "StudyDate", "00100020", "SeriesNumber"])
def test_bytes_that_are_no_text_are_refused(name: str) -> None:
    """The command line gives what is no UTF-8 as lone surrogates; databases refuse them."""
    with pytest.raises(BadRequestError) as caught:
        parse_query([(name, "a\udcffb")], level="instances")
    assert caught.value.parameter == name
