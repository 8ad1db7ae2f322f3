"""Names of pictures: the rules of the command, and that no two sources ever share one."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendicom.batch.file_names import FRAME_MARK, ClaimedNames, frame_marks, picture_name, stem_of
from rendicom.batch.scratch import Register


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("ct.dcm", "ct"),
        ("CT.DCM", "CT"),
        ("a.dicom", "a"),
        ("a.IMA", "a"),
        ("a.img", "a"),
        ("1.2.840.10008.5", "1.2.840.10008.5"),
        ("1.2.840.10008.5.dcm", "1.2.840.10008.5"),
        ("scan.dcm.dcm", "scan.dcm"),
        ("scan.jpg", "scan.jpg"),
        ("scan.dcm.gz", "scan.dcm.gz"),
        ("IM0001", "IM0001"),
        (".dcm", ".dcm"),
        ("dcm", "dcm"),
    ],
)
def test_only_dicom_endings_are_taken_off(name: str, stem: str) -> None:
    assert stem_of(name) == stem


@pytest.mark.parametrize(
    ("frame", "count", "expected"),
    [
        (1, 1, "x.png"),
        (None, 1, "x.png"),
        (None, 30, "x.png"),
        (1, 2, "x-0001.png"),
        (30, 30, "x-0030.png"),
        (9999, 9999, "x-9999.png"),
        (7, 10000, "x-00007.png"),
        (123456, 123456, "x-123456.png"),
    ],
)
def test_frames_are_numbered_only_in_multi_frame_instances(
    frame: int | None, count: int, expected: str
) -> None:
    assert picture_name("x", ".png", frame=frame, number_of_frames=count) == expected


@pytest.mark.parametrize(
    ("digits", "frame", "count", "expected"),
    [
        (4, 1, 1, "x/0001-y.png"),
        (4, 7, 10000, "x/00007-y.png"),
        (1, 7, 9, "x/7-y.png"),
        (1, 7, 10, "x/07-y.png"),
        (2, 7, 10, "x/07-y.png"),
        (6, 7, 10, "x/000007-y.png"),
        (2, None, 10, "x/all-y.png"),
        (4, None, 1, "x/all-y.png"),
    ],
)
def test_the_frame_number_goes_where_the_mark_is(
    digits: int, frame: int | None, count: int, expected: str
) -> None:
    stem = f"x/{frame_marks(digits)}-y"
    assert picture_name(stem, ".png", frame=frame, number_of_frames=count) == expected


def test_one_mark_is_the_usual_width() -> None:
    assert frame_marks() == frame_marks(4) == FRAME_MARK


def test_a_clash_keeps_the_whole_name_and_then_counts() -> None:
    names = ClaimedNames(".jpg")
    assert names.take("a.dcm") == "a"
    assert names.take("a.img") == "a.img"
    assert names.take("a") == "a-2"
    assert names.take("a.dcm") == "a.dcm"
    assert names.take("a.dcm") == "a.dcm-2"


def test_names_that_differ_in_case_or_composition_only_clash() -> None:
    names = ClaimedNames(".jpg")
    assert names.take("Scan.dcm") == "Scan"
    assert names.take("SCAN.dcm") == "SCAN.dcm"
    assert names.take("caf\u00e9.dcm") == "caf\u00e9"
    assert names.take("cafe\u0301.dcm") == "cafe\u0301.dcm"


def test_a_frame_number_in_a_name_cannot_meet_the_frame_of_another_source() -> None:
    names = ClaimedNames(".jpg")
    assert names.take("x.dcm") == "x"
    assert names.take("x-0001.dcm") == "x-0001.dcm"
    other_way_round = ClaimedNames(".jpg")
    assert other_way_round.take("x-0001.dcm") == "x-0001"
    assert other_way_round.take("x-0002.dcm") == "x-0002"
    assert other_way_round.take("x.dcm") == "x.dcm"


def test_a_subfolder_keeps_its_name() -> None:
    names = ClaimedNames(".jpg", folders=["a.jpg", "b"])
    assert names.take("a.dcm") == "a.dcm"
    assert names.take("b.dcm") == "b"
    assert names.take_folder("c") == "c"
    assert names.take_folder("C") == "C-2"


SOURCE_NAMES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["a", "A", "b", "a-0001", "a-0002", "a-00010", "a-2", "a.dcm", "b.jpg"]),
        st.sampled_from(["", ".dcm", ".DCM", ".img", ".jpg", "-0001", "-2"]),
    ),
)


@given(
    st.lists(st.tuples(SOURCE_NAMES, st.sampled_from([1, 2, 3, 12])), max_size=12),
    st.lists(SOURCE_NAMES, max_size=3),
)
def test_no_two_sources_ever_share_a_picture(
    sources: list[tuple[str, int]], folders: list[str]
) -> None:
    names = ClaimedNames(".jpg", folders=folders)
    written = []
    for source, count in sources:
        stem = names.take(source)
        frames = {picture_name(stem, ".jpg", frame=f, number_of_frames=count) for f in range(1, 13)}
        loop = picture_name(stem, ".jpg", number_of_frames=count)
        written.append({name.casefold() for name in frames | {loop}})
    written.extend({folder.casefold()} for folder in set(map(str.casefold, folders)))
    for one, other in itertools.combinations(written, 2):
        assert not one & other


@given(st.lists(SOURCE_NAMES, max_size=12))
def test_the_same_sources_get_the_same_names(sources: list[str]) -> None:
    def stems() -> list[str]:
        names = ClaimedNames(".png")
        return [names.take(source) for source in sources]

    assert stems() == stems()


@given(st.lists(SOURCE_NAMES, max_size=12), st.lists(SOURCE_NAMES, max_size=3))
@settings(max_examples=30)
def test_names_are_the_same_wherever_they_are_kept(sources: list[str], folders: list[str]) -> None:
    with Register() as register:
        shared = ClaimedNames(".jpg", folders=folders, taken=register, within="a/B")
        other = ClaimedNames(".jpg", folders=folders, taken=register, within="a")
        alone = ClaimedNames(".jpg", folders=folders)
        for source in sources:
            stem = alone.take(source)
            assert shared.take(source) == stem
            assert other.take(source) == stem
