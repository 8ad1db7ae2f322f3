"""Paths to resources and back; what is no UID or frame list is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendicom.dicomweb.resources import Resource, check_uid, parse_frames, parse_resource
from rendicom.errors import BadRequestError

uids = st.lists(st.integers(0, 2**20), min_size=1, max_size=8).map(
    lambda parts: ".".join(map(str, parts))
)
frame_lists = st.sets(st.integers(1, 2**31 - 1), max_size=5).map(lambda them: tuple(sorted(them)))


@st.composite
def resources(draw: st.DrawFn) -> Resource:
    depth = draw(st.integers(1, 4))
    study, series, instance = (draw(uids) if level < depth else "" for level in range(3))
    return Resource(study, series, instance, draw(frame_lists) if depth == 4 else ())


@settings(deadline=None)
@given(resource=resources(), base=st.sampled_from(["", "/dicomweb", "https://host:1/studies/a"]))
def test_path_reads_back(resource: Resource, base: str) -> None:
    assert parse_resource(resource.url(base)) == resource


@pytest.mark.parametrize(
    ("resource", "level", "path"),
    [
        (Resource("1.2"), "study", "/studies/1.2"),
        (Resource("1.2", "3"), "series", "/studies/1.2/series/3"),
        (Resource("1.2", "3", "4.5"), "instance", "/studies/1.2/series/3/instances/4.5"),
        (
            Resource("1.2", "3", "4.5", (1, 7)),
            "frames",
            "/studies/1.2/series/3/instances/4.5/frames/1,7",
        ),
    ],
)
def test_levels(resource: Resource, level: str, path: str) -> None:
    assert (resource.level, resource.path) == (level, path)
    assert resource.url("http://host/dicomweb/") == f"http://host/dicomweb{path}"


def test_family() -> None:
    frame = Resource("1", "2", "3").frame(9)
    assert frame == Resource("1", "2", "3", (9,))
    assert frame.parent == Resource("1", "2", "3")
    assert frame.parent.parent == Resource("1", "2")
    assert frame.parent.parent.parent == Resource("1") == Resource("1").parent


@pytest.mark.parametrize("text", ["1", "1.2.840.10008.1.2", "0.0", "1.02.3", "9" * 64])
def test_uids(text: str) -> None:
    assert check_uid(text, what="study") == text


@pytest.mark.parametrize(
    "text",
    ["", ".", "1.", ".1", "1..2", "a", "1.a", "1 ", " 1", "1\n", "-1", "1/2", "..", "%2e", "1,2",
     "٣", "1.٣", "9" * 65, "1\0", "*", "../../etc/passwd", "1\\2"],
)  # fmt: skip
def test_no_uids(text: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        check_uid(text, what="series")
    assert caught.value.parameter == "series"


@pytest.mark.parametrize(
    ("text", "frames"),
    [("1", (1,)), ("1,2", (1, 2)), ("3,17,2147483647", (3, 17, 2147483647)), ("01", (1,))],
)
def test_frame_lists(text: str, frames: tuple[int, ...]) -> None:
    assert parse_frames(text) == frames


@pytest.mark.parametrize(
    "text",
    ["0", "00", "a", "", ",", "1,", ",1", "1,,2", "-1", "+1", "1.5", "1 ,2", "1,1", "2,1", "1,0",
     "1-3", "٣", "9" * 11, "1\n", "1;2"],
)  # fmt: skip
def test_no_frame_lists(text: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_frames(text)
    assert caught.value.parameter == "frames"


@pytest.mark.parametrize(
    "path",
    ["", "/", "/studies", "/studies/", "/series/1", "/studies/1/instances/2", "/studies/1/series",
     "/studies/1/series/2/frames/1", "/studies/1/series/2/instances/3/frames",
     "/studies/1/series/2/instances/3/frames/1/more/2", "/studies/1/rendered", "studies/1",
     "/Studies/1"],
)  # fmt: skip
def test_no_paths(path: str) -> None:
    with pytest.raises(BadRequestError):
        parse_resource(path)


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/studies/x", "study"),
        ("/studies/1/series/x", "series"),
        ("/studies/1/series/2/instances/..", "instance"),
        ("/studies/1/series/2/instances/3/frames/0", "frames"),
    ],
)
def test_the_bad_part_of_a_path_is_named(path: str, parameter: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_resource(path)
    assert caught.value.parameter == parameter
