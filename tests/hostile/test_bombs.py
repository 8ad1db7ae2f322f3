"""Small files that claim to be huge: refused or rendered, in bounded memory and time."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rendicom.testing import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    element,
    encapsulate,
    image,
    lookup_table,
    overlay,
    palette,
    rle,
    write_elements,
)

ROOT = "1.2.840.10008.1.2"
GRAY = np.arange(64, dtype=np.uint8).reshape(8, 8)
MEGABYTES, SECONDS = 250, 20
INFLATED = 750
CLAIM = struct.pack(">HH", 60000, 60000)


def _zeros(megabytes: int) -> bytes:
    """Return a raw deflate stream of that many megabytes of zeros, made block by block."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * megabytes + zlib.compressobj(wbits=-15).flush()


def _one(stream: Any, suffix: str, **more: Any) -> bytes:
    return image(
        encapsulate([bytes(stream)]), rows=8, columns=8, transfer_syntax=f"{ROOT}.{suffix}", **more
    )


def _patched(stream: Any, marker: bytes, offset: int, data: bytes) -> bytes:
    at = bytes(stream).index(marker) + offset
    return bytes(stream)[:at] + data + bytes(stream)[at + len(data) :]


def _huge_jpeg_xl() -> bytes:
    """Write a code stream header of 2**30 x 2**30 pixels (ISO 18181-1 D.2), then nothing."""
    bits = "0" + "11" + "1" * 30 + "000" + "11" + "1" * 30
    # Fields are written from the least significant bit of each byte on.
    padded = bits.ljust(-(-len(bits) // 8) * 8, "0")
    octets = bytes(int(padded[at : at + 8][::-1], 2) for at in range(0, len(padded), 8))
    return b"\xff\x0a" + octets + bytes(64)


def _nested(depth: int, syntax: str, *, closed: bool = True) -> bytes:
    """Open ``depth`` sequences of undefined length inside each other."""
    order = ">" if syntax == BIG_ENDIAN else "<"
    explicit = b"" if syntax == IMPLICIT else b"SQ\0\0"
    opened = struct.pack(f"{order}HH", 0x0008, 0x1140) + explicit + b"\xff" * 4
    opened += struct.pack(f"{order}HHI", 0xFFFE, 0xE000, UNDEFINED)
    end = struct.pack(f"{order}HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return _around(opened * depth + (end * depth if closed else b""), syntax)


def _nested_lengths(depth: int, syntax: str) -> bytes:
    """Put ``depth`` sequences of defined length inside each other."""
    inside = b""
    for _ in range(depth):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inside)) + inside
        explicit = b"" if syntax == IMPLICIT else b"SQ\0\0"
        inside = b"\x08\0\x40\x11" + explicit + struct.pack("<I", len(item)) + item
    return _around(inside, syntax)


def _around(middle: bytes, syntax: str) -> bytes:
    """Return an image with ``middle`` behind its group 0008."""
    whole = image(GRAY, transfer_syntax=syntax)
    order = ">" if syntax == BIG_ENDIAN else "<"
    at = whole.rindex(struct.pack(f"{order}HH", 0x0028, 0x0002))
    return whole[:at] + middle + whole[at:]


def _deflated_data_set(megabytes: int) -> bytes:
    head = b"\0" * 128 + b"DICM" + write_elements([element(0x00020010, "UI", DEFLATED)])
    return head + _zeros(megabytes)


def _deflated_private(megabytes: int) -> bytes:
    """A true data set whose private element unpacks to that many megabytes."""
    packer = zlib.compressobj(wbits=-15)
    start = write_elements([element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7")])
    start += b"\x09\0\x10\x10OB\0\0" + struct.pack("<I", megabytes << 20)
    first = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    head = b"\0" * 128 + b"DICM" + write_elements([element(0x00020010, "UI", DEFLATED)])
    return head + first + _zeros(megabytes)


def _bombs() -> dict[str, bytes]:
    from imagecodecs import (
        htj2k_encode,
        jpeg2k_encode,
        jpeg8_encode,
        jpegls_encode,
    )

    jpeg = jpeg8_encode(GRAY, level=90)
    lossless = jpeg8_encode(GRAY, lossless=True, predictor=1)
    wavelet = jpeg2k_encode(GRAY, codecformat="j2k", reversible=True)
    fast = htj2k_encode(GRAY, reversible=True)
    # Width and height, no offset, and one tile of that size (ISO 15444-1 A.5.1).
    size = struct.pack(">8I", *[1 << 20] * 2, 0, 0, *[1 << 20] * 2, 0, 0)
    huge = [element(0x00280010, "US", 65535), element(0x00280011, "US", 65535)]
    return {
        "native, 65535 x 65535": image(GRAY, extra=huge),
        "native, 4000 x 4000 of 64 bytes": image(
            GRAY, extra=[element(0x00280010, "US", 4000), element(0x00280011, "US", 4000)]
        ),
        "rle, 65535 x 65535": _one(rle(GRAY), "5", extra=huge),
        "jpeg, 60000 x 60000 in the stream": _one(
            _patched(jpeg, b"\xff\xc0", 5, CLAIM), "4.50"
        ),
        "jpeg lossless, 60000 x 60000 in the stream": _one(
            _patched(lossless, b"\xff\xc3", 5, CLAIM), "4.70"
        ),
        "jpeg-ls, 60000 x 60000 in the stream": _one(
            _patched(jpegls_encode(GRAY), b"\xff\xf7", 5, CLAIM), "4.80"
        ),
        "jpeg 2000, 2**20 x 2**20 in the stream": _one(
            _patched(wavelet, b"\xff\x51", 6, size), "4.90"
        ),
        "jpeg 2000, tiles of 1 x 1": _one(
            _patched(
                _patched(wavelet, b"\xff\x51", 6, struct.pack(">II", 4000, 4000)),
                b"\xff\x51", 22, struct.pack(">II", 1, 1),
            ), "4.90",
        ),
        "htj2k, 2**20 x 2**20 in the stream": _one(
            _patched(fast, b"\xff\x51", 6, size), "4.201"
        ),
        "jpeg xl, 2**30 x 2**30 in the stream": _one(_huge_jpeg_xl(), "4.110"),
        "rle, segments without end": _one(struct.pack("<16I", *[0xFFFFFFFF] * 16), "5"),
        "deflated frame of 4 GB": _one(_zeros(4096), "8.1"),
        "2147483647 frames": image(GRAY, frames=2147483647),
        "2147483647 frames in rle": _one(rle(GRAY), "5", frames=2147483647),
        "10**30 frames": image(GRAY, extra=[element(0x00280008, "IS", "1" + "0" * 30)]),
        "a million empty fragments": _one_of_fragments(1_000_000),
        "offset table that claims 4 GB": image(
            [element(0x7FE00010, "OB", b"\xfe\xff\x00\xe0\xfc\xff\xff\xff" + bytes(64),
                     length=UNDEFINED)],
            rows=8, columns=8, transfer_syntax=f"{ROOT}.5",
        ),
        "extended offsets of 2**63": image(
            [
                element(0x7FE00001, "OV", struct.pack("<2Q", 0, 1 << 63)),
                element(0x7FE00002, "OV", struct.pack("<2Q", 1 << 62, 1 << 62)),
                *encapsulate([rle(GRAY)] * 2),
            ], rows=8, columns=8, frames=2, transfer_syntax=f"{ROOT}.5",
        ),
        "private element of 4 GB": image(
            GRAY, extra=[element(0x00091010, "OB", b"\0\0", length=0xFFFFFFF0)]
        ),
        "pixel data of 4 GB": image(
            [element(0x7FE00010, "OW", GRAY.tobytes(), length=0xFFFFFFF0)], rows=8, columns=8
        ),
        "lut of 65536 entries in 2 bytes": image(
            GRAY, extra=[lookup_table([1], count=0)]
        ),
        "palette that unfolds to 600 million entries": image(
            GRAY, photometric="PALETTE COLOR",
            extra=palette(*[[0, 1, 0] + [1, 65535, 9] * 9000] * 3, segmented=True, count=256),
        ),
        "palette that copies itself": image(
            GRAY, photometric="PALETTE COLOR",
            extra=palette(*[[0, 1, 0] + [2, 65535, 0, 0] * 9000] * 3, segmented=True, count=256),
        ),
        "overlay of 65535 x 65535": image(
            GRAY, extra=[
                *overlay(np.ones((2, 2))), element(0x60000010, "US", 65535),
                element(0x60000011, "US", 65535),
            ],
        ),
        "nested 5000 deep, explicit": _nested(5000, EXPLICIT),
        "nested 5000 deep, implicit": _nested(5000, IMPLICIT),
        "nested 5000 deep, big endian": _nested(5000, BIG_ENDIAN),
        "nested 3000 deep, defined lengths, explicit": _nested_lengths(3000, EXPLICIT),
        "nested 3000 deep, defined lengths, implicit": _nested_lengths(3000, IMPLICIT),
        "nested 300000 deep and never closed": _nested(300_000, EXPLICIT, closed=False),
        "nested 300000 deep, implicit, never closed": _nested(300_000, IMPLICIT, closed=False),
        "a million values": image(
            GRAY, extra=[element(0x00281050, "DS", "1\\" * 1_000_000, length=None)],
            transfer_syntax=IMPLICIT,
        ),
    }  # fmt: skip


def _one_of_fragments(count: int) -> bytes:
    item = b"\xfe\xff\x00\xe0\0\0\0\0"
    pixels = element(0x7FE00010, "OB", item * count, length=UNDEFINED)
    return image([pixels], rows=8, columns=8, transfer_syntax=f"{ROOT}.5")


def _told(
    bombs: dict[str, bytes], isolated: Callable[..., list[dict[str, Any]]], folder: Path
) -> dict[str, dict[str, Any]]:
    """Return what became of each bomb, by name."""
    paths = {folder / f"{index}.dcm": name for index, name in enumerate(bombs)}
    for path, name in paths.items():
        path.write_bytes(bombs[name])
    lines = isolated(list(paths), overlays=True, timeout=300)
    assert len(lines) == len(paths)
    return {paths[Path(line["path"])]: line for line in lines}


def test_bombs(isolated: Callable[..., list[dict[str, Any]]], tmp_path: Path) -> None:
    told = _told(_bombs(), isolated, tmp_path)
    for name, line in told.items():
        assert line["seconds"] < SECONDS, (name, line)
        assert line["grown"] < MEGABYTES, (name, line)
    assert sum(line["grown"] for line in told.values()) < 2 * MEGABYTES
    for stream in ("native, 65535", "jpeg, 60000", "jpeg 2000, 2**20"):
        (code,) = {line["code"] for name, line in told.items() if name.startswith(stream)}
        assert code == "limit-exceeded"


def test_deflated_bombs(isolated: Callable[..., list[dict[str, Any]]], tmp_path: Path) -> None:
    """A deflated data set is inflated whole, so its limit is in bytes."""
    bombs = {
        "data set of 4 GB": _deflated_data_set(4096),
        "private element of 3 GB": _deflated_private(3000),
    }
    for name, line in _told(bombs, isolated, tmp_path).items():
        assert line["code"] == "limit-exceeded", (name, line)
        assert line["seconds"] < SECONDS, (name, line)
        assert line["grown"] < INFLATED, (name, line)


def test_a_huge_viewport_is_refused() -> None:
    from rendicom.engine import open_instance
    from rendicom.errors import RendicomError
    from rendicom.options import RenderOptions
    from rendicom.values import Viewport

    options = RenderOptions(viewport=Viewport(60000, 60000), max_pixels=1_000_000)
    with pytest.raises(RendicomError) as caught:
        open_instance(image(GRAY)).display(1, options)
    assert caught.value.code in ("limit-exceeded", "bad-option")
