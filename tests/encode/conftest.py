"""Second decoders, and pictures that are hard on encoders."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

Samples = NDArray[Any]

# What Pillow cannot read, or reads with fewer bits than there are.
_OTHER_DECODERS: dict[tuple[str, str], Callable[[bytes], Samples]] = {
    ("png", "colour uint16"): imagecodecs.png_decode,
    ("apng", "colour uint16"): imagecodecs.apng_decode,
    ("jp2", "colour uint16"): imagecodecs.jpeg2k_decode,
    **{
        (name, kind): getattr(imagecodecs, decoder)
        for name, decoder in (("jls", "jpegls_decode"), ("jxl", "jpegxl_decode"))
        for kind in ("gray uint8", "gray uint16", "colour uint8", "colour uint16")
    },
    **{
        ("tiff", kind): imagecodecs.tiff_decode
        for kind in ("colour uint16", "gray int8", "gray int16", "gray uint32")
    },
}


def _netpbm(data: bytes) -> Samples:
    """Read 16-bit PPM by its definition: Pillow keeps 8 bits of it."""
    kind, size, most, body = data.split(b"\n", 3)
    assert (kind, most) == (b"P6", b"65535")
    width, height = map(int, size.split())
    return np.frombuffer(body, ">u2").reshape(height, width, 3)


_OTHER_DECODERS["pnm", "colour uint16"] = _netpbm


def _decode(name: str, data: bytes, like: Samples) -> Samples:
    kind = f"{'colour' if like.ndim == 3 else 'gray'} {like.dtype.name}"
    other = _OTHER_DECODERS.get((name, kind))
    if other is not None:
        return other(data)
    picture = Image.open(io.BytesIO(data))
    if picture.mode == "P":
        picture = picture.convert("RGB" if like.ndim == 3 else "L")
    samples = np.asarray(picture)
    if like.ndim == 2 and samples.ndim == 3:
        # The arithmetic of WebP itself puts green off by one.
        spread = np.ptp(samples, axis=-1).max()
        assert spread <= (1 if name == "webp" else 0)
        samples = samples[..., 0]
    return samples


@pytest.fixture(scope="session")
def decode() -> Callable[[str, bytes, Samples], Samples]:
    """Return a function that reads a picture with a library that did not write it, if any can."""
    return _decode


def _samples(shape: tuple[int, ...], dtype: str, kind: str = "noise") -> Samples:
    rng = np.random.default_rng(7)
    if np.dtype(dtype).kind == "f":
        return rng.normal(0, 1000, shape).astype(dtype)
    limits = np.iinfo(dtype)
    if kind == "noise":
        return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    y, x = np.mgrid[: shape[0], : shape[1]]
    plane = (x + 2 * y) / max(1, (x + 2 * y).max()) * limits.max
    planes = [np.roll(plane, 3 * shift, axis=1) for shift in range(3)]
    smooth = plane if len(shape) == 2 else np.stack(planes, axis=-1)
    return np.ascontiguousarray(smooth.astype(dtype))


@pytest.fixture(scope="session")
def samples() -> Callable[..., Samples]:
    """Return a function (shape, dtype, kind) -> array, the same each time."""
    return _samples


@pytest.fixture(scope="session")
def rgb_profile() -> bytes:
    """A real sRGB profile, as LittleCMS makes it."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
