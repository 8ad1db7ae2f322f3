"""Searches in both databases, each held against a plain matcher over pydicom's data sets."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydicom.dataset import Dataset

from indexedfiles import dataset, indexed
from plainmatching import UIDS, counted, found_by
from postgresserver import postgres_server
from rendicom.dicomweb.query import parse_query
from rendicom.errors import BadRequestError
from rendicom.index.catalogue import Catalogue
from rendicom.index.records import Indexed, SearchResult
from searchedarchive import ARCHIVE, ASKED

__all__ = ["postgres_server"]

TAGS = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}
LEVELS = ("studies", "series", "instances")
DATASETS = counted([dataset(**said) for said in ARCHIVE])


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> list[Indexed]:
    folder = tmp_path_factory.mktemp("archive")
    return [indexed(folder / f"{said['SOPInstanceUID']}.dcm", **said) for said in ARCHIVE]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, read: list[Indexed]) -> Iterator[Catalogue]:
    """Return a catalogue of the whole archive, in each of the databases."""
    url = "sqlite://"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").make_database()
    catalogue = Catalogue(url)
    catalogue.put(list(reversed(read)))
    yield catalogue
    catalogue.close()


def searched(
    catalogue: Catalogue, level: Any, *pairs: tuple[str, str], **scope: str
) -> SearchResult:
    return catalogue.search(level, parse_query(pairs, level=level), **scope)


def uids(found: SearchResult, level: str) -> list[str]:
    return [model[TAGS[level]]["Value"][0] for model in found.models]


def everything(level: str) -> set[str]:
    return {str(each[UIDS[level]].value) for each in DATASETS}


@functools.cache
def plainly(level: str, conditions: tuple[tuple[str, str], ...], **flags: bool) -> set[str]:
    return found_by(DATASETS, level, dict(conditions), **flags)


def check(catalogue: Catalogue, level: str, conditions: dict[str, str], **flags: bool) -> int:
    """Search both ways; return how many there are."""
    pairs = [*conditions.items(), ("emptyvaluematching", "true")]
    if flags.get("is_fuzzy"):
        pairs.append(("fuzzymatching", "true"))
    found = searched(catalogue, level, *pairs)
    assert found.warnings == ()
    listed = uids(found, level)
    assert len(listed) == len(set(listed))
    expected = plainly(level, tuple(conditions.items()), **flags)
    assert set(listed) == expected, (level, conditions)
    return len(listed)


def askable(keyword: str, wanted: Any) -> str:
    """Return a value as it is asked for; what is absent, or would be a pattern, by another."""
    if wanted is None or ("\\" in str(wanted) and keyword != "SeriesInstanceUID"):
        return '""'
    return str(wanted)


@pytest.mark.parametrize("keyword", ASKED)
def test_each_attribute_matches_as_a_plain_matcher_says(filled, keyword):
    level, wanted = ASKED[keyword]
    numbers = [check(filled, level, {keyword: askable(keyword, each)}) for each in wanted]
    assert check(filled, level, {keyword: ""}) == len(everything(level))
    assert any(numbers), "some are found"
    assert check(filled, level, {keyword: '""'}) < max(numbers) + 18


def test_any_conditions_together_on_any_level(filled):
    draw = Random(7)  # noqa: S311
    numbers = []
    for _ in range(150):
        level = draw.choice(LEVELS)
        may = [key for key, (of, _) in ASKED.items() if LEVELS.index(of) <= LEVELS.index(level)]
        chosen = {key: draw.choice(ASKED[key][1]) for key in draw.sample(may, draw.randint(1, 3))}
        numbers.append(check(filled, level, {k: askable(k, v) for k, v in chosen.items()}))
    assert sum(map(bool, numbers)) > 20, "not only nothing is found"


@pytest.mark.parametrize(
    "dates", ["20240101-20240229", "20240101-", "-20240229", "20240229-20240229"]
)
@pytest.mark.parametrize(
    "times",
    ["1015-1015", "10-101500", "101500.6-", "-1015", "000000-235959", "2359-00", "1016-"],
)
@pytest.mark.parametrize("level", LEVELS)
def test_ranges_of_a_date_and_its_time_are_one_range(filled, level, dates, times):
    check(filled, level, {"StudyDate": dates, "StudyTime": times})
    if level == "instances":
        check(filled, level, {"ContentDate": dates, "ContentTime": times})


def test_moments_are_one_range_and_not_two(catalogue, tmp_path):
    """From the evening of one day to the morning of the next: nothing of the days' middles."""
    kept = {"20240101": ("1959", "2000", "2359"), "20240102": ("0000", "0800", "0801"),
            "20240103": ("0700",)}  # fmt: skip
    moments = [(day, time) for day, times in kept.items() for time in times]
    put_moments(catalogue, tmp_path, moments)
    found = searched(catalogue, "studies", ("StudyDate", "20240101-20240102"),
                     ("StudyTime", "2000-0800"))  # fmt: skip
    wanted = {("20240101", "2000"), ("20240101", "2359"), ("20240102", "0000"),
              ("20240102", "0800")}  # fmt: skip
    assert dated(found) == wanted
    # One of them is no range: two conditions.
    found = searched(catalogue, "studies", ("StudyDate", "20240101"), ("StudyTime", "2000-"))
    assert dated(found) == {("20240101", "2000"), ("20240101", "2359")}


def test_an_offset_from_utc_says_how_moments_are_meant(catalogue, tmp_path):
    moments = [("20240101", "0030", "+0100"), ("20240101", "0030", "-0500"),
               ("20240101", "0030", None), ("20231231", "2330", "+0000"),
               ("20240101", "0030", "nonsense")]  # fmt: skip
    put_moments(catalogue, tmp_path, moments)

    def asked(*pairs: tuple[str, str]) -> set[str]:
        return set(uids(searched(catalogue, "studies", *pairs), "studies"))

    everything = {f"1.2.{number}" for number in range(5)}
    assert asked(("TimezoneOffsetFromUTC", "+0100")) == everything
    # 00:30 at +0100 is 23:30 UTC of the day before, and so is 23:30 at +0000; 00:30 at -0500 is
    # 05:30 UTC. Who says nothing is taken for local.
    utc = ("TimezoneOffsetFromUTC", "+0000")
    assert asked(utc, ("StudyDate", "20231231")) == {"1.2.0", "1.2.3"}
    assert asked(utc, ("StudyDate", "20240101")) == {"1.2.1", "1.2.2", "1.2.4"}
    night = (("StudyDate", "20231231-20231231"), ("StudyTime", "2329-2331"))
    assert asked(utc, *night) == {"1.2.0", "1.2.3"}
    here = ("TimezoneOffsetFromUTC", "-0500")
    assert asked(here, ("StudyDate", "20231231"), ("StudyTime", "1830")) == {"1.2.0", "1.2.3"}
    assert asked(here, ("StudyDate", "20240101-"), ("StudyTime", "0030-")) == {
        "1.2.1", "1.2.2", "1.2.4",
    }  # fmt: skip
    assert asked(here, ("StudyDate", "-20231231")) == {"1.2.0", "1.2.3"}


@pytest.mark.parametrize(
    ("offset", "time", "wanted"),
    [
        # PS3.4 C.2.2.2.5.2: times, and midnight, are in the zone of the query.
        ("+0000", "2330", "0 3"),
        ("+0000", "2300-2345", "0 3"),
        ("+0000", "0015-0045", "2 4"),
        ("+0000", "-0045", "2 4"),
        ("+0000", "05-", "0 1 3"),
        ("-0500", "1830", "0 3"),
        ("+0100", "0030", "0 2 3 4"),
        ("+0530", "11-", "1"),
        ("+0530", "0500", "0 3"),
        ("+0000", "2345-2300", ""),
    ],
)
def test_a_time_without_a_date_is_in_the_zone_of_the_search(
    catalogue, tmp_path, offset, time, wanted
):
    moments = [("20240101", "0030", "+0100"), ("20240101", "003000", "-0500"),
               ("20240101", "0030", None), ("20231231", "2330.0", "+0000"),
               ("20240101", "0030", "nonsense"), ("20240101", "", "+0100")]  # fmt: skip
    put_moments(catalogue, tmp_path, moments)
    for level in LEVELS:
        found = searched(catalogue, level, ("TimezoneOffsetFromUTC", offset), ("StudyTime", time))
        assert set(uids(found, level)) == {
            f"1.2.{each}" + ".1" * LEVELS.index(level) for each in wanted.split()
        }


@pytest.mark.parametrize(
    ("offset", "moment", "wanted"),
    [
        # PS3.3 C.12.1.1.8: the attribute is not for a DT with an offset of its own.
        ("+0000", "202312312330", "0 1 3"),
        ("+0100", "202401010030", "0 1 2 3"),
        ("+0100", "202401010030+0100", "0 1 2 3"),
        ("-0500", "202401010030+0100", "0 1 3"),
        ("-0500", "20231231", "0 1 3"),
        ("-0500", "20240101-", "2 4"),
        ("+0000", "20240101", "2 4"),
        ("+0000", "202312", "0 1 3"),
        ("+0000", "2024", "2 4"),
        ("+0000", "-202312312329", ""),
        ("+0000", "202312312330-202401010100", "0 1 2 3"),
    ],
)
def test_a_date_time_without_an_offset_is_in_the_zone_of_the_search(
    catalogue, tmp_path, offset, moment, wanted
):
    stored = [("202401010030", "+0100"), ("202401010030+0100", "-0500"), ("202401010030", None),
              ("202312312330+0000", None), ("20240101153000.5", "-0500")]  # fmt: skip
    for number, (date_time, zone) in enumerate(stored):
        uid = f"1.2.{number}"
        found = indexed(
            tmp_path / f"{number}.dcm", StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1",
            SOPInstanceUID=f"{uid}.1.1", AcquisitionDateTime=date_time, TimezoneOffsetFromUTC=zone,
        )  # fmt: skip
        catalogue.put([found])
    pairs = (("TimezoneOffsetFromUTC", offset), ("AcquisitionDateTime", moment))
    found = uids(searched(catalogue, "instances", *pairs), "instances")
    assert set(found) == {f"1.2.{each}.1.1" for each in wanted.split()}


def test_a_date_without_a_time_has_no_zone(catalogue, tmp_path):
    put_moments(catalogue, tmp_path, [("20240101", "", "+0100"), ("20240101", "", None)])
    for offset in ("-0500", "+0100", "+1400"):
        zone = ("TimezoneOffsetFromUTC", offset)
        found = searched(catalogue, "studies", zone, ("StudyDate", "20240101"))
        assert uids(found, "studies") == ["1.2.0", "1.2.1"]
        assert not searched(catalogue, "studies", zone, ("StudyDate", "20231231")).models


def put_moments(catalogue: Catalogue, folder: Path, moments: Iterable[tuple[Any, ...]]) -> None:
    """List a study for each date and time, and its offset from UTC."""
    for number, (date, time, *offset) in enumerate(moments):
        uid = f"1.2.{number}"
        found = indexed(
            folder / f"{number}.dcm", StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1",
            SOPInstanceUID=f"{uid}.1.1", StudyDate=date, StudyTime=time,
            TimezoneOffsetFromUTC=offset[0] if offset else None,
        )  # fmt: skip
        catalogue.put([found])


def test_studies_are_sorted_by_their_times(catalogue, tmp_path):
    put_moments(catalogue, tmp_path, [("20240102", "0900"), ("20240101", "2330"),
                                      ("20240103", "101500"), ("20240102", "0830")])  # fmt: skip

    def ordered(by: str) -> list[str]:
        return uids(searched(catalogue, "studies", ("orderby", by)), "studies")

    by_time = ["1.2.3", "1.2.0", "1.2.2", "1.2.1"]
    assert ordered("StudyTime") == by_time
    assert ordered("-StudyTime") == by_time[::-1]
    assert ordered("StudyDate") == ["1.2.1", "1.2.3", "1.2.0", "1.2.2"]


def dated(found: Any) -> set[tuple[str, str]]:
    return {
        (model["00080020"]["Value"][0], model["00080030"]["Value"][0]) for model in found.models
    }


@pytest.mark.parametrize(
    "wanted",
    [
        "jane",
        "jan doe",
        "doe,j",
        "DOE^J",
        "mul",
        "jurgen",
        "tar yam",
        "太",
        "smith",
        "oneill",
        "%",
        "_",
        "nobody",
        "100%",
        "j* d*",
        "[b]",
        "do ja dr",
    ],
)
@pytest.mark.parametrize("keyword", ["PatientName", "NameOfPhysiciansReadingStudy"])
def test_fuzzy_names_match_by_the_beginnings_of_words(filled, keyword, wanted):
    check(filled, "studies", {keyword: wanted}, is_fuzzy=True)


def test_what_is_in_one_item_must_be_in_the_same(filled):
    """PS3.4 C.2.2.2.6: an item matches if all of its keys do."""
    code, step = (
        f"RequestAttributesSequence.{each}"
        for each in ("ScheduledProtocolCodeSequence.CodeValue", "ScheduledProcedureStepID")
    )
    together = check(filled, "series", {code: "P", step: "S2"})
    apart = (plainly("series", ((key, value),)) for key, value in ((code, "P"), (step, "S2")))
    assert 0 < together < len(set.intersection(*apart)), "the archive tells the two apart"


def test_six_resources(filled):
    """PS3.18 Table 10.6.1-1: each is searched within what its path names."""
    for level in LEVELS:
        assert set(uids(searched(filled, level), level)) == everything(level)
    for level in LEVELS[1:]:
        below = {uid for uid in everything(level) if uid.startswith("1.2.4.")}
        assert set(uids(searched(filled, level, study="1.2.4"), level)) == below
    below = {uid for uid in everything("instances") if uid.startswith("1.2.4.0.")}
    scope = {"study": "1.2.4", "series": "1.2.4.0"}
    assert set(uids(searched(filled, "instances", **scope), "instances")) == below
    assert not searched(filled, "series", study="9.9").models
    assert not searched(filled, "instances", study="1.2.5", series="1.2.4.0").models


def test_what_is_counted_and_returned(filled):
    for level in LEVELS:
        found = searched(filled, level, ("includefield", "all"))
        for uid, model in zip(uids(found, level), found.models, strict=True):
            one = next(each for each in DATASETS if each[UIDS[level]].value == uid)
            _compare(one, model, level)


def _compare(said: Dataset, model: dict[str, Any], level: str) -> None:
    owed = [key for key, (of, _) in ASKED.items() if LEVELS.index(of) <= LEVELS.index(level)]
    for keyword in owed:
        if "." in keyword or keyword.startswith("Name"):
            continue
        expected = said[keyword].value if keyword in said else None
        many = (
            list(expected) if said.get(keyword) is not None and said[keyword].VM > 1 else [expected]
        )
        there = model.get(f"{_tag(keyword):08X}", {})
        given = there.get("Value", [None])
        if said.get(keyword) is not None and said[keyword].VR == "PN":
            given = [
                "=".join(v.get(k, "") for k in ("Alphabetic", "Ideographic", "Phonetic")).rstrip(
                    "="
                )
                if v
                else None
                for v in given
            ]
            many = [str(each).rstrip("^") if each else None for each in many]
            given = [each.rstrip("^") if each else None for each in given]
        assert [str(v) if v is not None else "" for v in given] == [_written(v) for v in many], (
            keyword
        )


def _written(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _tag(keyword: str) -> int:
    from pydicom.datadict import tag_for_keyword

    found = tag_for_keyword(keyword)
    assert found is not None
    return found


def test_fields_that_are_asked_for_come_too(filled):
    (model,) = searched(filled, "studies", ("StudyInstanceUID", "1.2.0")).models
    assert "00101030" not in model
    asked = ("includefield", "PatientWeight,00080062")
    (model,) = searched(filled, "studies", ("StudyInstanceUID", "1.2.0"), asked).models
    of_study = [each for each in DATASETS if each.StudyInstanceUID == "1.2.0"]
    assert sorted(model["00080062"]["Value"]) == sorted({each.SOPClassUID for each in of_study})
    assert ("00101030" in model) == (of_study[0].get("PatientWeight") is not None)
    # Of the study when only instances were asked for, within it.
    fields = searched(filled, "instances", ("includefield", "PatientID"), study="1.2.0").models
    assert all(each["00100020"]["Value"] == ["A1"] for each in fields)


@pytest.mark.parametrize("level", LEVELS)
def test_pages_are_the_whole_in_its_order(filled, level):
    whole = uids(searched(filled, level), level)
    for size in (1, 4, len(whole), len(whole) + 1):
        pages = []
        for offset in range(0, len(whole) + 1, size):
            page = searched(filled, level, ("limit", str(size)), ("offset", str(offset)))
            pages.append(uids(page, level))
            assert page.remaining == max(0, len(whole) - offset - len(pages[-1]))
        assert list(itertools.chain(*pages)) == whole
    none = searched(filled, level, ("limit", "0"))
    assert (none.models, none.remaining) == ([], len(whole))
    beyond = searched(filled, level, ("offset", "999999999999999999"))
    assert (beyond.models, beyond.remaining) == ([], 0)


def test_both_databases_and_any_order_of_coming_in_give_the_same_order(filled, read):
    other = Catalogue("sqlite://")
    try:
        other.put(read)
        for level in LEVELS[:1]:
            assert uids(searched(filled, level), level) == uids(searched(other, level), level)
        for level in LEVELS[1:]:
            ours, theirs = (searched(each, level, study="1.2.4") for each in (filled, other))
            assert uids(ours, level) == uids(theirs, level)
    finally:
        other.close()


def test_studies_come_with_the_latest_first(filled):
    dates = [each["00080020"].get("Value", [""])[0] for each in searched(filled, "studies").models]
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize(
    "hostile",
    [
        "' OR '1'='1",
        "'; DROP TABLE rendicom_study; --",
        '" OR ""="',
        "%' OR 1=1 --",
        "\\",
        "\\%",
        "$1",
        ":uid_1",
        "%s",
        "%(x)s",
        "{}",
        "*" * 300 + "xyzzy",
        "zq*" * 200,
        "\u202e\ufeff\U0010ffff*",
    ],
)
def test_values_are_never_read_as_sql(filled, hostile):
    before = filled.counts()
    for level, keyword in (
        ("studies", "PatientName"),
        ("studies", "PatientID"),
        ("series", "SeriesDescription"),
        ("studies", "NameOfPhysiciansReadingStudy"),
        ("series", "RequestAttributesSequence.RequestedProcedureID"),
    ):
        for fuzzy in ("true", "false"):
            found = searched(filled, level, (keyword, hostile), ("fuzzymatching", fuzzy))
            assert found.models == []
    for scope in ({"study": hostile}, {"study": "1.2.0", "series": hostile}):
        assert searched(filled, "instances", **scope).models == []
    assert filled.entry(hostile, hostile, hostile) is None
    assert filled.status(hostile) == "unknown"
    assert filled.counts() == before


def test_very_many_values(filled):
    """So many are refused, or found: never is the database held to be gone."""
    listed = ",".join(["1.2.4", *(f"9.9.{n}" for n in range(15_000))])
    assert uids(searched(filled, "studies", ("StudyInstanceUID", listed)), "studies") == ["1.2.4"]
    patterns = ",".join(f"C{n}*" for n in range(300))
    found = searched(filled, "series", ("Modality", f"CT*,{patterns}"))
    assert set(uids(found, "series")) == found_by(DATASETS, "series", {"Modality": "CT"})
    times = "\\".join(f"{n // 60:02}{n % 60:02}" for n in range(1440))
    for pair in [("Modality", ",".join(f"{n}*" for n in range(5000))), ("StudyTime", times)]:
        with pytest.raises(BadRequestError):
            searched(filled, "series", pair, ("multiplevaluematching", "true"))


def test_a_pattern_longer_than_any_value(filled):
    for keyword in ("PatientName", "PatientID", "StudyDescription"):
        assert searched(filled, "studies", (keyword, "a" * 60_000 + "*")).models == []
        fuzzy = ("fuzzymatching", "true")
        assert searched(filled, "studies", (keyword, "a" * 60_000 + "*"), fuzzy).models == []


def test_what_is_not_kept_is_told(filled):
    found = searched(filled, "studies", ("EthnicGroup", "x"), ("PatientID", "A1"))
    assert len(found.warnings) == 1
    assert "00102160" in found.warnings[0]
    assert set(uids(found, "studies")) == found_by(DATASETS, "studies", {"PatientID": "A1"})


ORDERED = {
    "PatientID": lambda ds: str(ds.get("PatientID") or "").strip(),
    "AccessionNumber": lambda ds: str(ds.get("AccessionNumber") or "").strip(),
    "StudyDate": lambda ds: str(ds.get("StudyDate") or ""),
}


@pytest.mark.parametrize("keyword", ORDERED)
@pytest.mark.parametrize("sign", ["", "-"])
def test_studies_are_sorted_as_asked(filled, keyword, sign):
    of_study = {str(ds.StudyInstanceUID): ORDERED[keyword](ds) for ds in DATASETS}
    found = searched(filled, "studies", ("orderby", f"{sign}{keyword}"))
    values = [of_study[uid] for uid in uids(found, "studies")]
    assert sorted(of_study.values(), reverse=bool(sign)) == values
    assert found.warnings == ()
    pages = [
        uid
        for offset in range(0, len(values), 5)
        for uid in uids(
            searched(
                filled, "studies", ("orderby", f"{sign}{keyword}"), ("limit", "5"),
                ("offset", str(offset)),
            ),
            "studies",
        )
    ]  # fmt: skip
    assert pages == uids(found, "studies")


def test_studies_are_sorted_by_what_their_series_hold(filled):
    def modality(ds: Any) -> str:
        return str(ds.get("Modality") or "")

    least: dict[str, str] = {}
    many: dict[str, int] = {}
    for ds in DATASETS:
        uid = str(ds.StudyInstanceUID)
        least[uid] = min(least.get(uid, modality(ds)), modality(ds))
        many[uid] = many.get(uid, 0) + 1
    found = uids(searched(filled, "studies", ("orderby", "ModalitiesInStudy")), "studies")
    assert [least[uid] for uid in found] == sorted(least.values())
    by_number = ("orderby", "-NumberOfStudyRelatedInstances")
    found = uids(searched(filled, "studies", by_number), "studies")
    assert [many[uid] for uid in found] == sorted(many.values(), reverse=True)


def test_studies_without_a_description_are_last_either_way(filled):
    described = {
        str(ds.StudyInstanceUID): str(ds.get("StudyDescription") or "").lower() for ds in DATASETS
    }
    for sign in ("", "-"):
        found = searched(filled, "studies", ("orderby", f"{sign}StudyDescription"))
        values = [described[uid] for uid in uids(found, "studies")]
        said = [each for each in values if each]
        assert said == sorted(said, reverse=bool(sign))
        assert not any(values[len(said) :])


def test_an_order_that_is_not_known_is_a_warning(filled):
    found = searched(filled, "studies", ("orderby", "PatientWeight,Nonsense"))
    assert len(found.models) == len(everything("studies"))
    assert "PatientWeight" in found.warnings[0] or "00101030" in found.warnings[0]
