"""Results of a server are held against what was asked for, and no right one is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from pydicom.datadict import dictionary_VR

pytest.importorskip("sqlalchemy")

import rendicom
from indexedfiles import dataset
from plainmatching import counted, found_by
from rendicom.cli.main import main
from rendicom.client.connection_settings import connection_to
from rendicom.client.listing import InstanceQuery, list_instances
from rendicom.client.matching import MatchChecks, MatchReport, level_of_key
from rendicom.client.server import Server
from rendicom.dicomweb.jsonmodel import to_json_model
from rendicom.dicomweb.resources import Resource
from rendicom.errors import OptionError, WireError
from scriptedserver import Place, Scripted, answer, scripted
from searchedarchive import ARCHIVE, ASKED

JSON = "Content-Type: application/dicom+json"
DATASETS = counted([dataset(**each) for each in ARCHIVE])
MODELS = {str(each.SOPInstanceUID): to_json_model(each) for each in DATASETS}


def found(conditions: dict[str, str]) -> set[str]:
    checks = MatchChecks((*conditions.items(), ("emptyvaluematching", "true")), "instances")
    return {uid for uid, model in MODELS.items() if checks.is_met(model, MatchReport())}


def askable(keyword: str, wanted: Any) -> str:
    if wanted is None or ("\\" in str(wanted) and keyword != "SeriesInstanceUID"):
        return '""'
    return str(wanted)


@pytest.mark.parametrize("keyword", ASKED)
def test_each_attribute_matches_as_a_plain_matcher_says(keyword):
    """What is absent is known to be so here: these are whole instances."""
    for wanted in ASKED[keyword][1]:
        condition = {keyword: askable(keyword, wanted)}
        # Code strings have no small letters: a server that minds no case is right, too.
        is_code = dictionary_VR(keyword.rpartition(".")[2]) == "CS"
        plain = {keyword: condition[keyword].upper()} if is_code else condition
        expected = found_by(DATASETS, "instances", plain)
        listed = found(condition)
        assert listed >= expected, (condition, "right ones are refused")
        there = {
            str(each.SOPInstanceUID) for each in DATASETS
            if keyword.partition(".")[0] in each
        }  # fmt: skip
        if "." not in keyword:
            assert {uid for uid in listed if uid in there} == expected & there, condition


def test_any_conditions_together():
    draw = Random(11)  # noqa: S311
    for _ in range(200):
        chosen = {key: draw.choice(ASKED[key][1]) for key in draw.sample(sorted(ASKED), 3)}
        conditions = {key: askable(key, value) for key, value in chosen.items()}
        assert found(conditions) >= found_by(DATASETS, "instances", conditions)


def is_met(model: dict[str, Any], *pairs: tuple[str, str], level: Any = "studies", **more: Any):
    """Return whether a result passes, and which keys could not be checked."""
    report = MatchReport()
    met = MatchChecks(pairs, level, **more).is_met(model, report)
    return met, list(report.unchecked)


def said(tag: str, vr: str, *values: Any) -> dict[str, Any]:
    return {tag: {"vr": vr, "Value": list(values)}}


def name(text: str) -> dict[str, Any]:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    return said("00100010", "PN", dict(groups))


@pytest.mark.parametrize(
    ("model", "key", "value", "expected"),
    [
        (said("00100020", "LO", "P600"), "PatientID", "P600", True),
        (said("00100020", "LO", "P600 "), "00100020", "P600", True),
        (said("00100020", "LO", "P601"), "PatientID", "P600", False),
        (said("00100020", "LO", "p600"), "PatientID", "P600", False),
        (said("00100020", "LO"), "PatientID", "P600", False),
        ({"00100020": {"vr": "LO"}}, "PatientID", "P600", False),
        (said("00100020", "LO", "P600"), "PatientID", "P6?0", True),
        (said("00100020", "LO", "P600"), "PatientID", "*0*0", True),
        (said("00100020", "LO", "P600"), "PatientID", "", True),
        (said("00100020", "LO", "P600"), "PatientID", "*", True),
        (name("DOE^JANE"), "PatientName", "doe^jane^^^", True),
        (name("DOE^JANE"), "PatientName", "doe", False),
        (name("Müller^J"), "PatientName", "MULLER*", True),
        (name("Yamada^Tarou=山田^太郎"), "PatientName", "山田^太郎", True),
        (name("Yamada^Tarou=山田^太郎"), "PatientName", "yamada^tarou=山田*", True),
        (name("Yamada^Tarou=山田^太郎"), "PatientName", "suzuki=山田*", False),
        (said("00080020", "DA", "20260105"), "StudyDate", "20260101-20260131", True),
        (said("00080020", "DA", "2026.01.05"), "StudyDate", "20260101-", True),
        (said("00080020", "DA", "20251231"), "StudyDate", "20260101-", False),
        (said("00080030", "TM", "1015"), "StudyTime", "10-11", True),
        (said("00080030", "TM", "12"), "StudyTime", "10-11", False),
        (said("00080061", "CS", "CT", "SR"), "ModalitiesInStudy", "SR", True),
        (said("00080061", "CS", "CT", "SR"), "ModalitiesInStudy", "MR", False),
        (said("00080061", "CS", "CT"), "ModalitiesInStudy", "mr,ct", True),
        (said("0020000D", "UI", "1.2"), "StudyInstanceUID", "1.3,1.2", True),
        (said("0020000D", "UI", "1.2"), "StudyInstanceUID", "1.3\\1.4", False),
        (said("0020000D", "UI", "a-b"), "StudyInstanceUID", "a-b", True),
        (said("00201206", "IS", "3"), "NumberOfStudyRelatedSeries", "3", True),
        (said("00201206", "IS", 3), "NumberOfStudyRelatedSeries", "03", True),
        (said("00201206", "IS", 4), "NumberOfStudyRelatedSeries", "3", False),
        (said("00081030", "LO", "a" * 5000), "StudyDescription", "*a" * 40 + "b", False),
        # What is lower down has several values; the server may return any.
        (said("0008103E", "LO", "other"), "SeriesDescription", "this", True),
    ],
)
def test_what_matches(model, key, value, expected):
    assert is_met(model, (key, value))[0] == expected


def test_what_only_the_server_can_tell():
    assert is_met({}, ("PatientID", "P600"))[0] is False
    assert is_met({}, ("PatientWeight", "70")) == (True, ["PatientWeight"])
    assert is_met(name("Meier^A"), ("PatientName", "Mayer"), is_fuzzy=True) == (True, [])
    assert is_met(name("Meier^A"), ("PatientName", "x"), ("fuzzymatching", "true")) == (True, [])
    late = {**said("00080020", "DA", "20260103"), **said("00080030", "TM", "2300")}
    days = ("StudyDate", "20260101-20260105")
    assert is_met(late, days, ("StudyTime", "1000-1200")) == (True, [])
    zone = ("TimezoneOffsetFromUTC", "+0900")
    assert is_met(late, ("StudyDate", "20260104"), zone) == (True, [])
    assert not is_met(late, ("StudyDate", "20260104"))[0]


def test_one_item_of_a_sequence_meets_all():
    keys = [("RequestAttributesSequence.RequestedProcedureID", "A"),
            ("RequestAttributesSequence.00400009", "S1")]  # fmt: skip
    one = {**said("00401001", "SH", "A"), **said("00400009", "SH", "S1")}
    other = {**said("00401001", "SH", "A"), **said("00400009", "SH", "S2")}
    third = {**said("00401001", "SH", "B"), **said("00400009", "SH", "S1")}
    assert is_met(said("00400275", "SQ", other, one), *keys, level="series") == (True, [])
    assert is_met(said("00400275", "SQ", other, third), *keys, level="series") == (False, [])
    met, unchecked = is_met({}, *keys, level="series")
    assert (met, len(unchecked)) == (True, 2)


@pytest.mark.parametrize(
    ("key", "meant"),
    [("PatinetID", "PatientID"), ("patientid", "PatientID"), ("PatientsName", "PatientName"),
     ("Study Date", "StudyDate"), ("RequestAttributesSequence.RequestedProcedureId",
      "RequestAttributesSequence.RequestedProcedureID")],
)  # fmt: skip
def test_keys_that_are_misspelt(key, meant, capsys, tmp_path):
    with scripted() as server:
        place = server.place()
        for command in (["find", place.base], ["get", place.base, str(tmp_path / "out")]):
            assert main([*command, "--match", f"{key}=P600"]) == 2
            error = capsys.readouterr().err
            assert f"did you mean {meant}?" in error
            assert "P600" not in error
        with rendicom.connect(place.base) as archive:
            for search in (archive.search, archive.instances):
                with pytest.raises(OptionError, match=f"did you mean {meant}"):
                    search(match={key: "P600"})
        assert place.requests == []
    with rendicom.open_folder(tmp_path) as folder, pytest.raises(OptionError, match=meant):
        folder.search(match={key: "P600"})


@pytest.mark.parametrize("key", ["limit", "xyzzy", "", "0010", "00100020x", "PatientID.StudyDate"])
def test_keys_that_are_none(key):
    with pytest.raises(OptionError):
        MatchChecks(((key, "1"),), "studies")


@pytest.mark.parametrize("key", ["00100020", "0020000d", "00091001", "00100099", "PatientID"])
def test_keys_that_are_taken(key):
    MatchChecks(((key, "1.2"),), "studies")


def test_levels_of_keys():
    levels = {"PatientID": "studies", "00100032": "studies", "StudyDate": "studies",
              "ModalitiesInStudy": "studies", "0008103e": "series", "Modality": "series",
              "RequestAttributesSequence.00400009": "series", "Rows": "instances",
              "SliceThickness": "instances", "SOPInstanceUID": "instances",
              "00091001": "instances"}  # fmt: skip
    assert {key: level_of_key(key) for key in levels} == levels
    wanted = InstanceQuery(Resource(), (("Rows", "512"), ("PatientID", "1")))
    assert wanted.matches_at("studies") == (("PatientID", "1"),)
    assert wanted.matches_at("instances") == (("Rows", "512"),)


# --- a server that ignores what it is asked ---------------------------------------------------


@pytest.fixture
def place() -> Iterator[Place]:
    with scripted() as server:
        yield _filled(server)


def _study(number: int, tag: str = "00100020") -> dict[str, Any]:
    uid = {"0020000D": {"vr": "UI", "Value": [f"1.2.{number}"]}}
    return {**uid, tag: {"vr": "LO", "Value": [f"P60{number}"]}}


def _filled(server: Scripted) -> Place:
    """Return a server with three studies of three patients, which gives them all."""
    made = server.place()
    listed = answer(json.dumps([_study(number) for number in range(3)]).encode(), JSON)
    made.answers("/studies", listed, answer(b"[]", JSON))
    return made


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_find_leaves_others_out(place, capsys, form):
    assert main(["find", place.base, "--match", "PatientID=P601", *form]) == 1
    said = capsys.readouterr()
    assert "P601" in said.out
    assert "P600" not in said.out
    assert "P602" not in said.out
    assert "gave 2 results that do not match PatientID" in said.err
    assert "P60" not in said.err


def test_get_writes_nothing_of_others(place, capsys, tmp_path):
    target = tmp_path / "out"
    command = ["get", place.base, str(target), "--match", "PatientID=P609", "--engine", "inline"]
    assert main(command) == 1
    assert "gave 3 results that do not match PatientID" in capsys.readouterr().err
    assert all("/series" not in each.path for each in place.requests)


def test_a_program_is_told_at_the_end(place):
    with rendicom.connect(place.base) as archive:
        results = archive.search(match={"PatientID": "P601"})
        assert next(results)["0020000D"]["Value"] == ["1.2.1"]
        with pytest.raises(WireError, match="2 results"):
            next(results)


def test_what_is_not_returned_is_said(capsys):
    with scripted() as server:
        place = server.place()
        listed = answer(json.dumps([_study(1)]).encode(), JSON)
        place.answers("/studies", listed, answer(b"[]", JSON), listed, answer(b"[]", JSON))
        assert main(["find", place.base, "--match", "PatientWeight=70"]) == 0
        said = capsys.readouterr()
        assert "1.2.1" in said.out
        assert "does not return PatientWeight" in said.err
        assert any("includefield=PatientWeight" in each.query for each in place.requests)
        with rendicom.connect(place.base) as archive, warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            assert len(list(archive.search(match={"PatientWeight": "70"}))) == 1
        assert ["PatientWeight" in str(each.message) for each in seen] == [True]


@pytest.mark.parametrize("has_metadata", [True, False])
def test_get_verifies_a_key_that_is_not_returned(has_metadata):
    """The server ignores a key of the study; metadata decide, and without them nothing is taken."""
    with scripted() as server:
        place = server.place()
        listed = answer(json.dumps([_study(number) for number in range(3)]).encode(), JSON)
        place.answers("/studies", listed, answer(b"[]", JSON))
        for number in range(3):
            study = f"/studies/1.2.{number}"
            series = {"0020000E": {"vr": "UI", "Value": [f"1.2.{number}.1"]}}
            image = {"00080018": {"vr": "UI", "Value": [f"1.2.{number}.1.1"]}}
            weight = {"00101030": {"vr": "DS", "Value": [70 + number]}} if number < 2 else {}
            for path, model in {
                f"{study}/series": series,
                f"{study}/series/1.2.{number}.1/instances": image,
                f"{study}/series/1.2.{number}.1/metadata": {**image, **weight},
            }.items():
                if has_metadata or not path.endswith("metadata"):
                    body = answer(json.dumps([model]).encode(), JSON)
                    place.answers(path, body, answer(b"[]", JSON) if "meta" not in path else body)
        report = MatchReport()
        remote = Server(connection_to(place.base))
        wanted = InstanceQuery(Resource(), (("PatientWeight", "71"),))
        found = [each.instance for each in list_instances(remote, wanted, report)]
        remote.close()
    assert found == (["1.2.1.1.1"] if has_metadata else [])
    assert report.left_out == (2 if has_metadata else 3)
    assert list(report.doubts("")) == []


def test_identity_that_is_not_returned_is_no_match(capsys):
    """Each study has Patient ID (PS3.18 Table 10.6.3-3), so an absent one is empty."""
    with scripted() as server:
        place = server.place()
        nobody = answer(json.dumps([_study(1, "00100010")]).encode(), JSON)
        place.answers("/studies", nobody, answer(b"[]", JSON))
        assert main(["find", place.base, "--match", "PatientID=P601"]) == 1
        said = capsys.readouterr()
        assert "1.2.1" not in said.out
        assert "does not match PatientID" in said.err


def test_a_named_study_is_held_against_the_keys(capsys, tmp_path):
    """The keys of a study are asked for where the URL names one, too."""
    with scripted() as server:
        place = server.place()
        listed = answer(json.dumps([_study(1)]).encode(), JSON)
        place.answers("/studies", listed, answer(b"[]", JSON))
        url = f"{place.base}/studies/1.2.1"
        assert main(["get", url, str(tmp_path / "out"), "--match", "PatientID=P600"]) == 1
        assert "do not match PatientID" in capsys.readouterr().err.replace("does", "do")
        assert all("/series" not in each.path for each in place.requests)


def test_tags_in_small_letters_and_values_that_are_no_arrays(capsys):
    model = {
        "0020000d": {"vr": "UI", "Value": "1.2.3"},
        "00100010": {"vr": "PN", "Value": {"Alphabetic": "Toboso^Dulcinea"}},
        "0008103e": {"vr": "LO", "Value": None},
    }
    with scripted() as server:
        place = server.place()
        place.answers("/studies", answer(json.dumps([model]).encode(), JSON), answer(b"[]", JSON))
        assert main(["find", place.base, "--match", "PatientName=toboso*"]) == 0
        out = capsys.readouterr().out
        assert "Toboso^Dulcinea" in out
        assert out.rstrip().endswith("1.2.3")


def test_a_server_that_refuses_what_it_cannot_return(capsys):
    with scripted() as server:
        place = server.place()
        listed = answer(json.dumps([_study(1)]).encode(), JSON)
        place.answers("/studies", answer(status="400 Bad Request"), listed, answer(b"[]", JSON))
        assert main(["find", place.base, "--match", "PatientWeight=70"]) == 0
        assert "1.2.1" in capsys.readouterr().out
        assert "PatientWeight&" not in place.requests[1].query.replace("PatientWeight=70&", "")


def test_what_a_run_without_matches_imports():
    script = (
        "import sys; import rendicom.client.listing, rendicom.client.server; "
        "from rendicom.client.matching import MatchChecks, MatchReport; "
        "print(MatchChecks((), 'instances').is_met({}, MatchReport())); "
        "print(*({'pydicom', 'httpx2', 'httpcore2'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "True\n\n"
