"""What a run leaves out because an earlier one did it, and what becomes of the earlier records."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path

import pytest

from batch.manifests import PICTURE, bad, good, kill, names, opened, report, rows, unit, written
from rendicom.batch.file_names import FRAME_MARK, picture_name
from rendicom.batch.manifest.earlier import RecordedPicture
from rendicom.batch.manifest.resume import missing, names_it
from rendicom.batch.outcomes import Filtered, Ignored, Skipped
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import UnitReport
from rendicom.errors import UnwritableOutputError
from rendicom.options import RenderOptions
from rendicom.selection import FrameSelection

pytestmark = pytest.mark.usefixtures("here")

A = unit("a")


@pytest.fixture
def table() -> str:
    return "out/manifest.jsonl"


def run(table: str, *reports: UnitReport, **more: object) -> None:
    """Record a run to its end."""
    manifest = opened(table, **more)
    for one in reports:
        manifest.left_to_do(one.unit._replace(frames=None))
        manifest.add(one)
    manifest.close()


def left(table: str, one: Unit, **more: object) -> Unit | None:
    """Return what a run that does nothing would have left to do."""
    manifest = opened(table, **more)
    try:
        return manifest.left_to_do(one)
    finally:
        manifest.close()


def test_what_is_done_is_left_out(table) -> None:
    run(table, good(A), good(unit("dir/b"), range(1, 4)))
    data = Path(table).read_bytes()
    manifest = opened(table)
    assert manifest.left_to_do(A) is None
    assert manifest.left_to_do(unit("dir/b")) is None
    assert manifest.left_to_do(unit("new")) == unit("new")
    manifest.close()
    assert Path(table).read_bytes() == data
    assert names("out") == ["a.png", "dir", Path(table).name]


def test_without_resume_nothing_is_left_out(table) -> None:
    run(table, good(A))
    assert left(table, A, resume=False) == A


CHANGES = {
    "options": (A, {"options": RenderOptions(invert=True)}),
    "recipe": (A, {"recipe": "r2"}),
    "source": (A._replace(version="v2"), {}),
    "unknown version": (A._replace(version=""), {}),
    "place": (A._replace(place="b/a"), {}),
    "target": (A, {"target": "out/b"}),
    "format": (A, {"format": "jpg"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_done_again(table, change) -> None:
    one, more = CHANGES[change]
    run(table, good(A))
    assert left(table, one, **more) == one
    assert left(table, A) is None
    run(table, good(one), **more)
    assert len(rows(table, "source")) == 1


def test_a_source_whose_version_was_never_known_is_done_again(table) -> None:
    one = A._replace(version="", size=0)
    run(table, good(one))
    assert left(table, one) == one


def test_a_picture_that_is_gone_or_cut_is_made_again(table) -> None:
    run(table, good(A))
    Path("out/a.png").write_bytes(PICTURE[:-1])
    assert left(table, A) == A
    Path("out/a.png").unlink()
    assert left(table, A) == A
    Path("out/a.png").mkdir()
    assert left(table, A) == A


def test_whatever_gave_no_picture_is_tried_again(table) -> None:
    skipped = Skipped(A.source, "out/a.png", 1)
    filtered, ignored = Filtered(A.source, "no"), Ignored(A.source)
    for one in (bad(A), report(A, skipped), report(A, filtered), report(A, ignored)):
        written(A)
        run(table, one)
        assert left(table, A) == A
        assert len(rows(table, "source")) == 1


def test_the_frames_that_are_missing(table) -> None:
    run(table, good(A, (1, 2, 3, 7), count=9), bad(unit("b"), 2))
    assert left(table, A) == A._replace(frames=FrameSelection(((4, 6), (8, 9))))
    Path("out/a-0002.png").unlink()
    expected = A._replace(frames=FrameSelection(((2, 2), (4, 6), (8, 9))))
    manifest = opened(table)
    assert manifest.left_to_do(A) == expected
    manifest.add(good(A._replace(frames=expected.frames), (2, 4, 5), count=9))
    manifest.add(bad(A._replace(frames=expected.frames), 6, count=9))
    manifest.close()
    assert rows(table, "source", "frame", "status")[1:] == [
        ("in/a.dcm", 3, "ok"),
        ("in/a.dcm", 7, "ok"),
        ("in/b.dcm", 2, "failed"),
        ("in/a.dcm", 2, "ok"),
        ("in/a.dcm", 4, "ok"),
        ("in/a.dcm", 5, "ok"),
        ("in/a.dcm", 6, "failed"),
    ]
    run(table, good(A, (6, 8, 9), count=9))
    assert left(table, A) is None
    assert sorted(rows(table, "frame", "status"))[:-1] == [(frame, "ok") for frame in range(1, 10)][
        :1
    ] + [(2, "failed")] + [(frame, "ok") for frame in range(2, 9)]


def test_the_frames_of_a_choice_that_are_missing(table) -> None:
    choice = FrameSelection.parse("3-12,1")
    run(table, good(A, (4, 1, 12), count=11), frames=choice)
    expected = FrameSelection(((3, 3), (5, 11)))
    assert left(table, A, frames=choice) == A._replace(frames=expected)
    # Frame 12 is none of the first 11: what was asked for then is not what is asked for now.
    assert left(table, A) == A


def test_a_long_source_in_time(table) -> None:
    count = 10_000
    manifest = opened(table)
    picture = written(A, 1, count=count)
    for frame in range(1, count, 2):
        os.link("out/a-0001.png", f"out/a-{frame:05}.png")
        output = f"out/a-{frame:05}.png"
        manifest.add(report(A, picture._replace(frame=frame, output=output), count=count))
    manifest.close()
    rest = left(table, A)
    assert rest is not None
    assert rest.frames is not None
    assert rest.frames.resolve(count) == tuple(range(2, count + 1, 2))


def test_a_loop_is_one_picture(table) -> None:
    run(table, report(A, written(A, None)), frames=FrameSelection.parse("1-30"))
    assert left(table, A, frames=FrameSelection.parse("1-30")) is None
    run(table, report(A, written(A, None), count=1))
    assert left(table, A) is None


def test_in_doubt_all_is_done() -> None:
    def picture(frame: int | None, count: int) -> RecordedPicture:
        return RecordedPicture(0, frame, 1, count, "", "")

    everything = FrameSelection()
    assert missing([], everything) == everything
    assert missing([picture(1, 2), picture(2, 3)], everything) == everything
    assert missing([picture(1, 0)], everything) == everything
    assert missing([picture(None, 1), picture(1, 1)], everything) == everything
    assert missing([picture(None, 2)], everything) == everything
    assert missing([picture(5, 2)], everything) == everything
    assert missing([picture(2, 3)], FrameSelection.parse("1-2")) == everything
    assert missing([picture(2, 2)], FrameSelection.parse("1-2")) == FrameSelection.parse("1")
    assert missing([picture(2, 2), picture(1, 2)], FrameSelection.parse("1-2")) is None


@pytest.mark.parametrize("place", ["a", "a/b-0001", f"a/{FRAME_MARK}", f"{FRAME_MARK * 7}/b"])
@pytest.mark.parametrize(("frame", "count"), [(1, 1), (7, 20), (12345, 20000), (None, 20)])
def test_every_name_is_known_again(place, frame, count) -> None:
    name = picture_name(place, ".png", frame=frame, number_of_frames=count)
    assert names_it(place, name.removesuffix(".png"), frame)


@pytest.mark.parametrize(
    ("place", "stem", "frame", "is_name"),
    [
        ("a", "a", 1, True),
        ("a", "a", None, True),
        ("a", "a-0003", 3, True),
        ("a", "a-0003", 4, False),
        ("a", "a-", None, False),
        ("a", "a-x", 1, False),
        ("a", "b/a", 1, False),
        ("a-0001", "a", 1, False),
        ("", "", 1, True),
        (f"x/{FRAME_MARK}", "x/12", 12, True),
        (f"x/{FRAME_MARK}", "x/012", 12, True),
        (f"x/{FRAME_MARK}", "x/012", None, False),
        (f"x/{FRAME_MARK}", "x/all", None, True),
        (f"x/{FRAME_MARK}", "x/all", 1, False),
        (f"x/{FRAME_MARK}", "x/", None, False),
        (f"x/{FRAME_MARK}", "x/y", 1, False),
        (f"x/{FRAME_MARK}y", "x/", 1, False),
        (f"{FRAME_MARK * 3}/1-1", "03/1-1", 3, True),
        (f"{FRAME_MARK}1", "1", 1, False),
        (f"1{FRAME_MARK}1", "1", 1, False),
    ],
)
def test_names_of_a_place(place, stem, frame, is_name) -> None:
    assert names_it(place, stem, frame) is is_name


def test_records_of_other_sources_stay(table) -> None:
    run(table, good(A), bad(unit("b")), good(unit("c")))
    run(table, good(unit("b")), good(unit("d")))
    sources = ["in/a.dcm", "in/c.dcm", "in/b.dcm", "in/d.dcm"]
    assert rows(table, "source", "status") == [(source, "ok") for source in sources]


def test_a_source_that_was_not_reached_keeps_its_record(table) -> None:
    run(table, bad(A), bad(unit("b")))
    manifest = opened(table)
    assert manifest.left_to_do(A) == A
    assert manifest.left_to_do(unit("b")) == unit("b")
    manifest.add(good(A))
    manifest.close(complete=True)
    assert rows(table, "source", "status") == [("in/b.dcm", "failed"), ("in/a.dcm", "ok")]


def test_a_source_that_is_no_unit_any_more(table) -> None:
    run(table, good(A, (1, 2)))
    manifest = opened(table)
    manifest.add(UnitReport(Unit(A.source, ""), (Ignored(A.source),)))
    manifest.close()
    assert rows(table, "status") == ["ignored"]


def test_who_stops_a_run_is_not_kept_waiting() -> None:
    run("out/m.jsonl", bad(A), bad(unit("b")))
    manifest = opened("out/m.jsonl")
    for name in "ab":
        manifest.left_to_do(unit(name))
        manifest.add(good(unit(name)))
    manifest.close(complete=False)
    assert rows("out/m.jsonl", "status") == ["failed", "failed", "ok", "ok"]
    manifest = opened("out/m.jsonl")
    assert [manifest.left_to_do(unit(name)) for name in "ab"] == [None, None]
    manifest.close()
    assert rows("out/m.jsonl", "status") == ["ok", "ok"]


def test_a_changed_source_with_fewer_frames(table) -> None:
    run(table, good(A, (1, 2, 3)))
    changed = A._replace(version="v2")
    run(table, good(changed, (1, 2)))
    assert rows(table, "frame", "source_version") == [(1, "v2"), (2, "v2")]
    assert left(table, changed) is None


def test_old_records_beside_good_ones_go(table) -> None:
    run(table, good(A, (1, 2, 3)))
    manifest = opened(table)
    manifest.add(good(A._replace(version="v2"), (1, 2)))
    manifest.flush()
    kill(manifest)  # as a kill does
    assert rows(table, "frame") == [1, 2, 3, 1, 2]
    assert left(table, A._replace(version="v2")) is None
    assert rows(table, "frame", "source_version") == [(1, "v2"), (2, "v2")]


def test_pieces_of_a_source_that_failed_stay(table) -> None:
    one = A._replace(frames=FrameSelection.parse("1-2"))
    two = A._replace(frames=FrameSelection.parse("3-4"))
    run(table, good(one, (1, 2), count=4), bad(two, count=4))
    assert rows(table, "frame", "status") == [(1, "ok"), (2, "ok"), (None, "failed")]
    assert left(table, A) == two
    run(table, good(two, (3, 4), count=4))
    assert rows(table, "frame", "status") == [(frame, "ok") for frame in (1, 2, 3, 4)]


def test_a_torn_record_is_left_out_and_cut_off(table) -> None:
    manifest = opened(table)
    for name in ("a", "b", 'c "quoted"\nname'):
        manifest.add(good(unit(name)))
    manifest.flush()
    kill(manifest)
    data = Path(table).read_bytes()
    last = data.rindex(b"in/c")
    for cut in (1, 2, 40, len(data) - last - 3, len(data) - last + 1):
        Path(table).write_bytes(data[:-cut])
        assert rows(table, "source") == ["in/a.dcm", "in/b.dcm"]
        manifest = opened(table)
        assert manifest.left_to_do(A) is None
        manifest.add(good(unit('c "quoted"\nname')))
        manifest.flush()
        assert rows(table, "source")[2:] == ['in/c "quoted"\nname.dcm']
        kill(manifest)


def test_a_manifest_torn_in_its_first_record(table) -> None:
    run(table, good(A))
    data = Path(table).read_bytes()
    for end in (1, 5, 12, 40, 200):
        Path(table).write_bytes(data[:end])
        assert left(table, A) == A
        run(table, good(unit("b")))
        assert rows(table, "source") == ["in/b.dcm"]


def test_no_room_for_temporary_files(monkeypatch) -> None:
    run("out/m.jsonl", good(A))
    whole = sqlite3.connect

    def small(*arguments, **more):
        database = whole(*arguments, **more)
        database.execute("PRAGMA max_page_count=2")
        return database

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(UnwritableOutputError, match=r"temporary file.*TMPDIR"):
        opened("out/m.jsonl")
    monkeypatch.undo()
    opened("out/m.jsonl").close()  # it is not locked


def test_nothing_is_left_in_the_folder_for_temporary_files(monkeypatch, tmp_path) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path / "temporary"))
    run("out/m.jsonl", good(A))
    assert left("out/m.jsonl", A) is None
    assert names(tmp_path / "temporary") == []
