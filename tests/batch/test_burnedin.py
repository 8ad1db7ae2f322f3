"""What counts as showing the patient is the same for a batch and for the index of a server."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")

from rendicom.batch.identity import identity_of
from rendicom.engine import open_instance
from rendicom.index.reading import read_indexed
from rendicom.storage import version_of
from rendicom.testing.images import image
from rendicom.testing.writer import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, element, sequence

IMAGE_TYPE, FRAME_TYPE, LABEL_IN_IMAGE, ANNOTATION = 0x00080008, 0x00089007, 0x00480010, 0x00280301
SHARED, PER_FRAME, SLIDE_FRAME_TYPE = 0x52009229, 0x52009230, 0x00400710


def _kind(*values):
    return element(IMAGE_TYPE, "CS", values)


def _frame_type(groups, flavor):
    frame_type = [element(FRAME_TYPE, "CS", ("DERIVED", "PRIMARY", flavor, "NONE"))]
    return sequence(groups, [sequence(SLIDE_FRAME_TYPE, frame_type)])


CASES = {
    "nothing is said": ([], ""),
    "annotation": ([element(ANNOTATION, "CS", "YES")], "burned-in annotation"),
    "annotation in small letters": ([element(ANNOTATION, "CS", "yes ")], "burned-in annotation"),
    "no annotation": ([element(ANNOTATION, "CS", "NO")], ""),
    "another word": ([element(ANNOTATION, "CS", "MAYBE")], ""),
    "specimen label": (
        [element(ANNOTATION, "CS", "NO"), element(LABEL_IN_IMAGE, "CS", "YES")],
        "specimen label in image",
    ),
    "no specimen label": ([element(LABEL_IN_IMAGE, "CS", "NO")], ""),
    "label": ([_kind("ORIGINAL", "PRIMARY", "LABEL", "NONE")], "label of a slide"),
    "overview": (
        [
            _kind("DERIVED", "PRIMARY", "OVERVIEW", "RESAMPLED"),
            element(ANNOTATION, "CS", "NO"),
            element(LABEL_IN_IMAGE, "CS", "NO"),
        ],
        "overview of a slide with its label",
    ),
    "overview in small letters": (
        [_kind("derived", "primary", "overview")], "overview of a slide with its label",
    ),
    "volume": ([_kind("DERIVED", "PRIMARY", "VOLUME", "NONE")], ""),
    "thumbnail": ([_kind("DERIVED", "PRIMARY", "THUMBNAIL", "RESAMPLED")], ""),
    "label in another place": ([_kind("LABEL", "PRIMARY")], ""),
    "all frames": ([_frame_type(SHARED, "LABEL")], "label of a slide"),
    "each frame": ([_frame_type(PER_FRAME, "OVERVIEW")], "overview of a slide with its label"),
    "frames of a volume": ([_frame_type(SHARED, "VOLUME")], ""),
}  # fmt: skip


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, DEFLATED, BIG_ENDIAN])
@pytest.mark.parametrize("name", CASES)
def test_one_rule(tmp_path, name, syntax):
    extra, expected = CASES[name]
    path = tmp_path / "a.dcm"
    path.write_bytes(image(np.zeros((4, 6), np.uint8), transfer_syntax=syntax, extra=extra))
    with open_instance(path) as instance:
        assert identity_of(instance).burned_in == expected
    found = read_indexed(str(path), version_of(str(path)))
    assert found is not None
    assert found.burned_in == bool(expected)
    assert found.has_pixels


def test_values_that_are_no_text(tmp_path):
    path = tmp_path / "a.dcm"
    odd = [element(ANNOTATION, "CS", b"\xff\xfe"), element(IMAGE_TYPE, "CS", b"\\\\LABEL\0")]
    path.write_bytes(image(np.zeros((4, 6), np.uint8), extra=odd))
    with open_instance(path) as instance:
        assert identity_of(instance).burned_in == "label of a slide"
    found = read_indexed(str(path), version_of(str(path)))
    assert found is not None
    assert found.burned_in
