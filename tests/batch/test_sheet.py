"""Contact sheets: which pictures are on them, where, and under what names."""

from __future__ import annotations

import io
import os
import tracemalloc
import zipfile
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rendicom.batch.executors import end_now, open_executor
from rendicom.batch.identity import Filters, InstanceSummary
from rendicom.batch.outcomes import Failed, Filtered, Skipped, Written
from rendicom.batch.output_paths import find
from rendicom.batch.pseudonyms import Pseudonyms
from rendicom.batch.sheet import SheetPlan
from rendicom.batch.sheetpage import REPRESENTATIVE, Tile, caption, make_sheet
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import Recipe, UnitReport
from rendicom.errors import OptionError, OutputExistsError, UnwritableOutputError
from rendicom.options import RenderOptions, Voi
from rendicom.selection import FrameSelection
from rendicom.testing.images import image
from rendicom.testing.writer import element
from rendicom.values import Viewport
from rendicom.workers.calls import WorkerLostError

SERIES, OTHER = "1.2.826.0.1.3680043.10.2", "1.2.3.4.5.6"
ROWS, COLUMNS = 10, 20
OPTIONS = RenderOptions(voi=Voi("identity"))
RECIPE = Recipe("out", "png", OPTIONS)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def inline():
    """Return an executor that works in this process."""
    _, executor = open_executor("inline", jobs=1)
    yield executor
    executor.shutdown()


def save(path: str, pixels, number: object = 1, series: str | None = SERIES, **more) -> Unit:
    """Write an instance and return it as a unit; ``pixels`` are samples, or one gray value."""
    if isinstance(pixels, int):
        pixels = np.full((ROWS, COLUMNS), pixels, np.uint8)
    extra = [element(0x00200013, "IS", number)] if number is not None else []
    extra += [element(0x0020000E, "UI", series)] if series is not None else []
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(image(pixels, extra=tuple(extra), **more))
    return Unit(path, path)


def report(unit: Unit, number: object = 1, series: str = SERIES, frames=(1,), **more) -> UnitReport:
    outcomes = tuple(
        Written(unit.source, "x.png", frame, 6, 4, "image/png", 9, "", ()) for frame in frames
    )
    text = "" if number is None else str(number)
    return UnitReport(unit, outcomes, InstanceSummary(series=series, instance_number=text), **more)


def opened(path: str) -> np.ndarray:
    with Image.open(path) as sheet:
        assert sheet.format == "PNG"
        return np.asarray(sheet)


def cells(sheet: np.ndarray) -> list[np.ndarray]:
    """Return the cells of a sheet: 160 square, 30 rows of a caption below, 4 between and around."""
    rows, rest = divmod(sheet.shape[0] - 4, 194)
    columns, more = divmod(sheet.shape[1] - 4, 164)
    assert (rest, more) == (0, 0)
    return [
        sheet[4 + 194 * row : 164 + 194 * row, 4 + 164 * column : 164 + 164 * column]
        for row in range(rows)
        for column in range(columns)
    ]


def captions(sheet: np.ndarray) -> list[np.ndarray]:
    """Return what stands below each cell, read from the sheet and blanked there."""
    found = []
    for row in range((sheet.shape[0] - 4) // 194):
        for column in range((sheet.shape[1] - 4) // 164):
            top, left = 164 + 194 * row, 4 + 164 * column
            found.append(sheet[top : top + 30, left : left + 160].copy())
            sheet[top : top + 30, left : left + 160] = 0
    return found


def middles(path: str) -> list[int]:
    """Return the value in the middle of each cell."""
    return [int(cell[80, 80]) for cell in cells(opened(path))]


def write(plan: SheetPlan, executor, recipe: Recipe = RECIPE) -> list[str]:
    with plan:
        return list(plan.write(recipe, executor))


def sheets() -> list[str]:
    return sorted(path.name for path in Path().glob("*.png"))


# --- the page -----------------------------------------------------------------------------


def test_pictures_stand_in_the_middle_of_cells_in_the_order_of_instance_numbers(inline) -> None:
    numbers = [3, 11, 1, 10, 8, 2, 9, 5, 7, 4, 6]
    plan = SheetPlan("sheet.png")
    for number in numbers:
        plan.add(report(save(f"{number}.dcm", 10 * number, number), number))
    assert write(plan, inline) == []
    expected = np.zeros((4 + 2 * 194, 4 + 8 * 164), np.uint8)
    for place in range(11):
        top, left = 4 + 194 * (place // 8) + 75, 4 + 164 * (place % 8) + 70
        expected[top : top + ROWS, left : left + COLUMNS] = 10 * (place + 1)
    sheet = opened("sheet.png").copy()
    captions(sheet)
    assert np.array_equal(sheet, expected)


def test_few_pictures_make_a_narrow_sheet(inline) -> None:
    plan = SheetPlan("sheet.png")
    for number in (1, 2, 3):
        plan.add(report(save(f"{number}.dcm", 50, number), number))
    write(plan, inline)
    assert opened("sheet.png").shape == (198, 4 + 3 * 164)


def test_same_numbers_follow_the_source_and_none_comes_last(inline) -> None:
    plan = SheetPlan("sheet.png")
    given = [("z", None, 90), ("b", 2, 40), ("c", "x", 80), ("a", 2, 30), ("d", -1, 10)]
    for name, number, value in given:
        stored = number if isinstance(number, int) else None
        plan.add(report(save(name, value, stored), number))
    write(plan, inline)
    assert middles("sheet.png") == [10, 30, 40, 80, 90]


def test_large_pictures_are_reduced_and_keep_their_shape(inline) -> None:
    pixels = np.zeros((200, 400), np.uint8)
    pixels[:, :200] = 200
    plan = SheetPlan("sheet.png")
    plan.add(report(save("a.dcm", pixels)))
    write(plan, inline)
    (cell,) = cells(opened("sheet.png"))
    assert (cell[40:120, :78] == 200).all()
    assert (cell[40:120, 82:] == 0).all()
    assert not cell[:40].any()
    assert not cell[120:].any()


def test_gray_and_colour_share_a_sheet(inline) -> None:
    rgb = np.full((ROWS, COLUMNS, 3), (200, 100, 50), np.uint8)
    plan = SheetPlan("sheet.png")
    plan.add(report(save("1.dcm", 77, 1), 1))
    plan.add(report(save("2.dcm", rgb, 2, photometric="RGB"), 2))
    write(plan, inline)
    gray, colour = cells(opened("sheet.png"))
    assert gray[80, 80].tolist() == [77, 77, 77]
    assert colour[80, 80].tolist() == [200, 100, 50]
    assert colour[80, 60].tolist() == [0, 0, 0]


def test_options_are_those_of_the_run_less_what_makes_the_size(inline) -> None:
    pixels = np.zeros((400, 400), np.uint8)
    pixels[200:, 200:] = 180
    unit = save("a.dcm", pixels)
    options = RenderOptions(
        voi=Voi("identity"), viewport=Viewport(1000, 1000, 200, 200, 200, 200), invert=True,
        bit_depth=16,
    )  # fmt: skip
    plan = SheetPlan("sheet.png")
    plan.add(report(unit))
    write(plan, inline, RECIPE._replace(options=options))
    (cell,) = cells(opened("sheet.png"))
    assert cell.dtype == np.uint8
    assert (cell == 255 - 180).all()


def test_stored_values_are_shown_as_a_person_sees_them(inline) -> None:
    window = [element(0x00281050, "DS", "1000"), element(0x00281051, "DS", "100")]
    pixels = np.full((ROWS, COLUMNS), 3000, np.uint16)
    Path("a.dcm").write_bytes(image(pixels, extra=tuple(window)))
    plan = SheetPlan("sheet.png")
    plan.add(report(Unit("a.dcm", "a")))
    write(plan, inline, Recipe("out", "tiff", RenderOptions(values="modality")))
    assert middles("sheet.png") == [255]


# --- captions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "series", "frame", "lines"),
    [
        ("a/b/IM1", "3", None, ("IM1", "series 3")),
        ("IM1", "3", 12, ("IM1", "series 3, frame 12")),
        ("IM1", "", 12, ("IM1", "frame 12")),
        ("IM1", "", None, ("IM1",)),
        ("a/x-\0\0\0", "", 12, ("x-12", "frame 12")),
        ("inv\udcff\n\x1b", "", None, ("inv\ufffd\ufffd\ufffd",)),
    ],
)
def test_what_a_caption_says(place, series, frame, lines) -> None:
    assert caption(place, series, frame) == lines


def captions_of(recipe: Recipe, *tiles: Tile) -> list[np.ndarray]:
    Path("sheet.png").write_bytes(make_sheet(recipe, tiles))
    sheet = opened("sheet.png").copy()
    return captions(sheet)


def test_captions_name_the_picture_and_nobody(inline) -> None:
    first, second = save("DOE^JOHN.dcm", 10, 1), save("b.dcm", 10, 2)
    one, other, same, third = captions_of(
        RECIPE,
        Tile(first._replace(place="one"), (1,), "3"),
        Tile(first._replace(place="other"), (1,), "3"),
        Tile(second._replace(place="folder/one"), (1,), "3"),
        Tile(first._replace(place="one"), (1,), "4"),
    )
    # The place is what names the picture: the source may be called like a patient.
    assert np.array_equal(one, same)
    assert one.any(axis=1).any()
    assert np.array_equal(one[15:], other[15:])
    assert not np.array_equal(one[:15], other[:15])
    assert np.array_equal(one[:15], third[:15])
    assert not np.array_equal(one[15:], third[15:])
    assert not one[0].any()
    assert not one[-1].any()


def test_captions_tell_frames_apart_and_fit_below_their_picture(inline) -> None:
    unit = save("cine.dcm", cine(3))._replace(place="long " * 40)
    first, second, bad = captions_of(RECIPE, Tile(unit, (1, 2, 9)))
    assert not np.array_equal(first[15:], second[15:])
    assert not np.array_equal(second[15:], bad[15:])
    assert np.array_equal(first[:15], second[:15])
    assert first[:15].any()
    rgb = np.full((ROWS, COLUMNS, 3), (200, 100, 50), np.uint8)
    (colour,) = captions_of(RECIPE, Tile(save("c.dcm", rgb, 2, photometric="RGB"), (1,)))
    assert colour.any()
    assert (colour == colour[..., :1]).all()


# --- which pictures -----------------------------------------------------------------------


def cine(count: int) -> np.ndarray:
    """Return frames that say which one they are: number by number, in two digits of base 250."""
    frames = np.empty((count, ROWS, COLUMNS), np.uint8)
    numbers = np.arange(1, count + 1)
    frames[:, :, :10] = (numbers // 250)[:, None, None]
    frames[:, :, 10:] = (numbers % 250)[:, None, None]
    return frames


def frames_on(path: str) -> list[int]:
    return [int(cell[80, 75]) * 250 + int(cell[80, 85]) for cell in cells(opened(path))]


def evenly(count: int) -> list[int]:
    return [1 + round(step * (count - 1) / 47) for step in range(48)]


def test_frames_of_a_long_instance_are_spread_evenly(inline) -> None:
    plan = SheetPlan("sheet.png")
    plan.add(report(save("cine.dcm", cine(600)), frames=range(1, 601)))
    write(plan, inline)
    assert frames_on("sheet.png") == evenly(600)


def test_pieces_of_a_long_instance_make_one_row_of_frames(inline) -> None:
    unit = save("cine.dcm", cine(600))
    plan = SheetPlan("sheet.png")
    rest = FrameSelection.parse("11-600")
    plan.add(report(unit, frames=range(1, 11), rest=rest))
    for first, last in ((301, 600), (11, 20), (21, 300)):
        piece = unit._replace(frames=FrameSelection.parse(f"{first}-{last}"))
        plan.add(report(piece, frames=range(first, last + 1)))
    write(plan, inline)
    assert frames_on("sheet.png") == evenly(600)


def test_only_frames_that_were_made_are_shown(inline) -> None:
    plan = SheetPlan("sheet.png")
    plan.add(report(save("cine.dcm", cine(30)), frames=[9, 3, 4, 5, 20]))
    write(plan, inline)
    assert frames_on("sheet.png")[:5] == [3, 4, 5, 9, 20]


def test_a_long_series_is_spread_over_instances_and_frames(inline) -> None:
    plan = SheetPlan("sheet.png")
    for number in range(1, 31):
        unit = save(f"{number}.dcm", cine(3) + np.uint8(3 * (number - 1)), number)
        plan.add(report(unit, number, frames=(1, 2, 3)))
    write(plan, inline)
    # The second digit goes on over the instances; the first has the same added to it.
    shown = [int(cell[80, 85]) for cell in cells(opened("sheet.png"))]
    assert shown == [1 + round(step * 89 / 47) for step in range(48)]


def test_an_animation_shows_the_frame_that_stands_for_all(inline) -> None:
    extra = element(0x00286010, "US", 7)
    Path("a.dcm").write_bytes(image(cine(20), extra=(extra,)))
    plan = SheetPlan("sheet.png")
    plan.add(report(Unit("a.dcm", "a"), frames=[None]))
    write(plan, inline, RECIPE._replace(format="gif"))
    assert frames_on("sheet.png") == [7]


def test_what_gave_no_picture_is_not_shown_and_what_was_there_is(inline) -> None:
    known = InstanceSummary(series=SERIES)
    plan = SheetPlan("sheet.png")
    plan.add(report(save("made", 10)))
    plan.add(UnitReport(save("there", 20), (Skipped("there", "x.png", 1),), known))
    plan.add(UnitReport(save("bad", 30), (Failed("bad", None, "x", "y"),), known))
    plan.add(UnitReport(save("unwanted", 40), (Filtered("unwanted", "x"),), known))
    plan.add(UnitReport(save("nameless", 50), report(Unit("nameless", "")).outcomes, None))
    write(plan, inline)
    assert middles("sheet.png") == [10, 20]


# --- names --------------------------------------------------------------------------------


def series_plan(*series: str, **more) -> SheetPlan:
    plan = SheetPlan("sheet.png", **more)
    for place, uid in enumerate(series):
        plan.add(report(save(f"{place}.dcm", 10 + place, 1, uid or None), 1, uid))
    return plan


def test_several_series_have_sheets_of_their_own(inline) -> None:
    assert write(series_plan(SERIES, OTHER, SERIES, ""), inline) == []
    assert sheets() == sorted([f"sheet-{SERIES}.png", f"sheet-{OTHER}.png", "sheet-unknown.png"])
    assert middles(f"sheet-{SERIES}.png") == [10, 12]
    assert middles(f"sheet-{OTHER}.png") == [11]


def test_one_series_has_the_name_as_given(inline) -> None:
    write(series_plan("", ""), inline)
    assert sheets() == ["sheet.png"]


def test_many_series_are_made(inline) -> None:
    uids = [f"1.2.{number}" for number in range(30)]
    write(series_plan(*uids), inline)
    assert sheets() == sorted(f"sheet-{uid}.png" for uid in uids)
    assert [middles(f"sheet-{uid}.png") for uid in uids] == [[10 + n] for n in range(30)]


def test_uids_in_names_are_hidden_where_asked(inline) -> None:
    pseudonyms = Pseudonyms(b"0123456789abcdef")
    write(series_plan(SERIES, OTHER, pseudonyms=pseudonyms), inline)
    names = [f"sheet-{pseudonyms.uid(uid)}.png" for uid in (SERIES, OTHER)]
    assert sheets() == sorted(names)


def test_a_uid_leads_nowhere_else(inline) -> None:
    write(series_plan("../../evil", "a/b"), inline)
    assert len(sheets()) == 2
    assert not list(Path("..").glob("evil*"))


def test_a_picture_keeps_its_name(inline) -> None:
    unit = save("sheet.dcm", 10)
    made = Written("sheet.dcm", "out/Sheet.png", 1, 6, 4, "image/png", 9, "", ())
    plan = SheetPlan("out/sheet.png")
    plan.add(UnitReport(unit._replace(place="sheet"), (made,), InstanceSummary(series=SERIES)))
    assert write(plan, inline) == []
    assert plan.written == ["out/sheet-2.png"]
    again = SheetPlan("out/sheet.png")
    again.add_done(unit._replace(place="sheet"))
    write(again, inline)
    assert again.written == ["out/sheet-2.png"]


def test_only_png_is_accepted() -> None:
    with pytest.raises(OptionError, match=r"sheet\.jpg does not end in \.png"):
        SheetPlan("sheet.jpg")
    SheetPlan("SHEET.PNG").close()


def test_no_series_makes_no_sheet(inline) -> None:
    assert write(SheetPlan("sheet.png"), inline) == []
    assert sheets() == []


# --- what goes wrong ----------------------------------------------------------------------


def test_a_tile_that_fails_is_a_cross(inline) -> None:
    plan = SheetPlan("sheet.png")
    for number, name in enumerate(("gone", "good", "cut", "text"), 1):
        plan.add(report(save(name, 99, number), number))
    Path("gone").unlink()
    Path("cut").write_bytes(Path("cut").read_bytes()[:-10])
    Path("text").write_text("no longer DICOM")
    strict = RECIPE._replace(options=RenderOptions(voi=Voi("identity"), strict=True))
    assert write(plan, inline, strict) == []
    gone, good, cut, text = cells(opened("sheet.png"))
    assert good[80, 80] == 99
    expected = np.where(np.eye(160) + np.eye(160)[::-1] > 0, 140, 60)
    for cell in (gone, cut, text):
        assert np.array_equal(cell, expected)


def test_a_frame_that_fails_leaves_the_others(inline) -> None:
    unit = save("cine.dcm", cine(3))
    data = make_sheet(RECIPE, (Tile(unit, (1, 9, 3, REPRESENTATIVE)),))
    Path("sheet.png").write_bytes(data)
    first, bad, third, one = cells(opened("sheet.png"))
    assert [int(cell[80, 85]) for cell in (first, third, one)] == [1, 3, 1]
    assert (bad[0, 0], bad[0, 80]) == (140, 60)


class Unsteady:
    """An executor whose workers die at some of the tasks."""

    def __init__(self, executor, deaths: Sequence[int], *, is_broken_after: int = 99) -> None:
        self.executor, self.deaths, self.limit = executor, deaths, is_broken_after
        self.count = 0

    def submit(self, task, *arguments):
        self.count += 1
        if self.count > self.limit:
            raise BrokenExecutor
        if self.count not in self.deaths:
            return self.executor.submit(task, *arguments)
        future: Future = Future()
        future.set_exception(WorkerLostError(-11))
        return future


def test_a_worker_that_dies_costs_one_sheet(inline) -> None:
    plan = series_plan("1.1", "1.2", "1.3")
    said = write(plan, Unsteady(inline, [2]))
    assert said == ["sheet-1.2.png could not be made: its worker died"]
    assert sheets() == ["sheet-1.1.png", "sheet-1.3.png"]


def test_an_executor_that_is_broken_is_said_once(inline) -> None:
    plan = series_plan(*[f"1.{number}" for number in range(20)])
    said = write(plan, Unsteady(inline, [], is_broken_after=10))
    assert said == ["sheet.png could not be made: the workers died"]


def test_a_dicom_file_is_not_replaced(inline) -> None:
    plan = series_plan(SERIES, OTHER)
    save("sheet.png", 1)
    save(f"sheet-{OTHER}.png", 2)
    before = Path(f"sheet-{OTHER}.png").read_bytes()
    with pytest.raises(OutputExistsError):
        SheetPlan("sheet.png")
    with pytest.raises(OutputExistsError):
        write(plan, inline)
    assert Path(f"sheet-{OTHER}.png").read_bytes() == before


def test_a_place_that_cannot_be_written_to_is_an_error(inline) -> None:
    Path("file").touch()
    plan = SheetPlan("file/sheet.png")
    plan.add(report(save("a.dcm", 1)))
    with pytest.raises(UnwritableOutputError):
        write(plan, inline)


# --- a run that goes on -------------------------------------------------------------------


def test_what_an_earlier_run_did_is_on_the_sheet(inline) -> None:
    plan = SheetPlan("sheet.png")
    units = [save(f"{number}.dcm", 10 * number, number) for number in range(1, 6)]
    for number in (1, 2, 4):
        plan.add_done(units[number - 1])
    for number in (3, 5):
        plan.add(report(units[number - 1], number))
    Path("2.dcm").unlink()
    write(plan, inline)
    assert middles("sheet.png") == [10, 30, 40, 50]


def test_a_source_done_in_part_has_each_frame_once(inline) -> None:
    unit = save("cine.dcm", cine(10))
    plan = SheetPlan("sheet.png")
    plan.add_done(unit)
    plan.add(report(unit._replace(frames=FrameSelection.parse("4-10")), frames=range(4, 11)))
    write(plan, inline)
    assert frames_on("sheet.png")[:10] == list(range(1, 11))


def test_earlier_sources_are_chosen_as_the_others(inline) -> None:
    plan = SheetPlan("sheet.png")
    plan.add_done(save("ct.dcm", cine(10), modality="CT"))
    plan.add_done(save("mr.dcm", 200, modality="MR"))
    filters = Filters.parse(modality=["CT"])
    recipe = RECIPE._replace(filters=filters, frames=FrameSelection.parse("3,7-8"))
    write(plan, inline, recipe)
    assert frames_on("sheet.png") == [3, 7, 8]


def test_many_earlier_sources_are_looked_at(inline) -> None:
    plan = SheetPlan("sheet.png")
    one = save("0.dcm", 10)
    for number in range(1, 250):
        os.link(one.source, f"{number}.dcm")
        plan.add_done(Unit(f"{number}.dcm", ""))
    plan.add_done(save("last.dcm", 20, 2))
    write(plan, inline)
    assert middles("sheet.png") == [10] * 47 + [20]


# --- for real -----------------------------------------------------------------------------


def test_worker_processes_make_sheets_of_files_and_archives() -> None:
    save("folder/a.dcm", 10, 1)
    save("b.dcm", 20, 2)
    with zipfile.ZipFile("scans.zip", "w") as archive:
        archive.write("b.dcm", "deep/b.dcm")
    Path("b.dcm").unlink()
    units = list(find(["folder", "scans.zip"], "out", extension=".png"))
    assert all(isinstance(unit, Unit) for unit in units)
    _, executor = open_executor("local", jobs=2)
    try:
        plan = SheetPlan("sheet.png")
        for number, unit in enumerate(units, 1):
            plan.add(report(unit, number))
        assert write(plan, executor, RECIPE._replace(timeout=30.0)) == []
    finally:
        end_now(executor)
    assert middles("sheet.png") == [10, 20]


def test_a_base_folder_is_where_paths_count_from(inline, tmp_path, monkeypatch) -> None:
    unit = save("a.dcm", 10)
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    data = make_sheet(RECIPE._replace(base=str(tmp_path)), (Tile(unit, (1,)),))
    with Image.open(io.BytesIO(data)) as sheet:
        assert np.asarray(sheet)[84, 84] == 10


def test_memory_does_not_grow_with_the_run() -> None:
    with SheetPlan("sheet.png") as plan:
        tracemalloc.start()
        for number in range(3000):
            plan.add(report(Unit(f"folder/{number}.dcm", f"folder/{number}"), number))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 500_000


def test_equal_runs_make_equal_sheets(inline) -> None:
    made = []
    for order in (1, -1):
        plan = SheetPlan("sheet.png")
        for number in range(1, 6)[::order]:
            plan.add(report(save(f"{number}.dcm", number, number), number))
        write(plan, inline)
        made.append(Path("sheet.png").read_bytes())
    assert made[0] == made[1]
