"""Tests for all codecs; subclass `CodecTests` to run them on another codec.

::

    from rendicom.testing.codecs import CodecTests
    from yourpackage.codec import CODEC

    class TestYourCodec(CodecTests):
        codec = CODEC
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rendicom.errors import (
    CorruptDataError,
    LimitExceededError,
    UnsupportedImageError,
    UnsupportedTransferSyntaxError,
)
from rendicom.pixels.codecs import Codec, Decoded, DecodeRequest
from rendicom.testing.rle_streams import rle

_STREAMS = frozenset(
    ("deflate", "htj2k", "jpeg", "jpeg-lossless", "jpeg-ls", "jpeg-xl", "jpeg2000", "rle", "video")
)
_MAY_LEAVE = (
    CorruptDataError,
    LimitExceededError,
    UnsupportedImageError,
    UnsupportedTransferSyntaxError,
)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A stream and its expected samples."""

    kind: str
    """Kind of stream, as in ``Codec.streams``."""
    stream: bytes
    request: DecodeRequest
    """Arguments of ``decode``."""
    samples: NDArray[Any]
    """The values before they were compressed."""
    tolerance: int = 0
    """Largest difference allowed; 0 for lossless streams."""
    sized: bool = True
    """The stream contains the size of the image."""
    note: str = field(default="", compare=False)


def examples() -> Iterator[Example]:
    """Yield streams of every kind but video: 8 and 16 bit gray, signed if supported, RGB."""
    yield from _uncoded_examples()
    yield from _jpeg_examples()
    yield from _wavelet_examples()


def _uncoded_examples() -> Iterator[Example]:
    for dtype in ("u1", "u2", "i2"):
        gray = _gradient(dtype)
        yield _example("rle", rle(gray), gray, "1.2.840.10008.1.2.5", sized=False)
        packer = zlib.compressobj(wbits=-15)
        stream = packer.compress(gray.astype(gray.dtype.newbyteorder("<")).tobytes())
        stream += packer.flush()
        yield _example("deflate", stream, gray, "1.2.840.10008.1.2.8.1", sized=False)
    colour = _colours()
    yield _example("rle", rle(colour), colour, "1.2.840.10008.1.2.5", sized=False)


def _jpeg_examples() -> Iterator[Example]:
    from imagecodecs import jpeg8_encode, jpegls_encode

    flat, colour = _gradient("u1"), _colours()
    baseline, lossless = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70"
    yield _example("jpeg", jpeg8_encode(flat, level=100), flat, baseline, tolerance=2)
    for gray in (flat, _gradient("u2")):
        bits = gray.dtype.itemsize * 8  # the default is 12, whatever the values
        stream = jpeg8_encode(gray, lossless=True, predictor=1, bitspersample=bits)
        yield _example("jpeg-lossless", stream, gray, lossless)
        yield _example("jpeg-ls", jpegls_encode(gray), gray, "1.2.840.10008.1.2.4.80")
    yield _example("jpeg-ls", jpegls_encode(colour), colour, "1.2.840.10008.1.2.4.80")
    near = jpegls_encode(flat, level=3)
    yield _example("jpeg-ls", near, flat, "1.2.840.10008.1.2.4.81", tolerance=3)


def _wavelet_examples() -> Iterator[Example]:
    from imagecodecs import htj2k_encode, jpeg2k_encode, jpegxl_encode

    for values in (_gradient("u1"), _gradient("u2"), _colours()):
        stream = jpeg2k_encode(values, codecformat="j2k", reversible=True)
        yield _example("jpeg2000", stream, values, "1.2.840.10008.1.2.4.90")
        stream = htj2k_encode(values, reversible=True)
        yield _example("htj2k", stream, values, "1.2.840.10008.1.2.4.201")
        stream = jpegxl_encode(values, lossless=True)
        yield _example("jpeg-xl", stream, values, "1.2.840.10008.1.2.4.110")


def _gradient(dtype: str) -> NDArray[Any]:
    """Return 24 x 40 smooth values that use the whole range of ``dtype``."""
    rows, columns = np.mgrid[0:24, 0:40]
    info = np.iinfo(dtype)
    share = (rows * 40 + columns) / (24 * 40 - 1)
    values: NDArray[Any] = info.min + np.round(share * (int(info.max) - int(info.min)))
    return values.astype(dtype)


def _colours() -> NDArray[np.uint8]:
    flat = _gradient("u1")
    colours: NDArray[np.uint8] = np.stack([flat, flat[::-1], flat[:, ::-1]], axis=-1)
    return colours


def _example(
    kind: str,
    stream: bytes | bytearray,
    samples: NDArray[Any],
    transfer_syntax: str,
    *,
    tolerance: int = 0,
    sized: bool = True,
) -> Example:
    bits = samples.dtype.itemsize * 8
    count = samples.shape[2] if samples.ndim == 3 else 1
    request = DecodeRequest(
        transfer_syntax=transfer_syntax,
        rows=samples.shape[0],
        columns=samples.shape[1],
        samples_per_pixel=count,
        bits_allocated=bits,
        bits_stored=bits,
        signed=samples.dtype.kind == "i",
        photometric_interpretation="RGB" if count == 3 else "MONOCHROME2",
        planar_configuration=0,
        max_pixels=10_000,
    )
    note = f"{kind} {count} x {samples.dtype.name}"
    return Example(kind, bytes(stream), request, samples, tolerance, sized, note)


class CodecTests:
    """Tests of the promises in `rendicom.pixels.codecs.Codec`; pytest collects subclasses.

    Set ``codec``; override ``examples`` to add streams of your own.
    """

    codec: ClassVar[Codec]

    def examples(self) -> list[Example]:
        """Return the streams that this codec declares to decode."""
        return [example for example in examples() if example.kind in self.codec.streams]

    def test_names_itself(self) -> None:
        """The table of codecs needs a name, known kinds of stream and what to install."""
        codec = self.codec
        assert codec.name
        assert codec.install
        assert isinstance(codec.rank, int)
        assert codec.streams
        assert set(codec.streams) <= _STREAMS
        version = codec.version()
        assert version is None or version

    def test_has_examples(self) -> None:
        """A codec without a stream to decode is not tested."""
        assert self.examples() or set(self.codec.streams) == {"video"}

    def test_decodes_what_was_encoded(self) -> None:
        """Values and shape are the original ones, in a dtype that holds the precision."""
        for example in self.examples():
            decoded = self.codec.decode(example.stream, example.request)
            _assert_like(decoded, example)

    def test_ignores_bytes_behind_the_stream(self) -> None:
        """Fragments have even length, so a zero may follow the stream (PS3.5 A.4)."""
        for example in self.examples():
            decoded = self.codec.decode(example.stream + b"\0", example.request)
            _assert_like(decoded, example)

    def test_truncation_is_a_picture_or_a_typed_error(self) -> None:
        """Cut anywhere, a stream gives the right shape or one of the four errors."""
        for example in self.examples():
            size = len(example.stream)
            for end in sorted({0, 1, 2, 10, size // 4, size // 2, size - 3, size - 1}):
                self._decode_or_refuse(example.stream[:end], example)

    def test_strict_refuses_half_a_stream(self) -> None:
        """With ``strict`` incomplete data give an error."""
        for example in self.examples():
            request = replace(example.request, strict=True)
            half = example.stream[: len(example.stream) // 2]
            try:
                self.codec.decode(half, request)
            except _MAY_LEAVE:
                continue
            raise AssertionError(f"{example.note}: half of a stream was accepted")

    def test_damage_is_a_picture_or_a_typed_error(self) -> None:
        """A hundred flipped bits, one at a time, never end in another kind of error."""
        random = np.random.default_rng(1)
        for example in self.examples():
            for place in random.integers(0, len(example.stream) * 8, 100):
                damaged = bytearray(example.stream)
                damaged[place // 8] ^= 1 << place % 8
                self._decode_or_refuse(bytes(damaged), example)

    def test_garbage_is_refused(self) -> None:
        """Bytes of no format are a typed error, not a picture."""
        for example in self.examples():
            if not example.sized:
                continue
            try:
                self.codec.decode(bytes(range(256)), example.request)
            except (CorruptDataError, UnsupportedImageError):
                continue
            raise AssertionError(f"{example.note}: garbage was accepted")

    def test_size_is_limited_before_decoding(self) -> None:
        """A stream larger than ``max_pixels`` is refused for that reason."""
        for example in self.examples():
            if not example.sized:
                continue
            try:
                self.codec.decode(example.stream, replace(example.request, max_pixels=959))
            except LimitExceededError:
                continue
            raise AssertionError(f"{example.note}: max_pixels was ignored")

    def test_threads_do_not_disturb_each_other(self) -> None:
        """Four threads decode the same streams to the same values."""
        for example in self.examples():
            with ThreadPoolExecutor(4) as pool:
                jobs = [
                    pool.submit(self.codec.decode, example.stream, example.request)
                    for _ in range(8)
                ]
                for job in jobs:
                    _assert_like(job.result(), example)

    def _decode_or_refuse(self, stream: bytes, example: Example) -> None:
        try:
            decoded = self.codec.decode(stream, example.request)
        except _MAY_LEAVE:
            return
        assert decoded.samples.size <= example.request.max_pixels * 4


def _assert_like(decoded: Decoded, example: Example) -> None:
    samples, expected = decoded.samples, example.samples
    assert samples.dtype.kind in "ui", f"{example.note}: dtype {samples.dtype}"
    assert samples.dtype.itemsize == expected.dtype.itemsize, f"{example.note}: {samples.dtype}"
    assert samples.shape == expected.shape, f"{example.note}: {samples.shape}"
    # The caller resolves the sign if the stream does not have it.
    same = samples.view(expected.dtype) if decoded.signed is None else samples
    worst = int(np.abs(same.astype(np.int64) - expected.astype(np.int64)).max())
    assert worst <= example.tolerance, f"{example.note}: off by {worst}"
