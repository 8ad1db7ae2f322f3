"""Tar shards in the layout of WebDataset: read back with webdataset, killed, resumed, stored."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

import rendicom
from rendicom.batch.shard_names import ShardTemplate, key_of, samples_of, stem_of
from rendicom.batch.shards import _plain_header, parse_size
from rendicom.cli.main import main
from rendicom.errors import OptionError, OutputExistsError
from rendicom.storage import list_folder, open_bytes
from rendicom.testing.images import image
from rendicom.testing.writer import element

COUNT = 24
SIDE = 96
UID = "1.2.826.0.1.3680043.8.498.7"


def pixels(number: int) -> np.ndarray:
    """Return noise, which no format makes small: about 9 KB as png."""
    return np.random.default_rng(number).integers(0, 256, (SIDE, SIDE), np.uint8)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(COUNT - 2):
        extra = (element(0x0020000D, "UI", f"{UID}.1"),)
        (folder / f"1.2.{number:03}.dcm").write_bytes(image(pixels(number), extra=extra))
    (folder / "loop.dcm").write_bytes(image(np.stack([pixels(100), pixels(101)])))
    (folder / "notes.txt").write_text("no DICOM")
    return folder


def template(folder: Path | str) -> str:
    return f"{folder}/{{shard:04}}.tar"


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.tar"))


def samples(paths: Iterable[Path]) -> Counter[str]:
    """Return how often each key is in the shards, each a picture and its JSON."""
    keys: Counter[str] = Counter()
    for path in paths:
        with tarfile.open(path) as tar:
            names = tar.getnames()
        assert samples_of(str(path)) == len(names) // 2
        for picture, told in zip(names[::2], names[1::2], strict=True):
            key = picture.rpartition(".")[0]
            assert told == f"{key}.json"
            keys[key] += 1
    return keys


_READ = """
import hashlib, json, sys
import webdataset
for sample in webdataset.WebDataset(sys.argv[1:], shardshuffle=False):
    digest = hashlib.sha256(sample["png"]).hexdigest()
    print(json.dumps([sample["__key__"], digest, json.loads(sample["json"])]))
"""


def convert(archive: Path, folder: Path, **more: object) -> rendicom.Summary:
    how = {"format": "png", "shard_size": "100KB", "engine": "threads", "jobs": 2}
    return rendicom.convert(archive, template(folder), **{**how, **more})


def test_what_webdataset_reads(archive: Path, tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    summary = convert(archive, tmp_path / "out")
    assert (summary.written, summary.failed, summary.ignored) == (COUNT, 0, 1)
    files = shards(tmp_path / "out")
    assert [each.name for each in files] == [f"{number:04}.tar" for number in range(len(files))]
    assert len(files) >= 3
    assert max(each.stat().st_size for each in files) <= 100_000 + tarfile.RECORDSIZE
    rendicom.convert(archive, tmp_path / "single", format="png", engine="threads", jobs=2)
    seen = 0
    # In a process of its own: it leaves files open.
    command = [sys.executable, "-W", "ignore", "-c", _READ, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    for key, digest, told in map(json.loads, done.stdout.splitlines()):
        stem = stem_of(key)
        data = (tmp_path / "single" / f"{stem}.png").read_bytes()
        assert sha256(data).hexdigest() == digest
        assert (told["width"], told["height"], told["media_type"]) == (SIDE, SIDE, "image/png")
        is_loop = stem.startswith("loop")
        name = "loop" if is_loop else stem
        assert told["source"] == str(archive / f"{name}.dcm")
        assert is_loop or told["study_instance_uid"] == f"{UID}.1"
        seen += 1
    assert seen == COUNT


def test_records_name_shard_and_sample(archive: Path, tmp_path: Path) -> None:
    summary = convert(archive, tmp_path / "out")
    lines = map(json.loads, Path(summary.manifest).read_text().splitlines())
    places = [line["output"] for line in lines if line["status"] == "ok"]
    assert len(places) == COUNT
    for place in places:
        path, _, name = place.partition("!/")
        with tarfile.open(path) as tar:
            assert name in tar.getnames()


def test_nothing_is_left_to_do(archive: Path, tmp_path: Path) -> None:
    convert(archive, tmp_path / "out")
    before = {each: each.read_bytes() for each in shards(tmp_path / "out")}
    summary = convert(archive, tmp_path / "out", resume=True)
    assert (summary.written, summary.done_before) == (0, COUNT - 1)
    assert {each: each.read_bytes() for each in shards(tmp_path / "out")} == before


def test_what_is_new_goes_into_the_next_shard(archive: Path, tmp_path: Path) -> None:
    convert(archive, tmp_path / "out")
    before = shards(tmp_path / "out")
    (archive / "new.dcm").write_bytes(image(pixels(999)))
    assert convert(archive, tmp_path / "out", resume=True).written == 1
    (new,) = set(shards(tmp_path / "out")) - set(before)
    assert samples([new]) == {"new": 1}


@pytest.mark.parametrize("lost", [1, 2, None])
def test_records_that_a_kill_lost(archive: Path, tmp_path: Path, lost: int | None) -> None:
    """The last shard is there, and not all of its records are: each sample is there once."""
    summary = convert(archive, tmp_path / "out")
    manifest = Path(summary.manifest)
    lines = manifest.read_bytes().splitlines(keepends=True)
    last = samples(shards(tmp_path / "out")[-1:]).total()
    assert last > 2
    manifest.write_bytes(b"".join(lines[: -(lost or last)]))
    assert convert(archive, tmp_path / "out", resume=True).written > 0
    keys = samples(shards(tmp_path / "out"))
    assert len(keys) == COUNT
    assert set(keys.values()) == {1}


def test_a_lost_shard_is_made_again(archive: Path, tmp_path: Path) -> None:
    convert(archive, tmp_path / "out")
    gone = shards(tmp_path / "out")[1]
    gone.unlink()
    assert convert(archive, tmp_path / "out", resume=True).written > 0
    keys = samples(shards(tmp_path / "out"))
    assert (len(keys), set(keys.values())) == (COUNT, {1})


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_kill_and_resume(archive: Path, tmp_path: Path) -> None:
    for number in range(200):
        (archive / f"more{number}.dcm").write_bytes(image(pixels(1000 + number)))
    how = ["--format", "png", "--shard-size", "100KB", "--jobs", "2", "-q"]
    target = template(tmp_path / "out")
    command = [sys.executable, "-m", "rendicom", "convert", str(archive), target, *how]
    process = subprocess.Popen(command)
    until = time.monotonic() + 60
    while not shards(tmp_path / "out"):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    whole = samples(shards(tmp_path / "out"))
    assert 0 < len(whole) < COUNT + 200
    assert subprocess.run([*command, "--resume"], timeout=120).returncode == 0
    keys = samples(shards(tmp_path / "out"))
    assert (len(keys), set(keys.values())) == (COUNT + 200, {1})
    assert [each.name for each in tmp_path.glob("out/.*")] == []


def test_on_object_storage(archive: Path, tmp_path: Path, s3: str) -> None:
    place = f"{s3}/shards"
    assert convert(archive, place).written == COUNT
    folder = tmp_path / "copy"
    folder.mkdir()

    def fetch() -> list[Path]:
        for stored in list_folder(place):
            with open_bytes(stored.location) as stream:
                (folder / Path(stored.name).name).write_bytes(stream.read())
        return shards(folder)

    assert samples(fetch()).total() == COUNT
    (archive / "new.dcm").write_bytes(image(pixels(999)))
    summary = convert(archive, place, resume=True)
    assert (summary.written, summary.done_before) == (1, COUNT - 1)
    keys = samples(fetch())
    assert (len(keys), set(keys.values())) == (COUNT + 1, {1})


def test_temporary_files_are_few(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One holds many pictures, and goes when they are in a shard."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    for number in range(400):
        (archive / f"more{number}.dcm").write_bytes(image(pixels(number)[:8, :8]))
    counts: list[int] = []

    def look(outcome: object) -> None:
        counts.append(sum(each.is_file() for each in folder.rglob("*")))

    summary = convert(archive, tmp_path / "out", engine="inline", on_result=look, shard_size="1GB")
    assert summary.written == COUNT + 400
    # The lock with its journal, the shard, the bundle in hand, and those of four chunks in flight.
    assert 3 <= max(counts) <= 8
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("name", "size"), [("a/b.png", 0), ("x" * 100, 8**11 - 1)])
def test_headers_are_those_of_tarfile(name: str, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    assert _plain_header(name, size) == member.tobuf(tarfile.USTAR_FORMAT)
    assert _plain_header(f"{name}{'y' * 100}", size) is None
    assert _plain_header(f"ä{name[1:]}", size) is None
    assert _plain_header(name, size + 8**11) is None


def test_uids_are_hashed_in_samples(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a secret of some length, for tests only")
    arguments = ["--hash-uids", str(tmp_path / "key"), "--engine", "inline", "-q"]
    layout = ["--layout", "{StudyInstanceUID}/{source}.{ext}"]
    assert main(["convert", str(archive), template(tmp_path / "out"), *arguments, *layout]) == 0
    for path in shards(tmp_path / "out"):
        assert UID.encode() not in path.read_bytes()


def test_shards_of_others_are_not_overwritten(archive: Path, tmp_path: Path) -> None:
    convert(archive, tmp_path / "out")
    before = {each: each.read_bytes() for each in shards(tmp_path / "out")}
    with pytest.raises(OutputExistsError, match="is not from this run"):
        convert(archive, tmp_path / "out")
    with pytest.raises(OutputExistsError, match="is not from this run"):
        convert(archive, tmp_path / "out", resume=True, options=rendicom.RenderOptions(invert=True))
    assert {each: each.read_bytes() for each in shards(tmp_path / "out")} == before


def test_the_command(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = template(tmp_path / "out")
    common = ["convert", str(archive), target, "--engine", "inline"]
    for wrong, said in (
        (["--contact-sheet", "a.png"], "--contact-sheet and a TARGET of shards exclude each other"),
        (["--dry-run"], "--dry-run and a TARGET of shards exclude each other"),
        (["--shard-size", "1XB"], "is not a size from 100KB"),
        (["--shard-size", "1KB"], "is not a size from 100KB"),
    ):
        assert main([*common, *wrong]) == 2
        assert said in capsys.readouterr().err
    assert main(["convert", str(archive), str(tmp_path / "x"), "--shard-size", "1GB"]) == 2
    assert "needs a TARGET such as shards/{shard:06}.tar" in capsys.readouterr().err
    assert main(["convert", str(archive), str(tmp_path / "{shard}" / "a.tar")]) == 2
    assert "does not name shards" in capsys.readouterr().err
    assert main([*common, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["output"].partition("!/")[0] for line in lines} == {f"{tmp_path}/out/0000.tar"}


@pytest.mark.parametrize("stem", [
    "IM1", "a.b/IM1", "1.2.840", "a/1.2.840", "1.2/image", "a.b/image/image", "image",
    "x/.hidden",
])  # fmt: skip
def test_keys_have_no_dot_and_lead_back(stem: str) -> None:
    key = key_of(stem)
    assert "." not in key.rpartition("/")[2]
    assert stem_of(key) == stem


def test_templates_and_sizes() -> None:
    one = ShardTemplate.parse("s3://bucket/a/x-{shard:03}.tar")
    assert (one.folder, one.path(7)) == ("s3://bucket/a", "s3://bucket/a/x-007.tar")
    assert one.split("s3://bucket/a/x-007.tar!/a/b.jpg") == (7, "a/b.jpg")
    assert one.split("s3://bucket/a/b.jpg") is None
    assert ShardTemplate.parse("{shard}.tar").folder == "."
    assert parse_size("1.5gb") == 1_500_000_000
    for wrong in ("{shard}/a.tar", "{shard}.zip", "{shard:x}.tar", "{shard}{shard}.tar"):
        with pytest.raises(OptionError, match="does not name shards"):
            ShardTemplate.parse(wrong)
