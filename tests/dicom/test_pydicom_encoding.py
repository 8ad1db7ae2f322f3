"""Data sets that pydicom holds, and items that only pydicom can read, say what the file says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from rendicom.dicom.attributes import Attributes
from rendicom.dicom.byte_source import open_source
from rendicom.dicom.header import header_of_dataset, read_header
from rendicom.dicom.picture_tags import WANTED
from rendicom.dicomweb.jsonmodel import to_json_model
from rendicom.dicomweb.retrieval import metadata
from rendicom.errors import RendicomError
from rendicom.testing import BIG_ENDIAN, EXPLICIT, IMPLICIT, element, image, sequence

from .test_header_parity import real_files

PIXELS = np.zeros((2, 2), np.uint8)
RESCALE, SLOPE, NAME = 0x00289145, 0x00281053, 0x00100010


def values(attributes: Attributes, depth: int = 0) -> dict[int, Any]:
    """Return texts, numbers and items of all elements."""
    found: dict[int, Any] = {}
    for tag in attributes.tags():
        items = attributes.items(tag)
        if len(items):
            found[tag] = [values(item, depth + 1) for item in items[:2]] if depth < 3 else ()
        elif tag in attributes:
            numbers = np.array(attributes.numbers(tag))
            found[tag] = attributes.texts(tag), numbers[~np.isnan(numbers)].tolist()
    return found


def test_converted_data_sets_say_the_same_as_their_files() -> None:
    compared = 0
    for path in real_files():
        try:
            fast = read_header(open_source(path), reader="fast")
            dataset = pydicom.dcmread(path, force=True)
            dataset.walk(lambda _, element: element.value)  # converts all
        except (RendicomError, ValueError, NotImplementedError, AttributeError):
            continue  # pydicom refuses to convert some value of it
        ours, theirs = (
            values(fast.attributes),
            values(header_of_dataset(dataset, wanted=WANTED).attributes),
        )
        shared = ours.keys() & theirs.keys() - {0x00080005}
        assert {tag: ours[tag] for tag in shared} == {tag: theirs[tag] for tag in shared}, path
        compared += len(shared)
    assert compared > 4000


@pytest.mark.parametrize(
    "charset", [None, "ISO_IR 100", "ISO_IR 192", r"\ISO 2022 IR 87", "ISO_\x80IR 100", "日本"]
)
def test_text_that_a_program_wrote_needs_no_character_set(charset: str | None) -> None:
    dataset = Dataset()
    if charset is not None:
        dataset.SpecificCharacterSet = charset.split("\\")
    dataset.PatientName, dataset.SeriesDescription = "Müller^Zoë=山田^太郎", "größer"
    dataset.ReferencedImageSequence = [Dataset()]
    dataset.ReferencedImageSequence[0].SegmentLabel = "größte"
    dataset.WindowCenter, dataset.SmallestImagePixelValue = ["1.50", "2"], -3
    attributes = header_of_dataset(dataset, wanted=None).attributes
    assert attributes.text(NAME) == "Müller^Zoë=山田^太郎"
    assert attributes.text(0x0008103E) == "größer"
    assert attributes.items(0x00081140)[0].text(0x00620005) == "größte"
    assert attributes.numbers(0x00281050) == (1.5, 2)
    assert attributes.integer(0x00280106) == -3
    model: Any = to_json_model(dataset)
    assert model["00100010"]["Value"] == [{"Alphabetic": "Müller^Zoë", "Ideographic": "山田^太郎"}]
    assert model["00081140"]["Value"][0]["00620005"]["Value"] == ["größte"]


def test_stored_text_is_kept_beside_text_that_a_program_wrote() -> None:
    latin = element(0x00081030, "LO", "Schädel".encode("latin-1"))
    data = image(PIXELS, extra=[element(0x00080005, "CS", "ISO_IR 100"), latin])
    dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))
    dataset.PatientName = "山田"
    attributes = header_of_dataset(dataset, wanted=None).attributes
    assert (attributes.text(0x00081030), attributes.text(NAME)) == ("Schädel", "山田")


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_a_damaged_item_costs_no_other(syntax: str) -> None:
    whole = [element(SLOPE, "DS", "3"), element(0x00281054, "LO", "HU")]
    # Tags that descend: only pydicom reads such an item.
    swapped = [element(0x00281054, "LO", "HU"), element(SLOPE, "DS", "5")]
    groups = sequence(0x52009230, *([sequence(RESCALE, each)] for each in (whole, swapped, whole)))
    data = image(PIXELS, transfer_syntax=syntax, extra=[groups])
    items = read_header(open_source(data), reader="fast").attributes.items(0x52009230)
    slopes = [each.items(RESCALE)[0].number(SLOPE) for each in items]
    assert slopes == [3, 5, 3]
    model: Any = metadata(data, "http://x")
    found = [each["00289145"]["Value"][0]["00281053"]["Value"] for each in
             model["52009230"]["Value"]]  # fmt: skip
    assert found == [[3], [5], [3]]
