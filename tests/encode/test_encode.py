"""The doors of the room: looking formats up, and refusing what they cannot hold."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from rendicom import registry
from rendicom.encode import encode, format_named, format_of_extension, format_of_media_type, formats
from rendicom.encode.formats import EncodeSettings
from rendicom.errors import EncodeError, OptionError
from rendicom.values import DisplayImage

NAMES = list(formats())


@pytest.mark.parametrize("name", NAMES)
def test_look_up(name):
    chosen = format_named(name)
    assert chosen.name == name
    assert format_of_media_type(chosen.media_type) is chosen
    assert format_of_media_type(chosen.media_type.upper()) is chosen
    for extension in chosen.extensions:
        assert format_of_extension(extension) is chosen
        assert format_of_extension(extension.upper()) is chosen


def test_unknown_names():
    with pytest.raises(OptionError, match=r"'heic' is not one of apng, avif, .* tiff, webp"):
        format_named("heic")
    with pytest.raises(OptionError, match=r"'image/heic' is not one of image/apng, .*image/webp"):
        format_of_media_type("image/heic")
    for odd in (None, 5, b"image/png", "", "image/", "." * 5000, ["image/png"]):
        with pytest.raises(OptionError, match="media type"):
            format_of_media_type(odd)  # type: ignore[arg-type]
    assert format_of_extension(".heic") is None
    assert format_of_extension("") is None


@pytest.mark.parametrize("name", ["", ".", "png.x", "..encode", "os"])
def test_odd_names_import_nothing(name):
    with pytest.raises(OptionError):
        format_named(name)


def test_plugin_is_found(monkeypatch):
    plugin = format_named("png")._replace(name="x", media_type="image/x-x", extensions=(".x",))
    monkeypatch.setattr(registry, "discover", lambda *_: {"x": plugin})
    assert format_named("x") is plugin
    assert format_of_media_type("image/X-X") is plugin
    assert format_of_extension(".X") is plugin


def test_look_up_loads_one_module_and_no_library():
    program = (
        "import sys; from rendicom.encode import format_of_extension as f; f('.png'); "
        "print([m for m in sys.modules if m.startswith('rendicom.encode.formats.')], "
        "[m for m in ('imagecodecs', 'isal', 'pydicom') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "['rendicom.encode.formats.png'] []"


def test_no_format_loads_numpy_before_it_encodes():
    program = "import sys; from rendicom.encode import formats; formats(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = set(done.stdout.decode().split())
    assert "rendicom.encode.formats.tiff" in loaded
    assert not loaded & {"numpy", "imagecodecs", "isal"}


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "hint"),
    [
        ("jpg", (4, 4), "uint16", "png"),
        ("jpg", (4, 4, 3), "uint16", "png"),
        ("png", (4, 4), "float32", "tiff"),
        ("png", (4, 4), "int16", "tiff"),
    ],
)
def test_type_the_format_cannot_hold(name, shape, dtype, hint):
    image = DisplayImage(np.zeros(shape, dtype))
    with pytest.raises(EncodeError, match=f"{name} cannot hold .* samples of {dtype}") as caught:
        encode(image, format_named(name), EncodeSettings())
    assert hint in caught.value.hint.removeprefix("formats that can: ").split(", ")


def test_type_no_format_holds():
    with pytest.raises(EncodeError) as caught:
        encode(DisplayImage(np.zeros((4, 4), "float64")), format_named("tiff"), EncodeSettings())
    assert caught.value.hint == ""


@pytest.mark.parametrize("shape", [(4,), (4, 4, 4), (4, 4, 1), (1, 4, 4, 3), (0, 4), (4, 0, 3)])
def test_shapes_that_are_no_picture(shape):
    with pytest.raises(EncodeError, match="neither gray nor RGB"):
        encode(DisplayImage(np.zeros(shape, np.uint8)), format_named("png"), EncodeSettings())


@pytest.mark.parametrize("shape", [(1, 16383), (16383, 1)])
def test_longest_side(shape):
    image = DisplayImage(np.zeros(shape, np.uint8))
    with pytest.raises(EncodeError, match="too many for webp") as caught:
        encode(image, format_named("webp"), EncodeSettings())
    assert "png" in caught.value.hint
    assert "webp" not in caught.value.hint


@pytest.mark.parametrize("name", ["jpg", "webp", "avif", "gif", "jls"])
def test_longest_side_itself_works(name, decode):
    chosen = format_named(name)
    written = np.full((1, chosen.max_side), 77, np.uint8)
    data = encode(DisplayImage(written), chosen, EncodeSettings())
    read = decode(name, data, written)
    assert read.shape == written.shape
    assert np.abs(read.astype(int) - written).max() <= 2


def test_library_that_is_missing():
    def encoder(image, settings):
        raise ModuleNotFoundError(name="nothing")

    chosen = format_named("png")._replace(library="nothing", encode=encoder)
    with pytest.raises(EncodeError, match="png needs nothing") as caught:
        encode(DisplayImage(np.zeros((4, 4), np.uint8)), chosen, EncodeSettings())
    assert caught.value.hint == "pip install nothing"


@pytest.mark.parametrize(("error", "words"), [(ValueError("a\nb"), "a"), (RuntimeError(), "Runt")])
def test_library_that_refuses(error, words):
    def encoder(image, settings):
        raise error

    chosen = format_named("png")._replace(encode=encoder)
    with pytest.raises(EncodeError, match=f"^png encoder: {words}"):
        encode(DisplayImage(np.zeros((4, 4), np.uint8)), chosen, EncodeSettings())


@pytest.mark.parametrize("name", NAMES)
def test_profile_only_where_it_fits(name, samples, rgb_profile):
    chosen = format_named(name)
    colour, gray = samples((8, 8, 3), "uint8"), samples((8, 8), "uint8")
    plain = encode(DisplayImage(colour), chosen, EncodeSettings())
    profiled = encode(DisplayImage(colour, rgb_profile), chosen, EncodeSettings())
    assert (profiled != plain) == chosen.icc
    if chosen.icc:
        assert Image.open(io.BytesIO(profiled)).info["icc_profile"] == rgb_profile
    # PNG and JPEG forbid an RGB profile on gray samples.
    assert encode(DisplayImage(gray, rgb_profile), chosen, EncodeSettings()) == encode(
        DisplayImage(gray), chosen, EncodeSettings()
    )


@pytest.mark.parametrize("name", ["bmp", "tiff"])
def test_files_beyond_four_gigabytes(name, monkeypatch):
    # Nothing is written: the arithmetic refuses before the rows are touched.
    tall = np.lib.stride_tricks.as_strided(
        np.zeros(1, np.uint8), shape=(70_000, 70_000), strides=(0, 0)
    )
    if name == "tiff":
        from rendicom.encode.formats import tiff

        monkeypatch.setattr(tiff, "_MOST_BYTES", 100)
        tall = np.zeros((40, 40), np.uint8)
    chosen = format_named(name)
    with pytest.raises(EncodeError, match=f"4 GB of a {name}"):
        chosen.encode(DisplayImage(tall), EncodeSettings(compression=0))


def test_tiff_fields(samples, rgb_profile):
    image = DisplayImage(samples((300, 500, 3), "uint16"), rgb_profile)
    data = encode(image, format_named("tiff"), EncodeSettings())
    picture_tags = Image.open(
        io.BytesIO(
            encode(
                DisplayImage(samples((300, 500, 3), "uint8")),
                format_named("tiff"),
                EncodeSettings(),
            )
        )
    ).tag_v2
    assert data[:4] == b"II*\0"
    assert picture_tags[256] == 500
    assert picture_tags[257] == 300
    assert picture_tags[258] == (8, 8, 8)
    assert picture_tags[259] == 8
    assert picture_tags[262] == 2
    assert 306 not in picture_tags  # DateTime
    assert len(picture_tags[273]) == len(picture_tags[279]) > 1


def test_tiff_keeps_special_floats(decode):
    written = np.array([[np.nan, np.inf, -np.inf, -0.0, 1e-40, -1024.5]], np.float32)
    for compression in (None, 0, 9):
        data = encode(
            DisplayImage(written), format_named("tiff"), EncodeSettings(compression=compression)
        )
        assert decode("tiff", data, written).tobytes() == written.tobytes()


@pytest.mark.parametrize(("given", "name"), [
    ("png", "png"), ("jpg", "jpg"), ("jpeg", "jpg"), ("image/jpg", "jpg"), ("IMAGE/JPG", "jpg"),
    ("tif", "tiff"), ("pnm", "pnm"), ("image/webp", "webp"),
])  # fmt: skip
def test_names_are_taken_for_media_types(given, name):
    assert format_of_media_type(given).name == name
