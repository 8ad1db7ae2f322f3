"""The manifest as a table: what it says, in which form, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from batch.manifests import PICTURE, bad, good, kill, names, opened, report, rows, unit, written
from rendicom.batch.identity import InstanceSummary
from rendicom.batch.manifest import COLUMNS, export_manifest, read_manifest
from rendicom.batch.outcomes import Filtered, Ignored, Notice, Planned, Skipped
from rendicom.batch.pseudonyms import Pseudonyms
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import UnitReport
from rendicom.errors import (
    CorruptDataError,
    OptionError,
    OutputExistsError,
    TargetInUseError,
    UnreadableSourceError,
    UnwritableOutputError,
)
from rendicom.extras import install_command
from rendicom.options import RenderOptions
from rendicom.selection import FrameSelection
from rendicom.values import Window

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def table() -> str:
    return "out/manifest.jsonl"


def test_a_record_says_all_of_a_picture(table) -> None:
    options = RenderOptions(window=Window(40, 400))
    manifest = opened(table, options=options, resume=False)
    manifest.add(good(unit("a")))
    manifest.close()
    (record,) = read_manifest(table)
    assert tuple(record) == COLUMNS
    made = datetime.strptime(record.pop("time"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - made).total_seconds()) < 60
    assert record == {
        "source": "in/a.dcm",
        "output": "out/a.png",
        "status": "ok",
        "code": "",
        "message": "",
        "hint": "",
        "frame": 1,
        "width": 6,
        "height": 4,
        "media_type": "image/png",
        "bytes": len(PICTURE),
        "voi": "window 40,400",
        "warnings": [],
        "digest": "92b2fa58028958317e408bd84ecfa70f5ee35b121991dbc232c49d166353708b",
        "options": options.canonical(),
        "format": "png",
        "study_instance_uid": "1.2.3",
        "series_instance_uid": "1.2.3.4",
        "sop_instance_uid": "1.2.3.4.5",
        "modality": "CT",
        "pictures": 1,
        "source_size": 100,
        "source_version": "v1",
        "recipe": sha256(b"r1").hexdigest()[:16],
        "warning_codes": [],
    }


def test_each_fate_of_an_input_has_its_status(table) -> None:
    manifest = opened(table)
    manifest.add(report(unit("a"), Skipped("in/a.dcm", "out/a.png", 1)))
    manifest.add(bad(unit("b"), 3, count=5))
    manifest.add(report(unit("c"), Filtered("in/c.dcm", "its modality is MR")))
    manifest.add(UnitReport(Unit("in/d.txt", ""), (Ignored("in/d.txt"),)))
    manifest.add(report(unit("e"), Notice("in/e.dcm", "frames", "has 2 frames")))
    manifest.add(report(unit("f"), Planned("in/f.dcm", "out/f.png", 1, exists=False)))
    manifest.close()
    assert rows(table, "source", "status", "code", "message", "hint", "frame", "bytes") == [
        ("in/a.dcm", "skipped", "", "", "", 1, None),
        ("in/b.dcm", "failed", "corrupt-data", "the stream is cut", "get another copy", 3, None),
        ("in/c.dcm", "filtered", "filtered", "its modality is MR", "", None, None),
        ("in/d.txt", "ignored", "not-dicom", "is not a DICOM instance", "", None, None),
    ]
    assert rows(table, "study_instance_uid", "pictures")[-1] == ("", None)


NAMES = [
    "=cmd|' /C calc'!A0", "+1", "-", "@SUM(1)", "\ttab", "\rreturn", "'quoted", "''", '"',
    '"a","b"', "line\nbreak", "line\r\nbreak\n", "a,b;c", "ümlaut 文件 \u2028", " spaces ",
    "back\\slash\\", "", "null", "\x00", "a | b",
]  # fmt: skip


def test_any_name_comes_back(table) -> None:
    manifest = opened(table)
    for name in NAMES:
        manifest.add(bad(Unit(name, "x")))
    manifest.close()
    assert rows(table, "source") == NAMES


def test_names_that_are_no_text(table) -> None:
    manifest = opened(table)
    manifest.add(bad(Unit("bytes \udcff\udc80", "x")))
    manifest.close()
    assert rows(table, "source") == ["bytes \udcff\udc80"]
    again = opened(table)
    again.add(bad(Unit("bytes \udcff\udc80", "x")))
    again.close()
    assert len(rows(table, "source")) == 1


def test_warnings_are_a_list(table) -> None:
    manifest = opened(table)
    for warnings in ((), ("one",), ("=one", "two, three")):
        manifest.add(report(unit("a"), written(unit("a"))._replace(warnings=warnings)))
    manifest.close()
    assert rows(table, "warnings") == [[], ["one"], ["=one", "two, three"]]


def test_json_lines_are_json_with_every_key() -> None:
    manifest = opened("m.jsonl")
    manifest.add(good(unit("ü")))
    manifest.add(bad(unit("b")))
    manifest.flush()
    lines = Path("m.jsonl").read_bytes().splitlines(keepends=True)
    assert all(tuple(json.loads(line)) == COLUMNS and line.endswith(b"}\n") for line in lines)
    assert '"in/ü.dcm"'.encode() in lines[0]
    manifest.close()
    assert Path("m.jsonl").read_bytes().splitlines(keepends=True) == lines


def test_csv_is_what_spreadsheets_read() -> None:
    manifest = opened("m.csv")
    for name in NAMES:
        manifest.add(bad(Unit(name, "x")))
    manifest.add(report(unit("a"), written(unit("a"))._replace(warnings=("one", "two"))))
    manifest.close()
    with Path("m.csv").open(newline="", encoding="utf-8") as stream:
        cells = list(csv.reader(stream, strict=True))
    assert tuple(cells[0]) == COLUMNS
    assert [row[0].removeprefix("'") for row in cells[1:-1]] == NAMES
    assert not any(
        cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in cells for cell in row
    )
    assert cells[-1][COLUMNS.index("warnings")] == "one | two"
    data = Path("m.csv").read_bytes()
    assert data.startswith(b"source,output,status,code,")
    assert data.endswith(b"Z,\r\n")


def test_parquet_has_types() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    manifest = opened("m.parquet")
    manifest.add(good(unit("a")))
    manifest.add(bad(unit("b")))
    manifest.close()
    found = parquet.read_table("m.parquet")
    assert tuple(found.column_names) == COLUMNS
    assert found.schema.field("bytes").type == "int64"
    assert str(found.schema.field("warnings").type).startswith("list<")
    assert found.column("bytes").to_pylist() == [len(PICTURE), None]
    assert names() == ["m.jsonl", "m.parquet", "out"]


def exported(table: str) -> list[str]:
    """Return the sources in a table, read by other libraries."""
    if table.endswith(".parquet"):
        parquet = pytest.importorskip("pyarrow.parquet")
        return parquet.read_table(table).column("source").to_pylist()
    with Path(table).open(newline="", encoding="utf-8") as stream:
        return [row["source"] for row in csv.DictReader(stream, strict=True)]


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_a_table_is_exported_at_the_end_and_after_a_kill(name) -> None:
    exported_at_once = f"elsewhere/{name}"
    first, second = (good(unit(name)) for name in "ab")
    manifest = opened(name)
    manifest.add(first)
    manifest.flush()
    assert not Path(name).exists()
    export_manifest("m.jsonl", exported_at_once)
    assert exported(exported_at_once) == rows(name, "source") == ["in/a.dcm"]
    kill(manifest)  # as a kill does
    opened(name).close()
    assert exported(name) == ["in/a.dcm"]
    manifest = opened(name)
    manifest.add(second)
    manifest.flush()
    assert not Path(name).exists()  # a table of the run before would mislead
    manifest.close(complete=False)
    assert exported(name) == ["in/a.dcm", "in/b.dcm"]
    with pytest.raises(OptionError, match=r"\.csv or \.parquet"):
        export_manifest("m.jsonl", "n.jsonl")


def test_many_row_groups() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    manifest = opened("m.parquet")
    one = good(unit("a"))
    for number in range(20_000):
        manifest.add(one._replace(unit=one.unit._replace(source=str(number))))
    manifest.close()
    assert exported("m.parquet") == [str(number) for number in range(20_000)]
    assert parquet.read_metadata("m.parquet").num_row_groups == 2


def test_pictures_before_their_records_and_nothing_before_the_first(table) -> None:
    before = opened(table)
    before.add(good(unit("a")))
    before.close()
    data = Path(table).read_bytes()
    manifest = opened(table, resume=False)
    manifest.flush()
    manifest.close()
    assert Path(table).read_bytes() == data
    manifest = opened(table, resume=False)
    manifest.add(good(unit("b")))
    manifest.close()
    assert rows(table, "source") == ["in/b.dcm"]


def test_a_run_without_inputs_leaves_no_table(table) -> None:
    manifest = opened(table)
    manifest.close()
    manifest.close()
    assert names("out") == []


def test_pseudonyms_stand_for_uids_everywhere(table) -> None:
    key = Pseudonyms(b"0123456789abcdef")

    def manifest():
        target, recipe = "out/1.9.8.7", "png out/1.9.8.7"
        return opened(table, target=target, recipe=recipe, pseudonyms=key)

    one = Unit("in/1.2.3.4.dcm", key.text("1.2.3.4"), "v1", 5)
    picture = written(one._replace(place=f"1.9.8.7/{one.place}"))
    failed = bad(one).outcomes[0]._replace(frame=2, message="1.2.3.4 is odd", hint="see 1.2.3.5")
    warned = picture._replace(warnings=("1.2.3.4 is odd",))
    whole = report(one, warned, failed, count=2)
    whole = whole._replace(identity=InstanceSummary("1.2.3.4", "1.2.3.4.1", "1.2.3.4.1.1", "CT"))
    # It is found again where the pseudonyms put it.
    for left in (one, one._replace(frames=FrameSelection.parse("2"))):
        run = manifest()
        assert run.left_to_do(one) == left
        run.add(whole)
        run.close()
    text = "\n".join(map(str, read_manifest(table)))
    assert not re.search(r"(?<![.0-9])1\.(2\.3|9\.8)", text)
    (first, second) = list(read_manifest(table))[-2:]
    hidden = key.uid("1.2.3.4")
    assert (first["source"], first["output"]) == (
        f"in/{hidden}.dcm",
        f"{key.text('out/1.9.8.7')}/{hidden}.png",
    )
    assert (first["study_instance_uid"], first["warnings"]) == (hidden, [f"{hidden} is odd"])
    assert (second["message"], second["hint"]) == (f"{hidden} is odd", f"see {key.uid('1.2.3.5')}")


@pytest.mark.parametrize("location", ["m.txt", "manifest", "out/.", "m.formats", "m.__init__"])
def test_an_unknown_extension(location) -> None:
    with pytest.raises(OptionError, match=r"\.csv, \.jsonl, \.parquet"):
        opened(location)
    assert names() == []


def test_capital_letters_are_no_other_extension() -> None:
    manifest = opened("M.JSONL")
    manifest.add(good(unit("a")))
    manifest.close()
    assert rows("M.JSONL", "source") == ["in/a.dcm"]


def test_parquet_without_its_library(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OptionError, match=re.escape(install_command("parquet"))):
        opened("out/m.parquet")
    assert names() == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("m.jsonl", b'{"text": "a picture of a cat"}\n'),
        ("m.csv", b"name,age\r\n"),
        ("m.parquet", b"PAR1 or so"),
    ],
)
def test_somebody_elses_file_is_left_alone(name, data) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    Path(name).write_bytes(data)
    for resume in (False, True):
        with pytest.raises(OutputExistsError, match=name):
            opened(name, resume=resume)
    if name == "m.jsonl":
        with pytest.raises(CorruptDataError, match="not a manifest"):
            list(read_manifest(name))
    else:
        Path("n.jsonl").touch()
        with pytest.raises(OutputExistsError, match=name):
            export_manifest("n.jsonl", name)
        Path("n.jsonl").unlink()
    assert Path(name).read_bytes() == data
    assert names() == [name]


def test_an_empty_file_is_nobodys(table) -> None:
    Path("out").mkdir()
    Path(table).touch()
    manifest = opened(table)
    manifest.add(good(unit("a")))
    manifest.close()
    assert rows(table, "source") == ["in/a.dcm"]


def test_a_folder_in_the_place_of_the_table() -> None:
    Path("m.csv").mkdir()
    with pytest.raises(UnwritableOutputError, match="a folder or a device is there"):
        opened("m.csv")


def test_a_file_in_the_place_of_the_folder() -> None:
    Path("out").touch()
    with pytest.raises(UnwritableOutputError, match=r"out/m\.csv"):
        opened("out/m.csv")


def test_a_second_run_in_one_process_is_kept_out() -> None:
    manifest = opened("m.csv")
    with pytest.raises(
        TargetInUseError, match=rf"m\.jsonl is being written by process {os.getpid()}"
    ):
        opened("m.parquet")
    manifest.close()
    opened("m.csv").close()
    assert names() == []


def test_a_link_stays_a_link() -> None:
    Path("elsewhere").mkdir()
    Path("m.jsonl").symlink_to("elsewhere/m.jsonl")
    for data in (b"1", b"22"):
        manifest = opened("m.jsonl")
        manifest.add(report(unit("a"), written(unit("a"), data=data)))
        manifest.close()
    assert Path("m.jsonl").is_symlink()
    assert rows("elsewhere/m.jsonl", "bytes") == [2]


def test_reading_what_is_not_there() -> None:
    with pytest.raises(UnreadableSourceError, match=r"m\.jsonl does not exist"):
        list(read_manifest("m.csv"))
    with pytest.raises(OptionError):
        list(read_manifest("m.txt"))


def test_reading_a_damaged_record() -> None:
    manifest = opened("m.jsonl")
    for name in "abc":
        manifest.add(good(unit(name)))
    manifest.close()
    lines = Path("m.jsonl").read_bytes().splitlines(keepends=True)
    lines[-2] = b"\0" * 20 + b"\n"
    Path("m.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(CorruptDataError, match=r"record 2 of m\.jsonl is damaged"):
        list(read_manifest("m.jsonl"))
    manifest = opened("m.jsonl")
    assert manifest.left_to_do(unit("a")) is None
    assert manifest.left_to_do(unit("b")) == unit("b")
    manifest.add(good(unit("b")))
    manifest.close()
    assert rows("m.jsonl", "source") == ["in/a.dcm", "in/c.dcm", "in/b.dcm"]
