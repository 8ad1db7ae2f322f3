"""Annotation from a file to a picture: only when asked for, in every frame, of any source."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from rendicom.dicom.date_times import plain_date
from rendicom.engine import open_instance
from rendicom.errors import OptionError
from rendicom.options import RenderOptions
from rendicom.pixels.technique import read_technique
from rendicom.rendering.fonts import font_of
from rendicom.testing import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    element,
    functional_groups,
    image,
    sequence,
)
from rendicom.testing.writer import DEFLATED
from rendicom.values import Patient

BOTH = RenderOptions(annotation="patient,technique")
PERSON = (
    element(0x00080020, "DA", "20240229"),
    element(0x00100010, "PN", "Doe^Jane^Q^Dr.^MD"),
    element(0x00100020, "LO", "ID 4711"),
    element(0x00100030, "DA", "19700301"),
    element(0x00100040, "CS", "F"),
)


def _image(*extra: object, frames: int | None = None, **more: object) -> bytes:
    shape = (200, 240) if frames is None else (frames, 200, 240)
    return image(np.full(shape, 90, np.uint8), extra=(*PERSON, *extra), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_the_patient_in_every_encoding(syntax: str) -> None:
    with open_instance(_image(transfer_syntax=syntax)) as instance:
        assert instance.patient == Patient("Doe, Dr. Jane Q, MD", "ID 4711", "1970-03-01", "F")


def test_the_patient_of_paths_files_and_data_sets(tmp_path: Path) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(_image())
    for source in (path, io.BytesIO(path.read_bytes()), pydicom.dcmread(path)):
        with open_instance(source) as instance:
            assert instance.patient.identifier == "ID 4711"
            assert not np.array_equal(instance.display(1, BOTH), instance.display(1))


@pytest.mark.parametrize(("charset", "name", "expected"), [
    ("ISO_IR 100", "Müller^Jürgen".encode("latin-1"), "Müller, Jürgen"),
    ("ISO_IR 144", "Люкceмбypг".encode("iso8859-5"), "Люкceмбypг"),
    ("ISO_IR 192", "Yamada^Tarou=山田^太郎=やまだ^たろう".encode(), "Yamada, Tarou"),
    ("ISO_IR 192", "=山田^太郎=やまだ^たろう".encode(), "山田 太郎"),
    ("ISO_IR 192", "==やまだ^たろう".encode(), "やまだ たろう"),
    ("ISO_IR 192", b"One^A\\Two^B", "One, A"),
    ("ISO_IR 192", b"  Plain  Name ", "Plain Name"),
    ("ISO_IR 192", b"^^^^", ""),
    ("ISO_IR 6", b"\xff\xfe^\x07", "ÿþ"),
])  # fmt: skip
def test_names_as_people_write_them(charset: str, name: bytes, expected: str) -> None:
    data = _image(element(0x00080005, "CS", charset), element(0x00100010, "PN", name))
    with open_instance(data) as instance:
        if charset == "ISO_IR 6":
            assert "\x07" not in instance.patient.name
        else:
            assert instance.patient.name == expected
        assert instance.display(1, BOTH).shape == (200, 240)


def test_other_forms_of_a_name_are_drawn_and_missing_letters_reported() -> None:
    def name(value: str) -> bytes:
        return _image(
            element(0x00080005, "CS", "ISO_IR 192"), element(0x00100010, "PN", value.encode())
        )

    with open_instance(name("Hong^Gildong=洪^吉洞=홍^길동")) as instance:
        assert instance.patient.other_names == ("洪 吉洞", "홍 길동")
        assert instance.render(options=RenderOptions(annotation="patient")).data
    rare = [letter for letter in "𓀀𒀀𐎀𖠀" if font_of(letter) is None]
    with open_instance(name("".join(rare) or pytest.skip("fonts for all of Unicode"))) as instance:
        warnings = instance.render(options=RenderOptions(annotation="patient")).warnings
        assert [text for text in warnings if "no font has" in text]


def test_nothing_without_being_asked() -> None:
    with open_instance(_image()) as annotated, open_instance(_image()) as plain:
        before = plain.render(1, media_type="image/png")
        annotated.render(1, BOTH, "image/png")
        assert annotated.render(1, media_type="image/png").data == before.data
        assert (plain.display(1) == plain.display(1)[0, 0]).all()
        assert "patient" not in plain.__dict__


def test_neither_names_nor_letters_are_loaded_for_a_plain_picture(tmp_path: Path) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(_image())
    code = (
        "import sys, rendicom; rendicom.render(sys.argv[1], media_type='image/png');"
        "print(*(name for name in sys.modules if name.startswith('rendicom.') and any("
        "word in name for word in ('lettering', 'annot', 'patient', 'technique', '.present'))))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True)
    assert done.stdout.strip() == b""


def test_patient_and_technique_are_apart() -> None:
    data = _image(element(0x00280008, "IS", "1"))
    with open_instance(data) as instance:
        plain = instance.display(1)
        who = instance.display(1, RenderOptions(annotation="patient")) != plain
        how = instance.display(1, RenderOptions(annotation="technique")) != plain
        both = instance.display(1, BOTH) != plain
    assert who[:60, :120].any()
    assert not who[60:].any()
    assert not how[:60, :60].any()
    assert how[:60, 120:].any()
    assert np.array_equal(both, who | how)


@pytest.mark.parametrize("options", [
    {"bit-depth": "16"}, {"rotate": "90", "viewport": "300,300"}, {"invert": "yes"},
    {"overlays": "yes"}, {"viewport": "64,64,0,0,-20,20"},
])  # fmt: skip
def test_letters_are_upright_and_light_whatever_else_is_asked(options: dict[str, str]) -> None:
    with open_instance(_image()) as instance:
        shown = instance.display(1, RenderOptions.parse({"annotation": "patient", **options}))
        plain = instance.display(1, RenderOptions.parse(options))
    assert shown.shape == plain.shape
    assert shown.dtype == plain.dtype
    light = shown > 0.85 * np.iinfo(shown.dtype).max
    rows, columns = np.nonzero(light & (shown != plain))
    assert rows.mean() < shown.shape[0] / 2
    assert columns.mean() < shown.shape[1] / 2


def test_every_frame_of_a_loop_gets_its_own() -> None:
    with open_instance(_image(frames=3)) as instance:
        frames = [instance.display(number, BOTH) for number in (1, 2, 3)]
        loop = instance.render_animation(None, BOTH, "image/apng")
    assert all(np.array_equal(frame[:100], frames[0][:100]) for frame in frames)
    assert not np.array_equal(frames[0][150:, 120:], frames[1][150:, 120:])
    from PIL import Image

    with Image.open(io.BytesIO(loop.data)) as picture:
        for number, frame in enumerate(frames):
            picture.seek(number)
            assert np.array_equal(np.asarray(picture.convert("L")), frame)


def test_values_are_never_written_into() -> None:
    with pytest.raises(OptionError, match="annotation"):
        RenderOptions(values="stored", annotation="patient")


# --- technique ------------------------------------------------------------------------------


def _technique(data: bytes, frame: int = 1) -> tuple[tuple[str, ...], ...]:
    with open_instance(data) as instance:
        return read_technique(instance.header, frame).values


@pytest.mark.parametrize(("modality", "elements", "expected"), [
    ("CT", [(0x00180060, "DS", "120"), (0x00181151, "IS", "170"), (0x00180050, "DS", "0.625"),
            (0x00181210, "SH", "B40f")], (("120 kVp", "170 mA"), ("0.625 mm", "B40f"))),
    ("CT", [(0x00181152, "IS", "88")], (("88 mAs",),)),
    ("MR", [(0x00180080, "DS", "2300"), (0x00180081, "DS", "2.98"), (0x00180082, "DS", "900"),
            (0x00181314, "DS", "9"), (0x00180087, "DS", "3"), (0x00180050, "DS", "1")],
     (("TR 2300", "TE 2.98"), ("TI 900", "FA 9°"), ("1 mm", "3 T"))),
    ("DX", [(0x00180060, "DS", "81"), (0x00181153, "IS", "2500")], (("81 kVp", "2.5 mAs"),)),
    ("MG", [(0x00180060, "DS", "28"), (0x00181191, "CS", "MOLYBDENUM"),
            (0x00187050, "CS", "RHODIUM"), (0x001811A0, "DS", "52"), (0x001811A2, "DS", "90")],
     (("28 kVp",), ("MOLYBDENUM/RHODIUM",), ("52 mm", "90 N"))),
    ("US", [(0x00185022, "DS", "1.2"), (0x00185050, "IS", "160")], (("160 mm", "MI 1.2"),)),
    ("SC", [(0x00180060, "DS", "120")], ()),
    ("CT", [(0x00180060, "DS", "many"), (0x00180050, "DS", "0")], ()),
])  # fmt: skip
def test_what_matters_by_modality(
    modality: str, elements: list[tuple[int, str, str]], expected: tuple[tuple[str, ...], ...]
) -> None:
    extra = [element(*each) for each in elements]
    assert _technique(_image(*extra, modality=modality)) == expected


def test_enhanced_values_of_the_frame_itself() -> None:
    def frame(echo: float) -> tuple[object, ...]:
        return (sequence(0x00189114, (element(0x00189082, "FD", echo),)),)

    shared = sequence(
        0x00189112, (element(0x00180080, "DS", "500"), element(0x00181314, "DS", "52"))
    )
    groups = functional_groups(shared=(shared,), per_frame=[frame(4.6), frame(30)])  # type: ignore[list-item]
    data = _image(*groups, frames=2, modality="MR")
    assert _technique(data, 1) == (("TR 500", "TE 4.6"), ("FA 52°",))
    assert _technique(data, 2) == (("TR 500", "TE 30"), ("FA 52°",))


def test_position_and_numbers() -> None:
    extra = (
        element(0x00200011, "IS", "4"), element(0x00200013, "IS", "17"),
        element(0x00200062, "CS", "R"), element(0x00185101, "CS", "MLO"),
    )  # fmt: skip
    with open_instance(_image(*extra, modality="MG")) as instance:
        found = read_technique(instance.header, 1)
    assert (found.modality, found.study_date) == ("MG", "2024-02-29")
    assert (found.series_number, found.instance_number) == ("4", "17")
    assert found.position == ("R", "MLO")


@pytest.mark.parametrize(("text", "expected"), [
    ("20240229", "2024-02-29"), ("2024.02.29", "2024-02-29"), ("1999", "1999"), ("", ""),
])  # fmt: skip
def test_dates(text: str, expected: str) -> None:
    assert plain_date(text) == expected


def test_real_files(pydicom_file: Callable[[str], Path]) -> None:
    with open_instance(pydicom_file("CT_small.dcm")) as instance:
        assert instance.patient.name == "CompressedSamples, CT1"
        found = read_technique(instance.header, 1)
    assert found.values == (("120 kVp", "170 mA"), ("5 mm", "STANDARD"))
    assert (found.modality, found.study_date) == ("CT", "2004-01-19")
