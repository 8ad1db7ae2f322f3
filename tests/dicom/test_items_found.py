"""Items of a sequence are found by their bytes, and read without being kept."""

import pytest
from pydicom import Dataset

from phantoms import as_bytes, dataset
from rendicom.dicom import lazy_items
from rendicom.dicom.byte_source import open_source
from rendicom.dicom.header import read_header

SEQUENCE, UID, NUMBER = 0x00081140, 0x00081155, 0x00081160


def written(count, *, undefined):
    ds = dataset("1.2.840.10008.5.1.4.1.1.88.33", "SR")
    ds.ReferencedImageSequence = []
    for number in range(count):
        item = Dataset()
        item.ReferencedSOPInstanceUID = f"1.2.3.{number}"
        item.ReferencedFrameNumber = number + 1
        item.is_undefined_length_sequence_item = undefined
        ds.ReferencedImageSequence.append(item)
    ds["ReferencedImageSequence"].is_undefined_length = undefined
    return as_bytes(ds)


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("block", [16, 37, 64, 1 << 20])
def test_items_are_found_wherever_the_borders_of_blocks_lie(undefined, block, monkeypatch):
    monkeypatch.setattr(lazy_items, "_BLOCK", block)
    header = read_header(open_source(written(30, undefined=undefined)), wanted=None)
    attributes = header.attributes
    for number in (0, 7, 29):
        # 1.2.3.2 is the beginning of 1.2.3.29 as well.
        texts = [f"1.2.3.{each}" for each in range(30)]
        wanted = [place for place, text in enumerate(texts) if f"1.2.3.{number}" in text]
        found = attributes.numbers_containing(SEQUENCE, f"1.2.3.{number}".encode())
        assert found == wanted
        items = list(attributes.passing_items(SEQUENCE, found))
        assert [each.text(UID) for each in items] == [texts[place] for place in wanted]
    assert attributes.numbers_containing(SEQUENCE, b"4.5.6") == []
    assert attributes.numbers_containing(NUMBER, b"1") == []
    assert [each.integer(NUMBER) for each in attributes.passing_items(SEQUENCE)] == [*range(1, 31)]
