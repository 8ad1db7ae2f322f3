"""Object stores, by a real S3 server: what the shared suite does not ask."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from objectstore import PAGE, Server
from rendicom import storage
from rendicom.engine import open_instance
from rendicom.engine.picture_file import may_write
from rendicom.errors import (
    NotDicomError,
    OutputExistsError,
    UnreadableSourceError,
    UnwritableOutputError,
)
from rendicom.options import RenderOptions
from rendicom.storage import write
from rendicom.storage.backends.objects import BACKEND
from rendicom.testing import image
from rendicom.values import Window
from storage.faults import assert_clean
from storage.relay import Answer, Asked, Relay

pytest.importorskip("obstore")

MB = 1 << 20
WINDOWED = RenderOptions(window=Window(2000, 4000))


def bucket_of(uri: str) -> str:
    return uri.removeprefix("s3://")


# --- listing --------------------------------------------------------------------------------


def test_a_listing_of_many_pages(s3: str, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"many/{number:04}/{number % 7}.dcm" for number in range(2 * PAGE + 30)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: storage.write(f"{s3}/{name}", name.encode()), names))
    relay.requests.clear()
    listed = list(storage.list_folder(f"{s3}/many/"))
    assert [one.name for one in listed] == [name.removeprefix("many/") for name in sorted(names)]
    assert [one.location for one in listed] == [f"{s3}/{name}" for name in sorted(names)]
    assert {one.size for one in listed} == {len(names[0])}
    assert relay.count("GET") == 3
    assert relay.count("HEAD") == 0
    relay.requests.clear()
    monkeypatch.setattr("rendicom.storage.backends.objects._LISTED", PAGE)
    assert next(storage.list_folder(f"{s3}/many/")).name == "0000/0.dcm"
    assert relay.count("GET") <= 2


def test_a_listing_takes_no_memory(s3: str, relay: Relay) -> None:
    """Pages are made up here: a million objects would take the server too long."""
    pages = iter(range(12))

    def page(asked: Asked) -> Answer | None:
        number = next(pages)
        entries = "".join(
            f"<Contents><Key>x/{number:04}-{one:04}</Key><Size>5</Size>"
            f'<ETag>"{one}"</ETag><LastModified>2024-01-01T00:00:00Z</LastModified></Contents>'
            for one in range(1000)
        )
        more = "<NextContinuationToken>t</NextContinuationToken>" if number < 11 else ""
        text = f"<ListBucketResult><IsTruncated>{'true' if more else 'false'}</IsTruncated>"
        return Answer(200, f"{text}{more}{entries}</ListBucketResult>".encode())

    relay.instead = page
    tracemalloc.start()
    try:
        count, peak = 0, 0
        for one in storage.list_folder(f"{s3}/x/"):
            count += 1
            if count == 3000:
                gc.collect()
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
            assert one.size == 5
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert count == 12_000
    assert peak < 4_000_000


def test_marks_of_folders_are_no_objects(s3: str, s3_server: Server) -> None:
    for key, data in (
        ("top/", b""), ("top/a/", b""), ("top/a/x.dcm", b"x"), ("top/b/", b""), ("top/none", b"")
    ):  # fmt: skip
        s3_server.put(bucket_of(s3), key, data)
    assert [one.name for one in storage.list_folder(f"{s3}/top")] == ["a/x.dcm", "none"]
    assert [one.name for one in storage.list_folder(s3)] == ["top/a/x.dcm", "top/none"]
    assert [one.name for one in storage.list_folder(f"{s3}/")] == ["top/a/x.dcm", "top/none"]


def test_a_key_that_is_no_path_is_named_as_the_fault(s3: str, s3_server: Server) -> None:
    s3_server.put(bucket_of(s3), "a//b.dcm", b"x")
    with pytest.raises(UnreadableSourceError, match="empty part") as raised:
        list(storage.list_folder(s3))
    assert_clean(raised.value)
    for name in ("a//b.dcm", "a/../b.dcm", "a\nb"):
        with pytest.raises(UnreadableSourceError, match="empty part"):
            storage.open_bytes(f"{s3}/{name}")
        with pytest.raises(UnwritableOutputError, match="empty part"):
            storage.write(f"{s3}/{name}", b"x")


# --- reading --------------------------------------------------------------------------------


def test_a_small_object_costs_one_request(s3: str, relay: Relay) -> None:
    storage.write(f"{s3}/x", bytes(range(256)) * 8000)
    relay.requests.clear()
    with storage.open_bytes(f"{s3}/x") as file:  # type: ignore[union-attr]
        file.seek(1000)
        assert file.read(4) == bytes(range(1000 % 256, 1000 % 256 + 4))
        assert file.read() == (bytes(range(256)) * 8000)[1004:]
    assert relay.requests == [f"GET /{bucket_of(s3)}/x"]


def test_a_part_of_a_large_object_costs_little_more(s3: str, relay: Relay) -> None:
    data = np.arange(10 * MB, dtype="<u4").tobytes()
    storage.write(f"{s3}/large", data)
    relay.bytes_sent = 0
    relay.requests.clear()
    with storage.open_bytes(f"{s3}/large") as file:  # type: ignore[union-attr]
        assert file.read(100) == data[:100]
        file.seek(-MB, os.SEEK_END)
        assert file.read(MB) == data[-MB:]
        for _ in range(100):
            file.seek(20 * MB + 17)
            assert file.read(1000) == data[20 * MB + 17 : 20 * MB + 1017]
    # The first bytes, the last 1 MiB, and the blocks of 1 MiB that the small reads lie in.
    assert len(relay.requests) < 6
    time.sleep(0.2)
    assert relay.bytes_sent < 12 * MB


def test_one_frame_of_a_large_instance(s3: str, relay: Relay, tmp_path: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 4096, (64, 512, 512), dtype=np.uint16)
    (tmp_path / "x.dcm").write_bytes(image(frames, bits_stored=12))
    storage.write(f"{s3}/x.dcm", (tmp_path / "x.dcm").read_bytes())
    relay.bytes_sent = 0
    pictures = []
    for location in (f"{s3}/x.dcm", str(tmp_path / "x.dcm")):
        with open_instance(storage.open_bytes(location)) as instance:
            pictures.append(instance.render(40, WINDOWED, "image/png").data)
    assert pictures[0] == pictures[1]
    time.sleep(0.2)
    assert relay.bytes_sent < 12 * MB < (tmp_path / "x.dcm").stat().st_size


def test_the_engine_renders_the_same(s3: str, tmp_path: Path) -> None:
    values = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)
    (tmp_path / "x.dcm").write_bytes(image(values, bits_stored=12))
    storage.write(f"{s3}/x.dcm", (tmp_path / "x.dcm").read_bytes())
    for media_type in ("image/png", "image/jpeg"):
        pictures = []
        for location in (str(tmp_path / "x.dcm"), f"{s3}/x.dcm"):
            with open_instance(storage.open_bytes(location)) as instance:
                pictures.append(instance.render(1, RenderOptions(), media_type).data)
        assert pictures[0] == pictures[1]


def test_text_is_not_dicom(s3: str) -> None:
    storage.write(f"{s3}/x.txt", b"not an image")
    with pytest.raises(NotDicomError):
        open_instance(storage.open_bytes(f"{s3}/x.txt"))


def test_an_object_that_changes_is_not_mixed(s3: str) -> None:
    storage.write(f"{s3}/x", b"a" * (10 * MB))
    with storage.open_bytes(f"{s3}/x") as file:  # type: ignore[union-attr]
        assert file.read(10) == b"a" * 10
        storage.write(f"{s3}/x", b"b" * (10 * MB))
        file.seek(5 * MB)
        with pytest.raises(UnreadableSourceError, match="changed while it was read") as raised:
            file.read(10)
    assert_clean(raised.value)


# --- writing --------------------------------------------------------------------------------


def test_large_objects_are_sent_in_parts(
    s3: str, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rendicom.storage.backends.objects._IN_PARTS", 6 * MB)
    data = np.arange(3 * MB, dtype="<u4").tobytes()
    assert storage.write(f"{s3}/large", data) is True
    assert relay.count("PUT") == 3
    with storage.open_bytes(f"{s3}/large") as file:  # type: ignore[union-attr]
        assert file.read() == data


def test_a_store_without_conditions(s3: str, relay: Relay) -> None:
    """Older servers know no If-None-Match; then a look before must do."""

    def instead(asked: Asked) -> Answer | None:
        return Answer(501) if "if-none-match" in asked.headers else None

    storage.write(f"{s3}/old", b"old")
    relay.instead = instead
    assert storage.write(f"{s3}/new", b"new", existing="skip") is True
    assert storage.head(f"{s3}/new", 9) == b"new"
    relay.requests.clear()
    assert storage.write(f"{s3}/old", b"new", existing="skip") is False
    assert relay.count("PUT") == 0
    with pytest.raises(OutputExistsError, match="exists"):
        storage.write(f"{s3}/old", b"new", existing="fail")
    assert storage.head(f"{s3}/old", 9) == b"old"


def test_processes_race_for_a_name(s3: str) -> None:
    script = """
import sys
from rendicom import storage
print(*(int(storage.write(f"{sys.argv[1]}/{n}", sys.argv[2].encode(), existing="skip"))
        for n in range(20)))
"""
    command = [sys.executable, "-c", script, s3]
    running = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "abc"
    ]
    results = [process.communicate(timeout=60)[0].split() for process in running]
    for number in range(20):
        won = [name for name, line in zip("abc", results, strict=True) if line[number] == "1"]
        assert [storage.head(f"{s3}/{number}", 5).decode()] == won


def test_a_dicom_object_is_never_overwritten(s3: str) -> None:
    for place in (f"{s3}/x.png", "memory://never/x.png"):
        storage.write(place, image(np.zeros((2, 2), np.uint8)))
        with pytest.raises(OutputExistsError, match="never overwritten"):
            may_write(place, "overwrite")
        assert may_write(f"{place}.png", "fail") is True
        assert write(f"{place}.png", b"picture", existing="fail") is True
        assert may_write(f"{place}.png", "overwrite") is True
        assert may_write(f"{place}.png", "skip") is False
        with pytest.raises(OutputExistsError, match="exists"):
            may_write(f"{place}.png", "fail")


def test_one_client_a_bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from rendicom.storage.backends import objects

    made, real = [], objects._connected
    monkeypatch.setattr(objects, "_connected", lambda *of: made.append(of) or real(*of))
    start = threading.Barrier(8)

    def ask(number: int) -> bool:
        start.wait(10)
        return BACKEND.exists(f"{s3}/{number}")

    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(ask, range(8)))
    assert made == [("s3", bucket_of(s3))]
