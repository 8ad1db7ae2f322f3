"""Writes lossless JPEG (T.81 annex H), also as encoders write it that take the annex loosely."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

SYMBOLS = tuple(range(17))
"""The categories of differences that T.81 H.1.2.2 defines."""


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def huffman(symbols: Sequence[int], *, where: int = 0) -> bytes:
    """Return a table in which each symbol has a code of six bits."""
    counts = bytes((0, 0, 0, 0, 0, len(symbols), *[0] * 10))
    return bytes((where,)) + counts + bytes(symbols)


def lossless_jpeg(
    values: Any,
    precision: int,
    *,
    predictor: int = 1,
    modulus: int = 16,
    tables: Sequence[bytes] = (segment(0xC4, huffman(SYMBOLS)),),
    symbols: Sequence[int] = SYMBOLS,
    shift: int = 0,
    restart_rows: int = 0,
) -> bytes:
    """Return a stream of (rows, columns) or (rows, columns, samples), below ``2**precision``.

    Differences are taken modulo ``2**modulus``; those of one half are written as negative. T.81
    H.1.2.1 says 16; other encoders take the precision. ``symbols`` are those of the first of
    ``tables``, segments in which table 0 has to be.
    """
    planes = np.atleast_3d(np.asarray(values, np.int64)) >> shift
    rows, columns, count = planes.shape
    coded = [_differences(planes[..., each], precision - shift, predictor, modulus, restart_rows)
             for each in range(count)]  # fmt: skip
    names = range(1, count + 1)
    frame = struct.pack(">BHHB", precision, rows, columns, count)
    frame += b"".join(bytes((name, 0x11, 0)) for name in names)
    scan = bytes((count,)) + b"".join(bytes((name, 0)) for name in names)
    restart = segment(0xDD, struct.pack(">H", restart_rows * columns)) if restart_rows else b""
    head = b"\xff\xd8" + b"".join(tables) + segment(0xC3, frame) + restart
    head += segment(0xDA, scan + bytes((predictor, 0, shift)))
    order = np.stack(coded, axis=-1)
    height = restart_rows or rows
    parts = [_bits(order[top : top + height], symbols) for top in range(0, rows, height)]
    body = b"".join(
        part + (bytes((0xFF, 0xD0 + number % 8)) if number < len(parts) - 1 else b"")
        for number, part in enumerate(parts)
    )
    return head + body + b"\xff\xd9"


def _differences(
    plane: Any, precision: int, predictor: int, modulus: int, restart_rows: int
) -> Any:
    a, b, c = (np.zeros_like(plane) for _ in range(3))
    a[:, 1:] = plane[:, :-1]
    b[1:] = plane[:-1]
    c[1:, 1:] = plane[:-1, :-1]
    rules = (None, a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1)
    predicted = np.array(rules[predictor])
    predicted[:, 0] = b[:, 0]
    for top in range(0, len(plane), restart_rows or len(plane)):
        predicted[top, 1:] = a[top, 1:]
        predicted[top, 0] = 1 << precision - 1
    half = 1 << modulus - 1
    return (plane - predicted + half) % (2 * half) - half


def _bits(differences: Any, symbols: Sequence[int]) -> bytes:
    codes = {symbol: f"{code:06b}" for code, symbol in enumerate(symbols)}
    found = []
    for difference in differences.ravel().tolist():
        size = 16 if difference == -32768 else abs(difference).bit_length()
        extra = (
            ""
            if size in (0, 16)
            else f"{difference + (difference < 0) * ((1 << size) - 1):0{size}b}"
        )
        found.append(codes[size] + extra)
    bits = "".join(found)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return data.replace(b"\xff", b"\xff\x00")
