"""Every format against every type it declares and sizes that break careless arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rendicom.encode import encode, format_named, formats
from rendicom.encode.formats import EncodeSettings
from rendicom.values import DisplayImage

SIZES = [(1, 1), (3, 5), (1, 70), (70, 1), (129, 257)]
ALL = [
    (name, channels, dtype)
    for name, chosen in sorted(formats().items())
    for channels, dtypes in (("gray", chosen.gray), ("colour", chosen.colour))
    for dtype in dtypes
]
# At quality 100 these hold samples exactly too.
EXACT_AT_100 = {"avif", "jxl", "webp"}
EXACT = [case for case in ALL if case[0] in EXACT_AT_100 or not format_named(case[0]).lossy]


def shape_of(size: tuple[int, int], channels: str) -> tuple[int, ...]:
    return (*size, 3) if channels == "colour" else size


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "channels", "dtype"), EXACT)
@pytest.mark.parametrize("kind", ["noise", "smooth"])
def test_lossless_is_exact(name, channels, dtype, size, kind, decode, samples):
    written = samples(shape_of(size, channels), dtype, kind)
    data = encode(DisplayImage(written), format_named(name), EncodeSettings(quality=100))
    read = decode(name, data, written)
    assert read.shape == written.shape
    assert np.array_equal(read, written)


@pytest.mark.parametrize("name", ["jpg", "webp", "avif", "jxl"])
@pytest.mark.parametrize("channels", ["gray", "colour"])
@pytest.mark.parametrize("size", SIZES)
def test_lossy_is_close_at_high_quality(name, channels, size, decode, samples):
    written = samples(shape_of(size, channels), "uint8", "smooth")
    data = encode(DisplayImage(written), format_named(name), EncodeSettings(quality=95))
    read = decode(name, data, written)
    assert read.shape == written.shape
    error = read.astype(float) - written
    if name == "webp" and channels == "colour":
        error = error @ [0.299, 0.587, 0.114]  # it halves chroma
    assert np.median(np.abs(error)) <= 3


@pytest.mark.parametrize("name", ["jpg", "webp", "avif", "jxl"])
@pytest.mark.parametrize("channels", ["gray", "colour"])
def test_quality_is_worth_bytes(name, channels, samples):
    image = DisplayImage(samples(shape_of((65, 64), channels), "uint8"))
    sizes = [
        len(encode(image, format_named(name), EncodeSettings(quality=quality)))
        for quality in (10, 50, 90)
    ]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("name", ["gif"])
def test_gif_is_exact_for_gray_and_few_colours(name, decode, samples):
    gray = samples((129, 257), "uint8")
    colours = samples((256, 3), "uint8")
    picture = colours[np.random.default_rng(1).integers(0, 256, (61, 67))]
    for written in (gray, gray[:1, :1], picture, picture[:1, :1], picture[:3, :5]):
        written = np.ascontiguousarray(written)
        data = encode(DisplayImage(written), format_named(name), EncodeSettings())
        assert np.array_equal(decode(name, data, written), written)


@pytest.mark.parametrize("compression", range(10))
@pytest.mark.parametrize("name", ["png", "apng", "tiff"])
@pytest.mark.parametrize("channels", ["gray", "colour"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_compression_is_exact(compression, name, channels, dtype, decode, samples):
    for kind in ("noise", "smooth"):
        written = samples(shape_of((33, 61), channels), dtype, kind)
        settings = EncodeSettings(compression=compression)
        data = encode(DisplayImage(written), format_named(name), settings)
        assert np.array_equal(decode(name, data, written), written)


@pytest.mark.parametrize("name", sorted(formats()))
def test_same_input_same_bytes(name, samples):
    chosen = format_named(name)
    first, second = (
        encode(DisplayImage(samples((40, 50, 3), "uint8")), chosen, EncodeSettings())
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(("name", "channels", "dtype"), ALL)
def test_layout_in_memory_does_not_matter(name, channels, dtype, samples):
    plain = samples(shape_of((17, 23), channels), dtype, "smooth")
    turned = np.flip(np.flip(plain, 0).copy(), 0)
    swapped = plain.astype(plain.dtype.newbyteorder(">"))
    chosen = format_named(name)
    expected = encode(DisplayImage(plain), chosen, EncodeSettings())
    assert encode(DisplayImage(turned), chosen, EncodeSettings()) == expected
    assert encode(DisplayImage(swapped), chosen, EncodeSettings()) == expected


def arrays() -> st.SearchStrategy:
    shapes = st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([(), (3,)]))
    return st.tuples(shapes, st.sampled_from(["uint8", "uint16"])).flatmap(
        lambda drawn: hnp.arrays(drawn[1], (*drawn[0][:2], *drawn[0][2]))
    )


@given(written=arrays(), compression=st.one_of(st.none(), st.integers(0, 9)))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_small_picture_comes_back(written, compression, decode):
    channels = "colour" if written.ndim == 3 else "gray"
    for name, declared, dtype in EXACT:
        if (declared, dtype) == (channels, written.dtype.name) and name != "avif":
            settings = EncodeSettings(quality=100, compression=compression)
            data = encode(DisplayImage(written), format_named(name), settings)
            assert np.array_equal(decode(name, data, written), written), name
