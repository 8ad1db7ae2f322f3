"""What a worker makes of a chunk: an outcome for each unit, whatever goes wrong with one."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rendicom.batch import worker
from rendicom.batch.identity import Filters
from rendicom.batch.outcomes import Failed, Filtered, Ignored, Notice, Planned, Skipped, Written
from rendicom.batch.sources import Unit
from rendicom.batch.worker import convert_units, survey_units, unexpected
from rendicom.batch.worker_messages import Recipe
from rendicom.engine import Instance
from rendicom.errors import CorruptDataError
from rendicom.options import RenderOptions
from rendicom.selection import FrameSelection
from rendicom.testing.images import image, overlay
from rendicom.testing.writer import dicom_file, element

PIXELS = np.arange(24, dtype=np.uint16).reshape(4, 6)
PATIENT = (element(0x00100010, "PN", "DOE^JOHN"), element(0x00100020, "LO", "PAT-4711"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(name: str, pixels=PIXELS, **more) -> Unit:
    """Write an image and return the unit that stands for it."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(image(pixels, extra=(*PATIENT, *more.pop("extra", ())), **more))
    return Unit(name, str(Path(name).with_suffix("")), size=Path(name).stat().st_size)


def cine(name: str, frames: int) -> Unit:
    return made(name, np.stack([PIXELS + np.uint16(n) for n in range(frames)]))


def recipe(**more) -> Recipe:
    return Recipe(**{"target": "out", "format": "png", "options": RenderOptions(), **more})


def outcomes(*units: Unit, **more) -> list:
    chunk = convert_units(recipe(**more), units)
    assert chunk.left == ()
    return [outcome for report in chunk.reports for outcome in report.outcomes]


def test_a_picture_is_written_and_described() -> None:
    unit = made("a/1.dcm", modality="CT", extra=(element(0x0020000E, "UI", "1.2.3"),))
    chunk = convert_units(recipe(), (unit,))
    (report,) = chunk.reports
    (written,) = report.outcomes
    data = Path("out/a/1.png").read_bytes()
    with Image.open("out/a/1.png") as picture:
        assert picture.size == (6, 4)
    assert isinstance(written, Written)
    assert (written.source, written.output, written.frame) == ("a/1.dcm", "out/a/1.png", 1)
    assert (written.width, written.height, written.media_type) == (6, 4, "image/png")
    assert (written.size, written.data) == (len(data), b"")
    assert written.digest == hashlib.blake2b(data, digest_size=32).hexdigest()
    assert report.unit == unit
    assert (report.pictures, report.rest, report.patient) == (1, None, {})
    assert report.identity is not None
    assert (report.identity.series, report.identity.modality) == ("1.2.3", "CT")
    assert 0 < report.seconds < 30
    assert b"DOE" not in pickle.dumps(chunk)
    assert b"4711" not in pickle.dumps(chunk)


def test_time_that_is_up_leaves_units_for_later() -> None:
    units = tuple(made(f"{number}.dcm") for number in range(4))
    chunk = convert_units(recipe(), units, limit=0.0)
    assert [report.unit for report in chunk.reports] == [units[0]]
    assert chunk.left == units[1:]
    assert {path.name for path in Path("out").iterdir()} == {"0.png"}


def test_time_that_is_up_leaves_frames_for_later() -> None:
    unit = cine("cine.dcm", 5)
    (report,) = convert_units(recipe(), (unit,), limit=0.0).reports
    assert [each.frame for each in report.outcomes] == [1]
    assert report.pictures == 5
    assert report.rest == FrameSelection.parse("2-5")
    rest = unit._replace(frames=report.rest)
    (second,) = convert_units(recipe(), (rest,)).reports
    assert [each.frame for each in second.outcomes] == [2, 3, 4, 5]
    assert (second.pictures, second.rest) == (5, None)
    assert len(list(Path("out").glob("cine-000?.png"))) == 5


def test_every_chunk_gets_on_by_one_picture_at_least() -> None:
    unit: Unit | None = cine("cine.dcm", 4)
    rounds = 0
    while unit is not None:
        (report,) = convert_units(recipe(), (unit,), limit=-1.0).reports
        unit = unit._replace(frames=report.rest) if report.rest is not None else None
        rounds += 1
    assert rounds == 4
    assert len(list(Path("out").iterdir())) == 4


def test_a_choice_of_frames_in_an_order_of_its_own_is_left_in_that_order() -> None:
    unit = cine("cine.dcm", 6)
    chosen = FrameSelection.parse("6,2-3,5")
    (report,) = convert_units(recipe(frames=chosen), (unit,), limit=0.0).reports
    assert [each.frame for each in report.outcomes] == [6]
    assert report.pictures == 4
    assert str(report.rest) == "2-3,5"


def test_what_is_said_of_a_source_is_said_with_its_first_piece_only() -> None:
    bitmap = overlay(np.ones((4, 6), np.uint8))
    unit = made("a.dcm", np.stack([PIXELS] * 3), extra=bitmap)
    (first,) = convert_units(recipe(), (unit,), limit=0.0).reports
    assert [type(each) for each in first.outcomes] == [Notice, Written]
    (second,) = convert_units(recipe(), (unit._replace(frames=first.rest),)).reports
    assert [type(each) for each in second.outcomes] == [Written, Written]


def test_an_animation_is_one_picture() -> None:
    unit = cine("cine.dcm", 3)
    (report,) = convert_units(recipe(format="gif"), (unit,), limit=0.0).reports
    assert [(each.output, each.frame) for each in report.outcomes] == [("out/cine.gif", None)]
    assert (report.pictures, report.rest) == (1, None)


def test_one_bad_source_costs_only_itself() -> None:
    Path("broken.dcm").write_bytes(image(bytes(8), rows=0, columns=4))
    Path("sr.dcm").write_bytes(dicom_file([element(0x00080060, "CS", "SR")]))
    units = [Unit(name, name) for name in ("gone.dcm", "broken.dcm", "sr.dcm")]
    found = outcomes(*units, made("good.dcm"))
    assert [each.code for each in found[:3]] == ["cannot-read", "corrupt-data", "no-pixel-data"]
    assert isinstance(found[3], Written)


@pytest.mark.parametrize("content", [b"", b"nothing of interest\n" * 20, b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_dicom_is_a_failure_only_where_it_was_known_to_be(content) -> None:
    Path("notes").write_bytes(content)
    unit = Unit("notes", "notes")
    assert outcomes(unit._replace(is_known=False)) == [Ignored("notes")]
    (failed,) = outcomes(unit)
    assert (failed.code, failed.source) == ("not-dicom", "notes")


def test_filters_leave_out() -> None:
    ct, mr = made("ct.dcm", modality="CT"), made("mr.dcm", modality="MR")
    filters = Filters.parse(modality=["MR"])
    chunk = convert_units(recipe(filters=filters), (ct, mr))
    assert chunk.reports[0].outcomes == (Filtered("ct.dcm", "modality CT"),)
    assert chunk.reports[0].identity is not None
    assert isinstance(chunk.reports[1].outcomes[0], Written)
    assert [path.name for path in Path("out").iterdir()] == ["mr.png"]


def test_no_file_stays_open() -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("nothing tells which files are open")
    Path("broken.dcm").write_bytes(image(PIXELS)[:-10])
    Path("sr.dcm").write_bytes(dicom_file([element(0x00080060, "CS", "SR")]))
    filters = Filters.parse(modality=["MR"])
    units = (made("ct.dcm", modality="CT"), made("mr.dcm", modality="MR"))
    units += tuple(Unit(name, name) for name in ("gone.dcm", "broken.dcm", "sr.dcm"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        convert_units(recipe(), units)
        convert_units(recipe(filters=filters), units)
        survey_units(recipe(patient_fields=("PatientID",)), units)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_rehearsal_writes_nothing() -> None:
    unit = cine("cine.dcm", 2)
    Path("out").mkdir()
    Path("out/cine-0002.png").touch()
    planned = outcomes(unit, is_rehearsal=True)
    assert planned == [
        Planned("cine.dcm", "out/cine-0001.png", 1, exists=False),
        Planned("cine.dcm", "out/cine-0002.png", 2, exists=True),
    ]
    assert [path.stat().st_size for path in Path("out").iterdir()] == [0]


def test_what_is_there_already() -> None:
    unit = made("a.dcm")
    outcomes(unit)
    before = Path("out/a.png").stat().st_mtime_ns
    assert outcomes(unit, existing="skip") == [Skipped("a.dcm", "out/a.png", 1)]
    (failed,) = outcomes(unit, existing="fail")
    assert failed.code == "output-exists"
    assert Path("out/a.png").stat().st_mtime_ns == before


def test_relative_paths_count_from_the_base(tmp_path, monkeypatch) -> None:
    unit = made("in/a.dcm")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    (failed,) = outcomes(unit)
    assert failed.code == "cannot-read"
    (written,) = outcomes(unit, base=str(tmp_path))
    assert (written.source, written.output) == ("in/a.dcm", "out/in/a.png"), "as typed"
    assert (tmp_path / "out/in/a.png").is_file()
    assert not (tmp_path / "elsewhere/out").exists()


def test_absolute_paths_need_no_base(tmp_path, monkeypatch) -> None:
    unit = made("in/a.dcm")._replace(source=str(tmp_path / "in/a.dcm"))
    target = str(tmp_path / "there")
    (written,) = outcomes(unit, base="/nowhere", target=target)
    assert written.output == str(tmp_path / "there/in/a.png")
    assert Path(written.output).is_file()


# --- faults of ours -----------------------------------------------------------------------


def broken_display(error: Exception, *, at: int | None = None):
    """Return what stands in for rendering: it raises ``error``, at one frame or at all."""
    picture = Instance.picture

    def fail(self, request):
        if at is None or request.selection.frame == at:
            raise error
        return picture(self, request)

    return fail


def test_a_fault_of_ours_names_the_place_and_no_value(monkeypatch) -> None:
    monkeypatch.setattr(Instance, "picture", broken_display(ValueError("PAT-4711 is no number")))
    units = made("a.dcm"), made("b.dcm")
    found = outcomes(*units)
    assert [(each.source, each.code) for each in found] == [
        ("a.dcm", "internal-error"),
        ("b.dcm", "internal-error"),
    ]
    assert found[0].message.startswith(
        "unexpected ValueError inside Rendicom at batch/picture_job.py:"
    )
    assert "4711" not in repr(found)


def test_memory_that_runs_out_is_no_fault_of_ours(monkeypatch) -> None:
    monkeypatch.setattr(Instance, "picture", broken_display(MemoryError()))
    (failed,) = outcomes(made("a.dcm"))
    assert (failed.code, failed.message) == ("limit-exceeded", "there is not enough memory")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CorruptDataError("is damaged"), "corrupt-data"),
        (KeyError("PAT-4711"), "internal-error"),
        (MemoryError(), "limit-exceeded"),
    ],
)
def test_one_bad_frame_costs_only_itself(monkeypatch, error, code) -> None:
    monkeypatch.setattr(Instance, "picture", broken_display(error, at=2))
    (report,) = convert_units(recipe(), (cine("cine.dcm", 3),)).reports
    assert [type(each) for each in report.outcomes] == [Written, Failed, Written]
    assert (report.outcomes[1].frame, report.outcomes[1].code) == (2, code)
    assert (report.pictures, report.rest) == (3, None)
    assert "4711" not in repr(report)


def test_a_fault_while_opening_costs_one_source(monkeypatch) -> None:
    def fail(instance):
        raise RuntimeError("DOE^JOHN")

    monkeypatch.setattr("rendicom.batch.identity.identity_of", fail)
    (failed,) = outcomes(made("a.dcm"))
    assert failed.code == "internal-error"
    assert "at batch/worker.py:" in failed.message
    assert "DOE" not in repr(failed)


def test_a_fault_elsewhere_has_no_place() -> None:
    failed = unexpected("a", ValueError("x"))
    assert failed.message == "unexpected ValueError inside Rendicom"


def test_an_interrupt_is_nobodys_outcome(monkeypatch) -> None:
    monkeypatch.setattr(Instance, "picture", broken_display(KeyboardInterrupt()))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        outcomes(made("a.dcm"))


def test_a_worker_stops_early_where_its_run_has_ended(monkeypatch) -> None:
    monkeypatch.setattr("rendicom.workers.worker_process.parent_is_gone", lambda: True)
    units = made("a.dcm"), made("b.dcm")
    assert convert_units(recipe(), units).left == units[1:]


# --- survey -------------------------------------------------------------------------------


def test_a_survey_says_what_names_are_made_of_and_nothing_of_patients() -> None:
    unit = made("a.dcm", modality="MR", extra=(element(0x00200013, "IS", "7"),))
    (report,) = survey_units(recipe(), (unit,)).reports
    assert (report.unit, report.outcomes) == (unit, ())
    assert report.identity is not None
    assert (report.identity.modality, report.identity.instance_number) == ("MR", "7")
    assert report.identity.is_image
    assert report.patient == {}
    assert b"DOE" not in pickle.dumps(report)
    assert not Path("out").exists()


def test_a_survey_reads_of_patients_what_it_was_told_to() -> None:
    fields = ("PatientID", "StudyDate")
    (report,) = survey_units(recipe(patient_fields=fields), (made("a.dcm"),)).reports
    assert report.patient == {"PatientID": "PAT-4711", "StudyDate": ""}


def test_a_survey_says_why_a_unit_is_left_out() -> None:
    Path("notes").write_bytes(b"nothing of interest")
    filters = Filters.parse(only_images=True)
    Path("sr.dcm").write_bytes(dicom_file([element(0x00080060, "CS", "SR")]))
    units = (
        Unit("notes", "notes", is_known=False),
        Unit("gone", "gone"),
        Unit("sr.dcm", "sr"),
        made("a.dcm"),
    )
    reports = survey_units(recipe(filters=filters, patient_fields=("PatientID",)), units).reports
    assert reports[0].outcomes == (Ignored("notes"),)
    assert [each.code for each in reports[1].outcomes] == ["cannot-read"]
    assert reports[2].outcomes == (Filtered("sr.dcm", "no image"),)
    assert reports[2].patient == {}
    assert (reports[3].outcomes, reports[3].patient) == ((), {"PatientID": "PAT-4711"})


def test_patients_data_are_not_shown_either(monkeypatch) -> None:
    def fail(source, keywords):
        raise ValueError("DOE^JOHN")

    monkeypatch.setattr("rendicom.batch.identity.patient_fields", fail)
    (report,) = survey_units(recipe(patient_fields=("PatientName",)), (made("a.dcm"),)).reports
    assert report.outcomes[0].code == "internal-error"
    assert "DOE" not in repr(report)


def test_the_limit_of_a_chunk_is_short() -> None:
    assert 0.3 <= worker.CHUNK_LIMIT <= 10
