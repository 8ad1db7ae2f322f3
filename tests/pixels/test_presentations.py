"""Presentation states are read, damaged ones as well, and those of other kinds refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from presentationstates import (
    IMAGE,
    SERIES,
    STATE,
    STUDY,
    annotated,
    annotations,
    area,
    element,
    figure,
    layer,
    layers,
    reference,
    referring,
    rescale,
    state,
    text,
    voi,
    vois,
)
from rendicom.engine import open_presentation
from rendicom.errors import (
    CorruptDataError,
    NotDicomError,
    UnreadableSourceError,
    UnsupportedImageError,
)
from rendicom.presentation import ReferencedImage, Scope
from rendicom.testing import BIG_ENDIAN, EXPLICIT, IMPLICIT, image, sequence
from rendicom.testing.images import lookup_table
from rendicom.testing.writer import DEFLATED
from rendicom.values import Ink, Window

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_all_encodings_say_the_same(syntax: str) -> None:
    told = open_presentation(
        state(
            *rescale("2", "-1024"),
            vois(voi("40", "400", referring(reference(frames=(1, 3))), function="SIGMOID")),
            lookup_table([1, 2, 3], tag=0x00283000, first=-5, vr="SS"),
            area((-3, 4), (5, 6), element(0x00700103, "FL", 1.5), mode="MAGNIFY"),
            element(0x00700042, "US", 270),
            element(0x00700041, "CS", "Y"),
            element(0x00181600, "CS", "CIRCULAR"),
            element(0x00181610, "IS", "7", "8"),
            element(0x00181612, "IS", "9"),
            element(0x00181622, "US", 0x1234),
            layers(layer("B", 7, gray=5), layer("A", 2, lab=(0, 0x8080, 0x8080))),
            annotated(
                annotations(
                    "A",
                    figures=[figure("POLYLINE", 1.5, 2.5, 3.5, 4.5)],
                    texts=[text("one\r\ntwo", anchor=(1, 2), visible="Y", units="DISPLAY")],
                )
            ),
            references=[reference(), reference("1.2.9", frames=(2, 5))],
            transfer_syntax=syntax,
        )
    )
    assert (told.kind, told.instance) == ("grayscale", STATE)
    assert told.references == (
        ReferencedImage(STUDY, SERIES, IMAGE, (), CAPTURE),
        ReferencedImage(STUDY, SERIES, "1.2.9", (2, 5), CAPTURE),
    )
    assert (told.slope, told.intercept) == (2, -1024)
    assert told.modality_lut is not None
    assert (told.modality_lut.first, told.modality_lut.entries.tolist()) == (-5, [1, 2, 3])
    assert told.vois[0].windows == (Window(40, 400, "sigmoid"),)
    assert told.vois[0].scope == Scope({IMAGE: frozenset((1, 3))})
    assert told.areas[0].top_left == (-3, 4)
    assert told.areas[0].bottom_right == (5, 6)
    assert (told.areas[0].mode, told.areas[0].magnification) == ("MAGNIFY", 1.5)
    assert (told.quarter_turns, told.mirrors_columns) == (3, True)
    assert told.shutter is not None
    assert (told.shutter.circle, told.shutter.ink) == ((7, 8, 9), Ink(0x1234))
    assert [each.name for each in told.layers] == ["A", "B"]
    assert told.layers[0].ink.colour == (0, 0, 0)
    (group,) = told.annotations
    assert group.graphics[0].points == ((1.5, 2.5), (3.5, 4.5))
    assert group.texts[0].text == "one\ntwo"
    assert group.texts[0].anchor == ("DISPLAY", (1, 2), True)
    assert not told.warnings


def test_paths_files_and_data_sets(tmp_path: Path) -> None:
    data = state(*rescale("3", "1"))
    path = tmp_path / "state.dcm"
    path.write_bytes(data)
    for source in (data, path, str(path), io.BytesIO(data), pydicom.dcmread(path)):
        assert open_presentation(source).slope == 3


def test_scopes_of_several_items_add_up() -> None:
    item = voi(
        "1", "2",
        referring(reference(frames=(1,)), reference(frames=(4,)), reference("1.5", frames=(2,)),
                  reference("1.5"), reference("1.5", frames=(3,))),
    )  # fmt: skip
    (found,) = open_presentation(state(vois(item))).vois
    assert found.scope.frames == {IMAGE: {1, 4}, "1.5": frozenset()}
    assert found.scope.includes("1.5", 9)
    assert found.scope.includes(IMAGE, 4)
    assert not found.scope.includes(IMAGE, 2)
    assert not found.scope.includes("1.6", 1)


def test_text_in_its_own_character_set() -> None:
    told = state(
        element(0x00080005, "CS", "ISO_IR 144"),
        layers(layer("A")),
        annotated(annotations("A", texts=[text("очаг".encode("iso8859-5"), anchor=(1, 1))])),
    )
    assert open_presentation(told).annotations[0].texts[0].text == "очаг"


@pytest.mark.parametrize(("last", "words"), [
    ("4", "Blending"), ("8", "Advanced Blending"), ("6", "presentation states"),
])  # fmt: skip
def test_other_kinds_are_refused_by_name(last: str, words: str) -> None:
    with pytest.raises(UnsupportedImageError, match=words) as caught:
        open_presentation(state(kind=f"1.2.840.10008.5.1.4.1.1.11.{last}"))
    assert caught.value.hint


def test_what_is_no_presentation_state() -> None:
    import numpy as np

    with pytest.raises(UnsupportedImageError, match="Secondary Capture"):
        open_presentation(image(np.zeros((2, 2), np.uint8)))
    with pytest.raises(NotDicomError):
        open_presentation(b"nothing of the kind" * 20)
    with pytest.raises(UnreadableSourceError):
        open_presentation("no-such-file.dcm")
    with pytest.raises(CorruptDataError, match="no image"):
        open_presentation(state(references=[]))


@pytest.mark.parametrize(("broken", "words"), [
    (sequence(0x0070005A, (element(0x00700052, "SL", 1),)), "corners"),
    (element(0x00700042, "US", 45), "90 degrees"),
    (vois((sequence(0x00283010, (element(0x00283002, "US", 1, 2),)),)), "lookup table"),
    (sequence(0x20500010, ()), "lookup table"),
    (element(0x00181600, "CS", "CIRCULAR"), "circular shutter"),
    (element(0x00181600, "CS", "POLYGONAL"), "polygonal shutter"),
    (element(0x00181600, "CS", "RECTANGULAR"), "rectangular shutter"),
    (element(0x00181600, "CS", "BITMAP"), "bitmap shutter"),
    (annotated(annotations("A", figures=[figure("SPIRAL", 1, 2)])), "figure"),
    (annotated(annotations("A", figures=[figure("CIRCLE", 1, 2)])), "figure"),
    (annotated(annotations("A", figures=[figure("POINT", 1, 2, units="MATRIX")])), "figure"),
    (annotated(annotations("A", texts=[text("word")])), "text"),
])  # fmt: skip
def test_damaged_parts_are_left_out_and_named(broken: object, words: str) -> None:
    told = open_presentation(state(broken))  # type: ignore[arg-type]
    assert any(words in warning for warning in told.warnings)


def test_numbers_that_are_none_do_no_harm() -> None:
    points = figure("POLYLINE", float("nan"), 1, float("inf"), 2, 3, 4, 5, 6)
    told = open_presentation(state(annotated(annotations("A", figures=[points]))))
    assert told.annotations[0].graphics[0].points == ((3, 4), (5, 6))


@pytest.mark.corpus
def test_a_state_that_somebody_else_wrote(corpus: Path) -> None:
    told = open_presentation(corpus / "dicom-swift__gsps_annotation.dcm")
    assert told.kind == "grayscale"
    assert [each.name for each in told.layers] == ["MEASUREMENTS"]
    assert told.annotations[0].graphics[0].kind == "POLYLINE"
    assert told.references[0].instance == "2.25.1435004099"


def test_damage_anywhere_is_one_of_our_errors_or_none(
    damaged: Callable[[bytes], list[bytes]],
) -> None:
    whole = state(
        vois(voi("40", "400")), layers(layer("A")),
        annotated(annotations("A", figures=[figure("POINT", 1, 2)])),
    )  # fmt: skip
    for data in damaged(whole):
        try:
            open_presentation(data)
        except (CorruptDataError, NotDicomError, UnsupportedImageError):
            continue


@pytest.fixture
def damaged() -> Callable[[bytes], list[bytes]]:
    """Return files cut short, and files with one byte turned over, of a sound one."""

    def spoil(data: bytes) -> list[bytes]:
        cut = [data[:length] for length in range(132, len(data), 37)]
        places = range(140, len(data), 11)
        turned = [data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :] for at in places]
        return cut + turned

    return spoil
