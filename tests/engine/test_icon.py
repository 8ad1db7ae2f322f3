"""The picture that stands for an object without one."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from rendicom.engine.icon import render_icon
from rendicom.errors import OptionError


def _shown(label: str, size: tuple[int, int], media_type: str = "image/png") -> np.ndarray:
    picture = render_icon(label, size, media_type)
    assert (picture.width, picture.height) == size
    with Image.open(io.BytesIO(picture.data)) as opened:
        return np.asarray(opened.convert("L")).astype(int)


@pytest.mark.parametrize("size", [(128, 128), (200, 80), (64, 300), (1, 1), (7, 2000)])
@pytest.mark.parametrize("label", ["SR", "Key objects", "", "\u5c71\u7530" * 30])
def test_any_label_on_any_size(label: str, size: tuple[int, int]) -> None:
    shown = _shown(label, size)
    assert shown.shape == size[::-1]


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/gif"])
def test_labels_are_seen_inside_the_sheet(media_type: str) -> None:
    blank, labelled = _shown("", (128, 128), media_type), _shown("PDF", (128, 128), media_type)
    rows, columns = np.nonzero(np.abs(labelled - blank) > 100)
    assert 30 < rows.min() < rows.max() < 100
    assert 24 < columns.min() < columns.max() < 104
    assert abs(columns.mean() - 64) < 6
    assert not np.array_equal(labelled, _shown("SR", (128, 128), media_type))


@pytest.mark.parametrize("size", [(0, 5), (5, -1), (5000, 5)])
def test_sizes_that_make_no_sense(size: tuple[int, int]) -> None:
    with pytest.raises(OptionError):
        render_icon("SR", size)
