"""Makes images in memory: pixel cells, palettes, lookup tables, overlays, functional groups.

All functions return bytes or elements for `rendicom.testing.writer`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rendicom.testing.writer import (
    EXPLICIT,
    Element,
    Encoding,
    dicom_file,
    element,
    sequence,
)

Array = NDArray[Any]

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_INSTANCE = "1.2.826.0.1.3680043.8.498.2"
_ONE_SAMPLE = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_FLOATS = {"f4": (0x7FE00008, "OF"), "f8": (0x7FE00009, "OD")}


def image(
    pixels: Array | bytes | Iterable[Element],
    *,
    rows: int | None = None,
    columns: int | None = None,
    frames: int | None = None,
    samples: int | None = None,
    photometric: str = "MONOCHROME2",
    planar: int | None = None,
    bits_allocated: int | None = None,
    bits_stored: int | None = None,
    high_bit: int | None = None,
    signed: bool | None = None,
    unused_bits: int = 0,
    pixel_vr: str | None = None,
    sop_class: str = SECONDARY_CAPTURE,
    modality: str = "OT",
    extra: Iterable[Element] = (),
    without: Sequence[int] = (),
    transfer_syntax: str = EXPLICIT,
    encoding: Encoding | None = None,
    preamble: bool = True,
    meta: bool = True,
) -> bytes:
    """Return a file with one image.

    Parameters
    ----------
    pixels
        Stored values, ([frames,] rows, columns[, samples]), integers or floats; or the bytes of
        native cells, little endian; or elements as `encapsulate` returns them.
    rows, columns
        Size; required unless ``pixels`` is an array.
    frames
        Number of Frames; absent from the file when ``None`` and the array has no such axis.
    samples
        Samples per Pixel; 3 unless the photometric interpretation has one.
    photometric, planar
        Photometric Interpretation and Planar Configuration; cells of an array follow the latter.
    bits_allocated, bits_stored, high_bit, signed
        Bits in the header, and how cells are packed; by default those of the dtype (8 bits
        for bytes).
    unused_bits
        Pattern that fills the bits of a cell outside the stored value.
    pixel_vr
        OB or OW; by default OB for cells of at most 8 bits.
    extra, without
        Elements to add or replace, and tags to leave out.
    sop_class, modality
        SOP Class UID and Modality.
    transfer_syntax, encoding, preamble, meta
        As for `dicom_file`.
    """
    array = pixels if isinstance(pixels, np.ndarray) else None
    samples = samples or (1 if photometric in _ONE_SAMPLE else 3)
    if array is not None:
        shape = array.shape[:-1] if samples > 1 else array.shape
        rows, columns = rows or shape[-2], columns or shape[-1]
        frames = frames or (shape[0] if len(shape) == 3 else None)
    is_float = array is not None and array.dtype.kind == "f"
    allocated = bits_allocated or (array.dtype.itemsize * 8 if array is not None else 8)
    stored = bits_stored or allocated
    high = stored - 1 if high_bit is None else high_bit
    if signed is None:
        signed = array is not None and array.dtype.kind == "i"
    listed = [
        element(0x00080016, "UI", sop_class),
        element(0x00080018, "UI", _INSTANCE),
        element(0x00080060, "CS", modality),
        element(0x00280002, "US", samples),
        element(0x00280004, "CS", photometric),
        element(0x00280010, "US", rows or 0),
        element(0x00280011, "US", columns or 0),
        element(0x00280100, "US", allocated),
    ]
    if frames is not None:
        listed.append(element(0x00280008, "IS", frames))
    if samples > 1 or planar is not None:
        listed.append(element(0x00280006, "US", planar or 0))
    if not is_float:
        cells = zip((0x00280101, 0x00280102, 0x00280103), (stored, high, int(signed)), strict=True)
        listed += [element(tag, "US", value) for tag, value in cells]
    if array is not None:
        turned = _planes(array) if planar == 1 and samples > 1 else array
        pixels = turned if is_float else pack_cells(
            turned, bits_allocated=allocated, bits_stored=stored, high_bit=high,
            unused_bits=unused_bits,
        )  # fmt: skip
    listed += _pixel_elements(pixels, vr=pixel_vr, bits_allocated=allocated)
    table = {item.tag: item for item in (*listed, *extra) if item.tag not in without}
    return dicom_file(
        table.values(),
        transfer_syntax=transfer_syntax,
        encoding=encoding,
        preamble=preamble,
        meta=meta,
    )


def _pixel_elements(
    pixels: Array | bytes | Iterable[Element], *, vr: str | None, bits_allocated: int
) -> Iterable[Element]:
    if isinstance(pixels, np.ndarray):
        tag, float_vr = _FLOATS[pixels.dtype.str[1:]]
        little = pixels.astype(pixels.dtype.newbyteorder("<"))
        return (element(tag, float_vr, little.tobytes()),)
    if isinstance(pixels, bytes):
        vr = vr or ("OB" if bits_allocated <= 8 else "OW")
        cell = bits_allocated // 8 if bits_allocated > 16 else None
        return (element(0x7FE00010, vr, pixels, cell=cell),)
    return pixels


def pack_cells(
    values: Array,
    *,
    bits_allocated: int,
    bits_stored: int | None = None,
    high_bit: int | None = None,
    unused_bits: int = 0,
) -> bytes:
    """Return pixel cells, little endian, without a final pad byte (PS3.5 8.1.1).

    Each value lies between ``high_bit`` and ``high_bit - bits_stored + 1``; the other bits of the
    cell come from ``unused_bits``. One-bit and 12-bit cells are packed across frames.
    """
    if bits_allocated == 1:
        return pack_bits(values)
    stored = bits_stored or bits_allocated
    shift = (stored - 1 if high_bit is None else high_bit) + 1 - stored
    mask = (1 << stored) - 1
    cells = (values.astype(np.int64).ravel() & mask) << shift
    cells |= unused_bits & ~(mask << shift) & ((1 << bits_allocated) - 1)
    if bits_allocated == 12:
        return _twelve(cells)
    return cells.astype(f"<u{bits_allocated // 8}").tobytes()


def pack_bits(values: Array) -> bytes:
    """Return one bit a value, the first in the least significant bit (PS3.5 8.1.1)."""
    return np.packbits(values.ravel() != 0, bitorder="little").tobytes()


def _twelve(cells: NDArray[np.int64]) -> bytes:
    """Pack pairs into three bytes, the first cell in the low bits (retired layout)."""
    pairs = np.append(cells, np.zeros(len(cells) % 2, np.int64)).reshape(-1, 2)
    words = pairs[:, 0] | pairs[:, 1] << 12
    packed = np.stack([words & 255, words >> 8 & 255, words >> 16], axis=1)
    return packed.astype(np.uint8).tobytes()


def _planes(array: Array) -> Array:
    """Move samples in front of rows and columns: Planar Configuration 1."""
    return np.moveaxis(array, -1, -3)


def lookup_table(
    entries: Sequence[int] | NDArray[np.integer[Any]],
    *,
    tag: int = 0x00283010,
    first: int = 0,
    bits: int = 16,
    count: int | None = None,
    packed: bool | None = None,
    vr: Literal["US", "SS"] = "US",
    data_vr: Literal["US", "OW"] = "OW",
    explanation: str = "",
) -> Element:
    """Return a sequence of one LUT (PS3.3 C.11.1, C.11.2), by default a VOI LUT Sequence.

    Parameters
    ----------
    entries
        The values.
    tag
        ``0x00283000`` for the Modality LUT Sequence.
    first, bits, count
        LUT Descriptor; ``count`` by default the true number, with 65536 written as 0.
    packed
        Two 8-bit entries a word; ``None`` packs when ``bits`` is 8.
    vr
        VR of the descriptor.
    data_vr, explanation
        VR of LUT Data, and LUT Explanation.
    """
    length = len(entries) if count is None else count
    inside = [
        _descriptor(0x00283002, length, first=first, bits=bits, vr=vr),
        _entries(0x00283006, entries, packed=bits == 8 if packed is None else packed, vr=data_vr),
    ]
    if explanation:
        inside.append(element(0x00283003, "LO", explanation))
    if tag == 0x00283000:
        inside.append(element(0x00283004, "LO", "US"))
    return sequence(tag, inside)


def palette(
    red: Sequence[int] | NDArray[np.integer[Any]],
    green: Sequence[int] | NDArray[np.integer[Any]],
    blue: Sequence[int] | NDArray[np.integer[Any]],
    *,
    first: int = 0,
    bits: int = 16,
    segmented: bool = False,
    count: int | None = None,
    packed: bool | None = None,
    vr: Literal["US", "SS"] = "US",
) -> tuple[Element, ...]:
    """Return the six elements of a Palette Color Lookup Table (PS3.3 C.7.9).

    ``segmented`` writes the entries as segments; ``count`` is then the number they expand to.
    """
    offset = 0x20 if segmented else 0
    found: list[Element] = []
    for index, entries in enumerate((red, green, blue), start=0x1101):
        length = len(entries) if count is None else count
        found.append(_descriptor(0x00280000 + index, length, first=first, bits=bits, vr=vr))
        two = bits == 8 if packed is None else packed
        found.append(_entries(0x00280100 + index + offset, entries, packed=two, vr="OW"))
    return tuple(found)


def _descriptor(tag: int, count: int, *, first: int, bits: int, vr: str) -> Element:
    words = [value & 0xFFFF for value in (count, first, bits)]
    return element(tag, vr, struct.pack("<3H", *words), cell=2)


def _entries(
    tag: int, entries: Sequence[int] | NDArray[np.integer[Any]], *, packed: bool, vr: str
) -> Element:
    values = np.asarray(entries).astype(np.int64)
    width = "u1" if packed else "<u2"
    return element(tag, vr, values.astype(width).tobytes(), cell=2)


def overlay(
    bitmap: Array,
    *,
    group: int = 0x6000,
    row: int = 1,
    column: int = 1,
    kind: Literal["G", "R"] = "G",
    frame_origin: int | None = None,
    embedded_bit: int | None = None,
    bits_allocated: int = 16,
) -> tuple[Element, ...]:
    """Return one overlay plane (PS3.3 C.9.2).

    Parameters
    ----------
    bitmap
        (rows, columns) or (frames, rows, columns); nonzero is drawn.
    group, kind
        Group number, 6000 to 601E, and Overlay Type.
    row, column
        Overlay Origin; 1, 1 is the first pixel of the image.
    frame_origin
        Image Frame Origin of a multi-frame overlay.
    embedded_bit, bits_allocated
        Bit of the pixel cells that holds the plane (retired): no Overlay Data is written.
    """
    base = group << 16
    listed = [
        element(base | 0x0010, "US", bitmap.shape[-2]),
        element(base | 0x0011, "US", bitmap.shape[-1]),
        element(base | 0x0040, "CS", kind),
        element(base | 0x0050, "SS", [row, column]),
        element(base | 0x0100, "US", 1 if embedded_bit is None else bits_allocated),
        element(base | 0x0102, "US", embedded_bit or 0),
    ]
    if bitmap.ndim == 3:
        listed.append(element(base | 0x0015, "IS", bitmap.shape[0]))
        listed.append(element(base | 0x0051, "US", 1 if frame_origin is None else frame_origin))
    if embedded_bit is None:
        listed.append(element(base | 0x3000, "OW", pack_bits(bitmap)))
    return tuple(listed)


def functional_groups(
    *, shared: Iterable[Element] = (), per_frame: Iterable[Iterable[Element]] = ()
) -> tuple[Element, ...]:
    """Return the Shared and Per-frame Functional Groups Sequences (PS3.3 C.7.6.16)."""
    frames = tuple(tuple(item) for item in per_frame)
    found = [sequence(0x52009229, shared)]
    if frames:
        found.append(sequence(0x52009230, *frames))
    return tuple(found)


def icc_profile(*, size: int = 0, gamma: float = 2.2) -> bytes:
    """Return an sRGB-like display profile of ICC version 2, padded to at least ``size`` bytes.

    White D50; primaries of sRGB adapted to it; one gamma curve for the three channels.
    """
    xyz = {
        b"wtpt": (0.9642, 1.0, 0.8249),
        b"rXYZ": (0.4360, 0.2225, 0.0139),
        b"gXYZ": (0.3851, 0.7169, 0.0971),
        b"bXYZ": (0.1431, 0.0606, 0.7141),
    }
    tags = {
        name: b"XYZ \0\0\0\0"
        + b"".join(struct.pack(">i", round(value * 65536)) for value in triple)
        for name, triple in xyz.items()
    }
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    text = b"made for a test\0"
    tags[b"desc"] = (
        b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + struct.pack(">IIHB", 0, 0, 0, 0)
    ).ljust(12 + len(text) + 78, b"\0")
    tags[b"cprt"] = b"text\0\0\0\0" + b"none\0".ljust(max(5, size - 400), b" ")
    return _profile(tags)


def _profile(tags: dict[bytes, bytes]) -> bytes:
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s", offset + len(body), b"none", 0x02100000, b"mntr", b"RGB ", b"XYZ "
    )
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    head += struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + table + body
