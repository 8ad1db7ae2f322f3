"""RLE Lossless streams (PS3.5 G)."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray


def rle(frame: NDArray[Any], *, cross_rows: bool = True) -> bytes:
    """Return one frame as an RLE Lossless stream (PS3.5 G).

    ``frame`` is (rows, columns[, samples]) of unsigned or signed cells. One segment for each
    byte of each sample, most significant first; runs continue over row ends unless
    ``cross_rows`` is off.
    """
    samples = frame[..., np.newaxis] if frame.ndim == 2 else frame
    size = samples.dtype.itemsize
    segments = []
    for index in range(samples.shape[-1]):
        plane = np.ascontiguousarray(samples[..., index]).astype(f">u{size}" if size > 1 else "u1")
        octets = plane.view(np.uint8).reshape(*plane.shape, size)
        for place in range(size):
            rows = [octets[..., place].tobytes()] if cross_rows else [
                row.tobytes() for row in octets[..., place]
            ]  # fmt: skip
            packed = b"".join(map(_pack_runs, rows))
            segments.append(packed + b"\0" * (len(packed) % 2))
    offsets = [64 + sum(map(len, segments[:index])) for index in range(len(segments))]
    header = [len(segments), *offsets, *[0] * (15 - len(offsets))]
    return struct.pack("<16I", *header) + b"".join(segments)


def _pack_runs(data: bytes) -> bytes:
    packed, index = bytearray(), 0
    while index < len(data):
        run = _run(data, index)
        if run > 1:
            packed += bytes([257 - run, data[index]])
            index += run
            continue
        start = index
        while index < len(data) and index - start < 128 and _run(data, index) < 3:
            index += 1
        packed += bytes([index - start - 1]) + data[start:index]
    return bytes(packed)


def _run(data: bytes, start: int) -> int:
    end = start
    while end < len(data) and end - start < 128 and data[end] == data[start]:
        end += 1
    return end - start
