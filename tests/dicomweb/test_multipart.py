"""multipart/related, written and read: any body, any piece by piece, and what is malformed."""

from __future__ import annotations

import base64
import email
import email.policy
import os
import re
import sys
import tracemalloc
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rendicom.dicomweb.header_fields import parse_media_type
from rendicom.dicomweb.message_parts import Limits, Part
from rendicom.dicomweb.multipart import MultipartReader, MultipartWriter, read_multipart
from rendicom.errors import (
    BadRequestError,
    TooLargeError,
    UnsupportedMediaTypeError,
    UnwritableOutputError,
)

TYPE = 'multipart/related; type="image/png"; boundary=b'
DELIMITER = re.compile(rb"\n--b(--|[ \t]*\r?\n)")
# Bodies made of what delimiters are made of, and of anything else.
bodies = st.one_of(
    st.binary(max_size=80),
    st.lists(
        st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"b", b"c", b"--bc", b" ", b"\0"]),
        max_size=12,
    ).map(b"".join),
).filter(lambda body: not DELIMITER.search(b"\n" + body + b"\r\n"))


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[low:high] for low, high in pairwise(places)]


def read_pieces(content_type: str, data: Sequence[bytes], **limits: int) -> list[Part]:
    with MultipartReader(content_type, limits=Limits(**limits)) as reader:
        parts = [part for piece in data for part in reader.feed(piece)]
        reader.finish()
        assert reader.is_complete
        return parts


def contents(parts: Sequence[Part]) -> list[bytes]:
    found = [part.read() for part in parts]
    assert [part.size for part in parts] == list(map(len, found))
    for part in parts:
        part.close()
    return found


# --- writing ----------------------------------------------------------------------------------


def test_what_is_written_byte_for_byte() -> None:
    writer = MultipartWriter("image/jpeg", "xyz")
    assert writer.content_type == 'multipart/related; type="image/jpeg"; boundary=xyz'
    assert writer.part(b"abc", "image/jpeg", "http://h/studies/1") == (
        b"\r\n--xyz\r\nContent-Type: image/jpeg\r\nContent-Length: 3\r\n"
        b"Content-Location: http://h/studies/1\r\n\r\nabc"
    )
    assert writer.opening(7, "a/b") + b"1234567" == writer.part(b"1234567", "a/b")
    assert writer.end() == b"\r\n--xyz--\r\n"


def test_boundaries_differ_and_are_legal() -> None:
    made = {MultipartWriter("image/png").boundary for _ in range(50)}
    assert len(made) == 50
    assert all(len(boundary) <= 70 and boundary.isalnum() for boundary in made)


@pytest.mark.parametrize("boundary", ["a b", "a:b=c?", "(x)'+_,-./"])
def test_boundaries_that_need_quotes(boundary: str) -> None:
    writer = MultipartWriter("image/png", boundary)
    assert parse_media_type(writer.content_type).parameters["boundary"] == boundary
    message = writer.part(b"x", "image/png") + writer.end()
    assert contents(read_multipart(writer.content_type, message)) == [b"x"]


@pytest.mark.parametrize("boundary", ["a ", "a\r\nb", "é", "a" * 71, "a;b", 'a"b'])
def test_boundaries_that_are_none(boundary: str) -> None:
    with pytest.raises(ValueError, match="boundary"):
        MultipartWriter("image/png", boundary)


@pytest.mark.parametrize("location", ["/a\r\nSet-Cookie: x", "/a\nb", "/a\rb", "/a\0"])
def test_a_header_cannot_be_broken_open(location: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        MultipartWriter("image/png").part(b"", "image/png", location)


@settings(deadline=None)
@given(wanted=st.lists(bodies, min_size=1, max_size=4))
def test_pythons_own_reader_agrees(wanted: list[bytes]) -> None:
    """Compare with `email`, which only knows text: bodies travel in Base64."""
    writer = MultipartWriter("image/png")
    coded = [base64.b64encode(body) for body in wanted]
    parts = [writer.part(body, "image/png", f"/{at}") for at, body in enumerate(coded)]
    head = f"Content-Type: {writer.content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(
        head + b"".join(parts) + writer.end(), policy=email.policy.HTTP
    )
    read = list(message.iter_parts())
    assert [base64.b64decode(str(part.get_payload())) for part in read] == wanted
    assert [part["Content-Location"] for part in read] == [f"/{at}" for at in range(len(wanted))]
    assert not message.defects


# --- reading ----------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    wanted=st.lists(bodies, max_size=4),
    cuts=st.lists(st.integers(0, 10_000), max_size=12),
    memory=st.sampled_from([0, 1, 20, 1000]),
    preamble=st.sampled_from([b"", b"text\r\n", b"\r\n\r\n--bc\r\n", b"--b-\r\n", b"a\r\n--b-"]),
    epilogue=st.sampled_from([b"", b"more", b"--b\r\n\r\nx\r\n--b--"]),
)
@example([b"\r"], [], 1000, b"", b"")
@example([b"", b"\r\n", b"\r\n\r\n"], list(range(60)), 0, b"", b"")
def test_what_is_written_is_read(
    wanted: list[bytes], cuts: list[int], memory: int, preamble: bytes, epilogue: bytes
) -> None:
    writer = MultipartWriter("image/png", "b")
    parts = [writer.part(body, "image/png", f"/{at}") for at, body in enumerate(wanted)]
    message = preamble + b"".join(parts) + writer.end() + epilogue
    read = read_pieces(writer.content_type, pieces(message, cuts), memory=memory)
    assert [part.location for part in read] == [f"/{at}" for at in range(len(wanted))]
    assert {part.content_type for part in read} <= {"image/png"}
    assert all(isinstance(part.body, bytes) == (part.size <= memory) for part in read)
    assert contents(read) == wanted


def test_one_byte_after_the_other() -> None:
    writer = MultipartWriter("image/png", "b")
    wanted = [b"\r\n--b \r", b"", b"\r\n--", b"x" * 300]
    message = b"".join(writer.part(body, "image/png") for body in wanted) + writer.end()
    single = [message[at : at + 1] for at in range(len(message))]
    assert contents(read_pieces(TYPE, single)) == wanted


def lines(*texts: str) -> bytes:
    return "\n".join(texts).encode("latin-1")


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (lines("--b", "A: 1", "", "one", "--b", "", "two", "--b--", ""), [b"one", b"two"]),
        (lines("--b", "A: 1", "", "ends with a return\r", "--b--"), [b"ends with a return\r"]),
        # Headers with returns, delimiters without.
        (b"--b\r\nA: 1\r\n\r\none\n--b\r\nA: 2\r\n\r\ntwo\n--b--", [b"one", b"two"]),
        # No line end of its own before a delimiter.
        (b"--b\r\nA: 1\r\n\r\n--b--", [b""]),
        (b"--b\r\nA: 1\r\n\r\n--b\r\nA: 2\r\n\r\nx\r\n--b--", [b"", b"x"]),
        # No headers.
        (b"--b\r\n\r\nx\r\n--b--", [b"x"]),
        # Blanks behind the boundary.
        (b"--b \t \r\nA: 1\r\n\r\nx\r\n--b   \r\nA: 2\r\n\r\ny\r\n--b--  \r\n", [b"x", b"y"]),
        # What only looks like a delimiter.
        (b"--b\r\nA: 1\r\n\r\n--bc\r\n --b\r\nx--b\r\n-b\r\n--b-\r\n--b x\r\n--b--",
         [b"--bc\r\n --b\r\nx--b\r\n-b\r\n--b-\r\n--b x"]),
        (b"--b\r\n\r\n--b" + b" " * 300 + b"\r\n--b--", [b"--b" + b" " * 300]),
        (b"preamble\r\n--bx\r\n--b\r\n\r\nx\r\n--b--epilogue\r\n--b\r\n", [b"x"]),
        (b"--b--", []),
    ],
)  # fmt: skip
def test_sloppy_messages(message: bytes, wanted: list[bytes]) -> None:
    for size in (1, 2, 7, 10_000):
        fed = [message[at : at + size] for at in range(0, len(message), size)]
        assert contents(read_pieces(TYPE, fed)) == wanted


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/related; type="application/dicom"; boundary="b"',
        "multipart/related; boundary=b; type=application/dicom",
        "Multipart/Related; Boundary=b;Type=Application/DICOM",
        'multipart/related;start="<a;b>";type="application/dicom"; boundary="b" ',
        'multipart/related; start-info="a \\"b\\"; boundary=c"; boundary=b; type=application/dicom',
    ],
)
def test_content_types(content_type: str) -> None:
    reader = MultipartReader(content_type)
    assert reader.type == "application/dicom"
    assert contents(reader.feed(b"--b\r\n\r\nx\r\n--b--")) == [b"x"]


@pytest.mark.parametrize(
    "boundary", ["----=_Part_1_2.3", "=", "Boundary:1,2", "a" * 70, "uuid:0(1)?", "----WebKit+/="]
)
def test_boundaries_without_the_quotes_they_need(boundary: str) -> None:
    message = f"--{boundary}\r\nA: 1\r\n\r\nx\r\n--{boundary}--\r\n".encode()
    assert contents(read_multipart(f"multipart/related; boundary={boundary}", message)) == [b"x"]


def test_headers_of_a_part() -> None:
    message = (
        b"--b\r\nContent-Type:text/html;\r\n\tcharset=utf-8\r\nX-EMPTY:\r\nx-two: 1\r\nX-Two: 2\r\n"
        b" 3\r\nContent-Location : /a\xe9\r\n\r\n\r\n--b--"
    )
    (part,) = read_multipart(TYPE, message)
    assert dict(part.headers) == {
        "content-type": "text/html; charset=utf-8",
        "x-empty": "",
        "x-two": "1",
        "content-location": "/a\xe9",
    }
    assert (part.content_type, part.location) == ("text/html; charset=utf-8", "/a\xe9")


def test_a_part_without_type_or_place() -> None:
    (part,) = read_multipart(TYPE, b"--b\r\n\r\n\r\n--b--")
    assert (part.content_type, part.location, part.read()) == ("", "", b"")


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    ["multipart/related", "multipart/related; boundary=", 'multipart/related; boundary=""',
     "multipart/related; boundary=" + "a" * 71, "multipart/related; boundary=\xe9",
     'multipart/related; boundary="a ', 'multipart/related; boundary="a "',
     'multipart/related; boundary="a\\\r\nb"', "", "related"],
)  # fmt: skip
def test_content_types_without_a_boundary(content_type: str) -> None:
    with pytest.raises(BadRequestError):
        MultipartReader(content_type)


@pytest.mark.parametrize(
    "content_type", ["application/dicom", "multipart/form-data; boundary=b", "text/plain"]
)
def test_other_content_types(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError):
        MultipartReader(content_type)


WHOLE = b"--b\r\nA: 1\r\n\r\none\r\n--b\r\nA: 2\r\n\r\ntwo\r\n--b--"


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_bodies_that_end_early(length: int) -> None:
    with pytest.raises(BadRequestError):
        read_multipart(TYPE, WHOLE[:length])


@pytest.mark.parametrize(
    "message",
    [
        b"--other\r\nA: 1\r\n\r\nx\r\n--other--",
        b"no part at all",
        b"--B\r\nA: 1\r\n\r\nx\r\n--B--",
        b" --b\r\nA: 1\r\n\r\nx\r\n",
    ],
)
def test_another_boundary(message: bytes) -> None:
    with pytest.raises(BadRequestError, match="no part") as caught:
        read_multipart(TYPE, message)
    assert "boundary" in caught.value.hint


@pytest.mark.parametrize(
    "header",
    [b"no colon", b": no name", b"a b: c", b" first line begins with a blank", b"\xe9: x",
     b"A: 1\r\nno colon", b"(a): b", b"A\0: 1", b"--b", b"--b--"],
)  # fmt: skip
def test_malformed_headers(header: bytes) -> None:
    with pytest.raises(BadRequestError, match="part 1"):
        read_multipart(TYPE, b"--b\r\n" + header + b"\r\n\r\nx\r\n--b--")


def feed_often(reader: MultipartReader, data: bytes) -> None:
    for _ in range(2000):
        reader.feed(data)


@pytest.mark.parametrize(
    "flood",
    [b"A: 1\r\n", b"A: " + b"x" * 500, b"x", b"A: 1\r\n b\r\n", b"\r"],
)
def test_headers_without_end(flood: bytes) -> None:
    reader = MultipartReader(TYPE, limits=Limits(headers=1000))
    reader.feed(b"--b\r\n")
    with pytest.raises(BadRequestError, match="do not end"):
        feed_often(reader, flood)


def test_long_headers_that_end_are_refused_as_well() -> None:
    message = b"--b\r\nA: " + b"x" * 1000 + b"\r\n\r\n\r\n--b--"
    with pytest.raises(BadRequestError, match="do not end"):
        read_multipart(TYPE, message, limits=Limits(headers=1000))


@pytest.mark.parametrize("flood", [b"x" * 100, b"\r\n", b"\r\n--bx", b"-"])
def test_a_preamble_without_end(flood: bytes) -> None:
    reader = MultipartReader(TYPE, limits=Limits(preamble=1000))
    with pytest.raises(BadRequestError, match="first 1000 bytes"):
        feed_often(reader, flood)


def test_limits_of_parts() -> None:
    message = b"--b\r\n\r\n12345\r\n" * 3 + b"--b--"
    assert contents(read_multipart(TYPE, message, limits=Limits(part=5, parts=3))) == [b"12345"] * 3
    with pytest.raises(TooLargeError, match="2 parts"):
        read_multipart(TYPE, message, limits=Limits(parts=2))
    with pytest.raises(TooLargeError, match="4 bytes"):
        read_multipart(TYPE, message, limits=Limits(part=4))


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")


@needs_proc
def test_big_parts_lie_in_files_that_are_let_go() -> None:
    before = open_descriptors()
    writer = MultipartWriter("application/dicom", "b")
    big = os.urandom(300_000)
    message = writer.part(big, "application/dicom") * 2 + writer.end()
    parts = read_pieces(TYPE, pieces(message, range(0, len(message), 9973)), memory=100_000)
    assert open_descriptors() == before + 2
    assert [part.size for part in parts] == [300_000] * 2
    assert not isinstance(parts[0].body, bytes)
    assert parts[0].body.read(10) == big[:10]
    assert contents(parts) == [big, big]
    assert open_descriptors() == before


@needs_proc
def test_nothing_is_left_of_a_message_that_breaks_off() -> None:
    before = open_descriptors()
    limits = Limits(memory=10)
    part = b"--b\r\n\r\n" + b"x" * 100 + b"\r\n"
    with pytest.raises(BadRequestError, match="within part 1"):
        read_multipart(TYPE, part[:-2], limits=limits)
    with pytest.raises(BadRequestError, match="part 2"):
        read_multipart(TYPE, part + b"--b\r\nnonsense\r\n\r\n", limits=limits)
    with pytest.raises(BadRequestError, match="within part 2"):
        read_multipart(TYPE, part + b"--b\r\nA: 1\r\n", limits=limits)
    with pytest.raises(TooLargeError):
        read_multipart(TYPE, part, limits=Limits(memory=10, part=50))
    reader = MultipartReader(TYPE, limits=limits)
    reader.feed(part[:60])
    reader.close()
    assert open_descriptors() == before


def test_no_room_for_a_file(tmp_path: Path) -> None:
    reader = MultipartReader(TYPE, limits=Limits(memory=10), directory=str(tmp_path / "absent"))
    with pytest.raises(UnwritableOutputError, match="cannot be kept"):
        reader.feed(b"--b\r\n\r\n" + b"x" * 100)


def test_files_go_where_they_should(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("looks into /proc")
    reader = MultipartReader(TYPE, limits=Limits(memory=10), directory=str(tmp_path))
    reader.feed(b"--b\r\n\r\n" + b"x" * 100)
    targets = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            targets.append(str(each.readlink()))
    assert any(target.startswith(str(tmp_path)) for target in targets)
    reader.close()


def test_memory_stays_bounded() -> None:
    chunk = os.urandom(1 << 16)
    reader = MultipartReader(TYPE, limits=Limits(memory=1 << 16))
    tracemalloc.start()
    try:
        reader.feed(b"--b\r\n\r\n")
        for _ in range(400):
            assert reader.feed(chunk) == []
        (part,) = reader.feed(b"\r\n--b--")
        for _ in range(400):
            reader.feed(chunk)  # epilogue
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert part.size == 400 << 16
    assert peak < 2 << 20
    part.close()


@pytest.mark.parametrize(
    "flood", [b"\r\n--b x", b"\n--b-", b"\n", b"\r", b"\r\n--b" + b" " * 255 + b"x", b"\n--bx"]
)
def test_floods_of_almost_delimiters_take_no_long_time(flood: bytes) -> None:
    """Each byte is looked at a few times at most: 2 MB in a moment, not in minutes."""
    wanted = flood * (2_000_000 // len(flood)) + b"."
    message = b"--b\r\n\r\n" + wanted + b"\r\n--b--"
    fed = pieces(message, range(0, len(message), 50_021))
    assert contents(read_pieces(TYPE, fed)) == [wanted]


@settings(deadline=None, max_examples=300)
@given(
    text=st.lists(
        st.sampled_from(
            [b"--b", b"--", b"\r\n", b"\n", b"\r", b"A: 1", b":", b" ", b"\0", b"x", b"--b--"]
        ),
        max_size=25,
    ).map(b"".join),
    cuts=st.lists(st.integers(0, 200), max_size=6),
)
def test_any_bytes_are_read_alike_however_they_are_cut(text: bytes, cuts: list[int]) -> None:
    def outcome(data: Sequence[bytes]) -> object:
        try:
            return contents(read_pieces(TYPE, data))
        except BadRequestError as error:
            return error.message

    assert outcome([text]) == outcome(pieces(text, cuts))
