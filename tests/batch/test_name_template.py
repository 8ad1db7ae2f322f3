"""Layouts: the names they make, those they refuse, and that no two sources share one."""

from __future__ import annotations

import itertools
import ntpath
import os
import posixpath
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rendicom.batch.file_names import FRAME_MARK, frame_marks, picture_name
from rendicom.batch.identity import InstanceSummary
from rendicom.batch.name_template import FIELDS, PATIENT_FIELDS, NameTemplate, claim, safe_part
from rendicom.batch.scratch import Register
from rendicom.batch.sources import Unit
from rendicom.errors import OptionError, OutputCollisionError

JPG = (".jpg", ".jpeg")
IDENTITY = InstanceSummary("1.2.1", "1.2.2", "1.2.3", "CT", "4", "5", is_image=True)
PATIENT = {name: f"<{name}>" for name in PATIENT_FIELDS}


def layout(text: str, *, allow_phi: bool = False) -> NameTemplate:
    return NameTemplate.parse(text, extensions=JPG, allow_phi=allow_phi)


def place(
    text: str, source: str = "a/b", identity: InstanceSummary = IDENTITY, **patient: str
) -> str:
    return layout(text, allow_phi=bool(patient)).place(source, identity, patient=patient)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{source}.{ext}", "a/b"),
        ("{source}", "a/b"),
        ("{source}.jpg", "a/b"),
        ("{source}-{Modality}.{ext}", "a/b-CT"),
        ("all/{source}.{ext}", "all/a/b"),
        ("{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.{ext}", "1.2.1/1.2.2/1.2.3"),
        ("{Modality}_{SeriesNumber:03}_{InstanceNumber:05}.{ext}", "CT_004_00005"),
        ("{SeriesNumber}{InstanceNumber}", "45"),
        ("{SOPInstanceUID}.v1.2.{ext}", "1.2.3.v1.2"),
        ("{SOPInstanceUID}.1", "1.2.3.1"),
        ("{SOPInstanceUID}..{ext}", "1.2.3."),
        ("{{{Modality}}}/x{{}}.{ext}", "{CT}/x{}"),
        (".hidden/{Modality}", ".hidden/CT"),
        ("picture.{ext}", "picture"),
        ("{SOPInstanceUID}/{frame}.{ext}", f"1.2.3/{FRAME_MARK}"),
        ("{SOPInstanceUID}/{frame:06}.{ext}", f"1.2.3/{frame_marks(6)}"),
        ("{frame:04}-{SOPInstanceUID}.{ext}", f"{FRAME_MARK}-1.2.3"),
        ("{Modality}/f{frame}f/{SOPInstanceUID}.{ext}", f"CT/f{FRAME_MARK}f/1.2.3"),
        ("aux/{Modality}", "_aux/CT"),
    ],
)
def test_a_template_makes_a_place(text: str, expected: str) -> None:
    assert place(text) == expected


@pytest.mark.parametrize(
    ("text", "fields", "patient"),
    [
        ("{source}.{ext}", {"source"}, ()),
        ("{source}/{frame}.{ext}", {"source", "frame"}, ()),
        ("{Modality}/{source}.{ext}", {"source", "Modality"}, ()),
        ("{StudyDate}/{PatientID}", {"StudyDate", "PatientID"}, ("PatientID", "StudyDate")),
    ],
)
def test_a_layout_says_what_it_needs(text: str, fields: set[str], patient: tuple[str, ...]) -> None:
    found = layout(text, allow_phi=True)
    assert found.fields == fields
    assert found.patient_fields == patient


@pytest.mark.parametrize("name", PATIENT_FIELDS)
def test_patients_data_only_when_allowed(name: str) -> None:
    with pytest.raises(OptionError, match="--allow-phi-in-names"):
        layout(f"{{{name}}}.{{ext}}")
    assert place(f"{{{name}}}/x", **{name: "a/b"}) == "a_b/x"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (".{ext}", "empty"),
        ("/{source}", "empty"),
        ("{source}/", "empty"),
        ("a//{source}", "empty"),
        ("{Modality}/.{ext}", "empty"),
        ("../{source}", "has .. in its path"),
        ("{Modality}/../{source}", "has .. in its path"),
        ("./{source}", "has . in its path"),
        ("C:/{source}", "':'"),
        ("a\\{source}", "'\\\\'"),
        ("what?{source}", "'?'"),
        ("a\nb{source}", "'\\n'"),
        ("a\0b{source}", "'\\x00'"),
        ("{Modality}./{source}", "dot or space"),
        ("{Modality} /{source}", "dot or space"),
        ("{Nonsense}", "fields are source, StudyInstanceUID"),
        ("{SOPInstanceUid}", "did you mean {SOPInstanceUID}?"),
        ("{PatientId}", "did you mean {PatientID}?"),
        ("{}", "not a field"),
        ("{0}", "not a field"),
        ("{source.x}", "not a field"),
        ("{source[0]}", "not a field"),
        ("{source!r}", "!r"),
        ("{source", "brace"),
        ("source}", "brace"),
        ("{source:5}", ":5 behind {source}"),
        ("{ext:5}", ":5 behind {ext}"),
        ("{InstanceNumber:5}", ":5 behind"),
        ("{InstanceNumber:05d}", ":05d behind"),
        ("{InstanceNumber:021}", ":021 behind"),
        ("{InstanceNumber:0}", ":0 behind"),
        ("{frame:{ext}}", "behind {frame}"),
        ("{source}{ext}", "without a dot"),
        ("{ext}", "without a dot"),
        ("{ext}/{source}", "before its end"),
        ("{source}.{ext}.{ext}", "before its end"),
        ("{source}.{ext}x", "before its end"),
        ("{source}.png", "ends in .png, and the pictures in .jpg"),
        ("{source}.JPG", "ends in .JPG"),
        ("{source}.jpeg", "ends in .jpeg"),
        ("{source}.v2", "ends in .v2"),
        ("{source}/{source}", "{source} more than once"),
        ("{frame}/{frame}", "{frame} more than once"),
        ("{SOPInstanceUID}{frame}", "right beside"),
        ("{frame}{SOPInstanceUID}", "right beside"),
        ("{SOPInstanceUID}-1{frame}", "digit right beside"),
        ("{frame}2-{SOPInstanceUID}", "digit right beside"),
        ("{Modality}-{frame}-{SOPInstanceUID}", "before and behind"),
    ],
)
def test_what_cannot_be_a_layout_is_refused(text: str, said: str) -> None:
    with pytest.raises(OptionError) as raised:
        layout(text)
    assert said in str(raised.value)
    assert raised.value.hint


def test_the_fields_listed_hold_patients_data_only_when_allowed() -> None:
    with pytest.raises(OptionError) as raised:
        layout("{xxxxxxxx}")
    assert not any(name in str(raised.value) for name in PATIENT_FIELDS)
    with pytest.raises(OptionError, match="PatientID"):
        layout("{xxxxxxxx}", allow_phi=True)


@pytest.mark.parametrize(
    ("value", "width", "expected"),
    [
        ("5", "05", "00005"),
        ("-5", "05", "-0005"),
        ("+5", "03", "005"),
        ("007", "02", "07"),
        ("123456", "03", "123456"),
        ("", "05", "unknown"),
        ("5.0", "05", "5.0"),
        ("x/y", "05", "x_y"),
    ],
)
def test_numbers_take_a_width(value: str, width: str, expected: str) -> None:
    identity = IDENTITY._replace(instance_number=value)
    assert place(f"{{InstanceNumber:{width}}}", identity=identity) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", "unknown"),
        (" .. ", "unknown"),
        ("..", "unknown"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/etc", "_etc"),
        ("C:\\x", "C__x"),
        ("a\0b\n\x7f\u2028\u202e", "a_b____"),
        ('<>:"|?*', "_______"),
        ("DOE^JOHN", "DOE^JOHN"),
        ("Mu\u0308ller", "Müller"),
        ("山田^太郎", "山田^太郎"),
        ("\ud800", "_"),
        ("a.", "a"),
        ("x" * 100, "x" * 100),
    ],
)
def test_values_become_parts_of_names(value: str, expected: str) -> None:
    assert safe_part(value) == expected


@pytest.mark.parametrize("letter", ["x", "é", "山", "\U0001f9b4", "x. "])
def test_long_values_are_cut_and_stay_apart(letter: str) -> None:
    one, other = safe_part(letter * 200 + "1"), safe_part(letter * 200 + "2")
    assert one != other
    assert len(one) <= 100
    assert len(one.encode()) <= 200
    assert re.search(r"[^ .]-[0-9a-f]{8}$", one)
    assert safe_part(letter * 200 + "1") == one


@pytest.mark.parametrize(
    "name", ["CON", "nul", "Aux.x", "com1", "LPT9.a.b", "COM¹", "prn .x", "CONIN$"]
)
def test_devices_of_windows_are_no_names(name: str) -> None:
    identity = IDENTITY._replace(modality=name)
    assert place("{Modality}/{Modality}", identity=identity) == f"_{name}/_{name}"
    assert place("x{Modality}", identity=identity) == f"x{name}"


def test_several_long_values_fit_one_name() -> None:
    long_one = "é" * 300
    text = "{PatientName}-{PatientID}-{StudyDescription}-{StudyID}-{frame:020}.{ext}"
    values = dict.fromkeys(("PatientName", "PatientID", "StudyDescription", "StudyID"), long_one)
    assert len(place(text, **values).encode()) <= 200 + 4 + 21
    uids = place(
        "{StudyInstanceUID}-{SeriesInstanceUID}-{SOPInstanceUID}",
        identity=InstanceSummary(*(f"1.2.{'3' * 59}{n}" for n in range(3))),
    )
    assert uids.count("3" * 59) == 3, "valid UIDs stay whole"


def test_no_frame_number_makes_a_device() -> None:
    made = place("com{frame:01}")
    assert picture_name(made, ".jpg", frame=1) == "_com1.jpg"
    assert place("computer") == "computer"


NASTY = st.one_of(
    st.text(max_size=8),
    st.text("./\\ :\0~CON", max_size=8),
    st.sampled_from(
        ["", ".", "..", "../..", "/", "C:\\", "//host/share", "con", "a" * 300, "é" * 300]
    ),
)
TEXTS = st.lists(NASTY, min_size=8, max_size=8)
TEMPLATES = st.sampled_from(
    [
        "{source}.{ext}",
        "{Modality}/{source}",
        "{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.{ext}",
        "{SeriesNumber:04}.{InstanceNumber}/{frame:02}",
        "{PatientName}{PatientID}/.{StudyDate}",
        ".{Modality}/..{source}",
    ]
)


@settings(max_examples=200)
@given(TEMPLATES, TEXTS)
@example("{source}.{ext}", ["../../x"] + [""] * 7)
def test_a_place_never_leaves_the_target(text: str, values: list[str]) -> None:
    source, patient, *others = values
    made = layout(text, allow_phi=True).place(
        source, InstanceSummary(*others), patient=dict.fromkeys(PATIENT_FIELDS, patient)
    )
    parts = made.split("/")
    assert all(part not in ("", ".", "..") for part in parts)
    target = Path("target").resolve()
    assert target in Path(os.path.normpath(target.joinpath(*parts))).parents
    assert posixpath.normpath(made.replace(FRAME_MARK, "1")) == made.replace(FRAME_MARK, "1")
    if "{source}" not in text:
        assert len(parts) == text.count("/") + 1
        assert not set(made) & set('<>:"|?*\\')
        assert ntpath.splitdrive(made)[0] == ""
        assert all(len(part.encode()) <= 255 for part in parts)


UIDS = st.from_regex(r"[0-2](\.(0|[1-9][0-9]{0,8})){1,6}", fullmatch=True)


@given(UIDS, UIDS)
def test_different_uids_have_different_names(one: str, other: str) -> None:
    made = {
        place("{SOPInstanceUID}", identity=InstanceSummary(instance=uid)) for uid in (one, other)
    }
    assert made == {one, other}


# --- who has which name -------------------------------------------------------------------


def test_the_first_to_come_keeps_the_name() -> None:
    with Register() as register:
        claim(register, Unit("one.dcm", "CT/1"))
        claim(register, Unit("two.dcm", "CT/2"))
        with pytest.raises(OutputCollisionError) as raised:
            claim(register, Unit("three.dcm", "ct/1"))
        assert raised.value.code == "output-collision"
        assert "one.dcm" in raised.value.message
        assert "{SOPInstanceUID}" in raised.value.hint
        assert "{source}" in raised.value.hint


@pytest.mark.parametrize(
    ("one", "other"),
    [("a/x", "a/x-0001"), ("a/x-0001", "a/x"), ("caf\u00e9", "cafe\u0301"), ("a\0", "A\0")],
)
def test_names_that_could_meet_collide(one: str, other: str) -> None:
    with Register() as register:
        claim(register, Unit("one", one))
        with pytest.raises(OutputCollisionError, match="those of one"):
            claim(register, Unit("other", other))


@pytest.mark.parametrize(
    ("one", "other"),
    [("a/x", "b/x-0001"), ("x-0001", "x-0002"), ("x-1", "x"), ("\0-0001", "\0"), ("a/b", "a")],
)
def test_names_that_cannot_meet_do_not(one: str, other: str) -> None:
    with Register() as register:
        claim(register, Unit("one", one))
        claim(register, Unit("other", other))


VALUES = st.sampled_from(["a", "A", "a-1", "a-0001", "0001", "1", "1-1", "a-all", "11", ""])


@settings(max_examples=60)
@given(
    st.sampled_from(
        [
            "{Modality}",
            "{Modality}-{SeriesNumber}",
            "{Modality}-{frame}",
            "{Modality}-{frame:01}",
            "{frame:01}-{Modality}",
            "{Modality}/{frame:02}",
            "{Modality}-{SeriesNumber}-{frame:01}",
            "{frame:01}/{Modality}",
        ]
    ),
    st.lists(st.tuples(VALUES, VALUES, st.sampled_from([1, 2, 12])), max_size=6),
)
def test_no_two_sources_ever_share_a_picture(
    text: str, sources: list[tuple[str, str, int]]
) -> None:
    written = []
    with Register() as register:
        for modality, number, count in sources:
            identity = InstanceSummary(modality=modality, series_number=number)
            made = layout(text).place("s", identity, patient={})
            try:
                claim(register, Unit("s", made))
            except OutputCollisionError:
                continue
            frames = [None, *range(1, count + 1)]
            names = (picture_name(made, "", frame=f, number_of_frames=count) for f in frames)
            written.append({name.casefold() for name in names})
    for one, other in itertools.combinations(written, 2):
        assert not one & other


def test_every_field_is_understood() -> None:
    for name in (*FIELDS[:-1], *PATIENT_FIELDS):
        made = layout(f"{{{name}}}.{{ext}}", allow_phi=True).place("s", IDENTITY, patient=PATIENT)
        assert made not in ("", "unknown"), name
