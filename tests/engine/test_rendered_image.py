"""A picture that is saved, shown in a notebook, and used as an array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rendicom
from rendicom.encode import formats
from rendicom.testing.images import image

GRAY = np.arange(64, dtype=np.uint8).reshape(4, 16) * 4
GRAY[-1, -1] = 255
COLOUR = np.repeat(np.arange(0, 240, 20, dtype=np.uint8).reshape(3, 4)[..., None], 3, 2)
COLOUR[..., 1] //= 2


def picture(samples: np.ndarray, media_type: str = "image/png") -> rendicom.RenderedImage:
    return rendicom.render(
        image(samples, photometric="RGB" if samples.ndim == 3 else "MONOCHROME2"),
        media_type=media_type,
    )


def test_a_saved_picture_is_read_by_others(tmp_path: Path) -> None:
    picture(GRAY).save(tmp_path / "a.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), GRAY)
    picture(COLOUR).save(str(tmp_path / "a.png"))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), COLOUR)
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]


def test_a_name_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(rendicom.OptionError, match="image/png") as caught:
        picture(GRAY).save(tmp_path / "a.jpg")
    assert "image/jpeg" in caught.value.hint
    for name in ("a.dcm", "a.pgn", "a.txt", "a.2d"):
        with pytest.raises(rendicom.OptionError, match="is not a name for image/png") as caught:
            picture(GRAY).save(tmp_path / name)
        assert caught.value.hint == "the extension of image/png is .png"
    picture(GRAY).save(tmp_path / "no extension")
    picture(GRAY).save(tmp_path / "1.2.840.10008")
    assert {each.name for each in tmp_path.iterdir()} == {"no extension", "1.2.840.10008"}


def test_every_format_is_saved_under_its_extensions(tmp_path: Path) -> None:
    for each in formats().values():
        for extension in each.extensions:
            picture(GRAY, each.media_type).save(tmp_path / f"a{extension}".upper())


def test_a_dicom_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "IM0001"
    path.write_bytes(image(GRAY))
    with pytest.raises(rendicom.RendicomError, match="DICOM"):
        picture(GRAY).save(path)
    assert path.read_bytes() == image(GRAY)


def test_a_notebook_shows_png_and_jpeg() -> None:
    png, jpeg, gif = (picture(GRAY, f"image/{kind}") for kind in ("png", "jpeg", "gif"))
    assert (png._repr_png_(), png._repr_jpeg_()) == (png.data, None)
    assert (jpeg._repr_png_(), jpeg._repr_jpeg_()) == (None, jpeg.data)
    assert (gif._repr_png_(), gif._repr_jpeg_()) == (None, None)


def test_the_representation_is_short() -> None:
    made = picture(GRAY)
    assert repr(made) == f"<RenderedImage image/png, 16 x 4, {len(made.data)} bytes>"


@pytest.mark.parametrize("name", [name for name in formats() if name != "pnm"])
def test_an_array_is_what_is_in_the_bytes(name: str) -> None:
    samples = np.kron(GRAY, np.ones((8, 8), np.uint8))
    found = picture(samples, formats()[name].media_type).array
    gray = found if found.ndim == 2 else found[..., 0]
    assert gray.shape == samples.shape
    bound = 24 if formats()[name].lossy else 0
    assert np.abs(gray.astype(int) - samples).max() <= bound


def test_an_array_without_a_decoder_is_refused() -> None:
    with pytest.raises(rendicom.OptionError, match="no decoder"):
        _ = picture(GRAY, formats()["pnm"].media_type).array
