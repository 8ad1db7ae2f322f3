"""Bytes by offset come out the same from files, memory, file objects and pipes."""

from __future__ import annotations

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest

from rendicom.dicom.byte_source import HEAD_BYTES, ByteSource, open_source
from rendicom.errors import LimitExceededError, UnreadableSourceError

SMALL = bytes(range(256)) * 4
LARGE = b"".join(number.to_bytes(4) for number in range(1_250_000))  # 5 MB


class Trickle(io.RawIOBase):
    """A file object that gives at most 1000 bytes a read; a pipe when it cannot seek."""

    def __init__(self, data: bytes, *, seekable: bool) -> None:
        self._stream = io.BytesIO(data)
        self._seekable = seekable

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._seekable

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(min(size, 1000))


def kinds(data: bytes, folder: Path) -> list[ByteSource]:
    path = folder / f"{len(data)}.bin"
    path.write_bytes(data)
    return [
        open_source(path),
        open_source(str(path)),
        open_source(data),
        open_source(bytearray(data)),
        open_source(memoryview(data)),
        open_source(io.BytesIO(data)),
        open_source(Trickle(data, seekable=True)),
        open_source(Trickle(data, seekable=False)),
    ]


@pytest.mark.parametrize("data", [SMALL, LARGE, b""], ids=["small", "large", "empty"])
def test_every_kind_of_source_gives_the_same_bytes(data: bytes, tmp_path: Path) -> None:
    places = [0, 1, 100, HEAD_BYTES - 2, HEAD_BYTES, len(data) - 3, len(data), len(data) + 10]
    for source in kinds(data, tmp_path):
        assert source.size == len(data)
        for offset in filter(lambda place: place >= 0, places):
            for length in (0, 1, 7, 5000, 1 << 40):
                expected = data[offset : offset + length]
                assert source.read(offset, length) == expected
                assert bytes(source.view(offset, length)) == expected
        assert source.read(-1, 5) == b""
        assert source.read(0, -5) == b""
        source.close()
        source.close()


def test_a_strided_buffer_is_read_in_its_own_order() -> None:
    assert open_source(memoryview(b"a-b-c-")[::2]).read(0, 9) == b"abc"


def test_a_large_file_is_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(LARGE)
    source = open_source(path)
    assert source.bytes_read == HEAD_BYTES
    assert source.read(40, 4) == (10).to_bytes(4)
    assert source.bytes_read == HEAD_BYTES
    assert source.read(4_000_000, 8) == (1_000_000).to_bytes(4) + (1_000_001).to_bytes(4)
    assert source.bytes_read == HEAD_BYTES + 8
    source.close()
    with pytest.raises(UnreadableSourceError, match="closed"):
        source.read(4_000_000, 8)


def test_a_small_file_is_read_once_and_let_go(tmp_path: Path) -> None:
    path = tmp_path / "small"
    path.write_bytes(SMALL)
    source = open_source(path)
    path.unlink()
    assert source.bytes_read == len(SMALL)
    assert source.read(1, 3) == b"\1\2\3"


def test_memory_is_not_copied_by_a_view() -> None:
    data = bytearray(SMALL)
    view = open_source(data).view(10, 20)
    data[10] = 0xEE
    assert view[0] == 0xEE


def test_a_file_cut_short_while_open_gives_less(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(LARGE)
    source = open_source(path)
    os.truncate(path, 4_200_000)
    assert len(source.read(4_199_990, 100)) == 10
    assert source.view(1000, 1 << 40) == LARGE[1000:4_200_000]
    source.close()
    with pytest.raises(UnreadableSourceError, match="closed"):
        source.view(1000, 1 << 40)


def test_files_without_pread_are_read_under_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pread", raising=False)
    path = tmp_path / "large"
    path.write_bytes(LARGE)
    check_from_threads(open_source(path))


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_many_threads_may_read_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "large"
    path.write_bytes(LARGE)
    with path.open("rb") as stream:
        check_from_threads(open_source(path if kind == "file" else stream))


def check_from_threads(source: ByteSource) -> None:
    start = threading.Barrier(4)

    def read(thread: int) -> bool:
        start.wait()
        numbers = range(40_000 + thread, 1_250_000, 5003)
        return all(source.read(4 * number, 4) == number.to_bytes(4) for number in numbers)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(4)))
    source.close()


def test_a_pipe_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    with ThreadPoolExecutor(1) as pool, os.fdopen(reading, "rb") as stream:
        pool.submit(write_and_close, writing)
        source = open_source(stream)
    assert source.read(0, 1 << 30) == LARGE
    assert source.bytes_read == len(LARGE)


def write_and_close(descriptor: int) -> None:
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(LARGE)


def test_a_pipe_has_a_limit() -> None:
    with pytest.raises(LimitExceededError, match="longer than 100 bytes"):
        open_source(Trickle(SMALL, seekable=False), max_bytes=100)
    assert open_source(Trickle(SMALL, seekable=False), max_bytes=len(SMALL)).size == len(SMALL)


def test_a_named_pipe_is_read_like_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(path.write_bytes, SMALL)
        assert open_source(path).read(0, 5000) == SMALL


def test_what_cannot_be_read_is_said_without_the_path(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="no such file") as missing:
        open_source(tmp_path / "missing.dcm")
    assert str(tmp_path) not in str(missing.value)
    with pytest.raises(UnreadableSourceError, match="folder"):
        open_source(tmp_path)
    with pytest.raises(UnreadableSourceError, match="cannot be read"):
        open_source("bad\0name")
    with pytest.raises(UnreadableSourceError, match="cannot be read: "):
        open_source(tmp_path / ("x" * 300))


def test_a_forbidden_file_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **more: object) -> int:
        raise PermissionError(13, "Permission denied", "secret")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UnreadableSourceError, match="permission denied"):
        open_source(tmp_path / "a")


def test_what_is_no_binary_file_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="binary"):
        open_source(io.StringIO("text"))  # type: ignore[arg-type]
    for other in (7, None, []):
        with pytest.raises(UnreadableSourceError, match=r"type \w+ cannot be read: give a path"):
            open_source(other)  # type: ignore[arg-type]
    closed: BinaryIO = io.BytesIO(b"x")
    closed.close()
    with pytest.raises(UnreadableSourceError, match="closed"):
        open_source(closed)


def test_a_stream_closed_by_its_owner_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(LARGE)
    with path.open("rb") as stream:
        source = open_source(stream)
        assert source.read(4_000_000, 4) == (1_000_000).to_bytes(4)
    with pytest.raises(UnreadableSourceError):
        source.read(4_000_000, 4)
    source.close()
    with pytest.raises(UnreadableSourceError, match="source is closed"):
        source.read(4_000_000, 4)


@pytest.mark.parametrize("method", ["read", "view"])
def test_bytes_of_a_closed_source_are_not_empty_ones(method: str, tmp_path: Path) -> None:
    source = open_source(b"bytes")
    source.close()
    with pytest.raises(UnreadableSourceError, match="source is closed"):
        getattr(source, method)(0, 2)


def test_a_failing_disk_is_an_unreadable_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large"
    path.write_bytes(LARGE)
    source = open_source(path)

    def fail(*args: object) -> bytes:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(os, "pread", fail, raising=False)
    with pytest.raises(UnreadableSourceError, match="Input/output error") as failed:
        source.read(4_000_000, 4)
    assert str(tmp_path) not in str(failed.value)
    source.close()
