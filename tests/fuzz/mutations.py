"""Damage with a sense for structure: to elements, to values by their VR, to streams, to text."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from pydicom.datadict import dictionary_VR
from trees import CELLS, Tree

from rendicom.testing import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Element, dicom_file
from rendicom.testing.writer import UNDEFINED

__all__ = ["NAMES", "damaged_bytes", "damaged_text", "damaged_tree", "hostile_text", "written"]

INTEGERS = (
    0, 1, 2, 3, 4, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 63, 64, 100, 127, 128, 129, 255, 256,
    257, 1000, 4095, 4096, 32767, 32768, 32769, 65534, 65535, -1, -2, -128, -32768, 1 << 20,
    (1 << 31) - 1, 1 << 31, (1 << 32) - 1, -(1 << 31), 1 << 32, (1 << 63) - 1, 1 << 63, 1 << 64,
)  # fmt: skip
FLOATS = (
    0.0, -0.0, 1.0, -1.0, 0.5, 1e-300, 1e300, -1e300, 1e38, 5e-324, 1e308, float("inf"),
    float("-inf"), float("nan"), 0.1, 1 / 3, 65535.0, 65536.0, -1e-9, 2.0**63,
)  # fmt: skip
DECIMALS = (
    "0", "1", "-1", "+1", "1.5", "1e308", "-1e308", "1e400", "1E-320", "nan", "inf", "-inf",
    "0x10", "1,5", "", " ", "-", ".", "1.", ".5", "1 2", "1_000", "9" * 16, "9" * 400, "\u0661",
    "1\0", "00000000000000001", "1\\", "\\1", "1\\2\\3\\4\\5\\6\\7", "1e", "--1",
)  # fmt: skip
TEXTS = (
    "", " ", "\\", "\\\\\\", "^^^^", "===", "\0", "\x1b$B", "\x1b(B", "\x1b", "\r\n\t\f",
    "\xff\xfe",
    "A" * 65, "x" * 1025, "x" * 20000, "<script>&\"'", "../../etc/passwd", "%s%n{0}", "\u202egnp",
    "ISO_IR 100", "ISO_IR 192", "ISO 2022 IR 87", "\\ISO 2022 IR 149", "GB18030", "ISO_IR 13",
    "MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT",
    "PALETTE COLOR", "YBR_PARTIAL_420", "HSV", "CMYK", "ARGB", "YES", "NO", "DERIVED\\PRIMARY",
    "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.7.4", "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.840.10008.5.1.4.1.1.30",
    "1.2.840.10008.5.1.4.1.1.1.2", "1.2.840.10008.1.3.10", "1.2", "1..2", "0" * 65, "19700101",
    "20241399", "235960.999999", "-0001", "+1400", "SIGMOID", "LINEAR_EXACT", "LINEAR", "POLYGONAL",
    "RECTANGULAR\\CIRCULAR\\POLYGONAL", "BITMAP", "FRACTIONAL", "BINARY", "LABELMAP", "PIXEL",
    "DISPLAY", "MATRIX", "POLYLINE", "INTERPOLATED", "CIRCLE", "ELLIPSE", "POINT", "INVERSE",
)  # fmt: skip
NAMES = (
    "a.dcm", "inv\udcff.dcm", "new\nline.dcm", "tab\t.dcm", "n" * 250 + ".dcm", "\u00e9" * 120,
    "e\u0301.dcm", "..", ".", "...", "con", "NUL.dcm", "a:b", "a\\b", "../x.dcm", "/abs.dcm",
    "C:\\x.dcm", " lead.dcm", "trail .", "-0001.dcm", "x-0001.dcm", "x.dcm", "X.DCM", "\u202egnp",
    "\u0130.dcm", "\u00df.dcm", "a.img", "a.jpg", ".dcm", "\x7f", "%2e%2e", "a!/b", "\u2028", "-",
    "--help", "~", "*", "{source}", "\U0001f600" * 60, "d/e/f.dcm", "d//e.dcm", "a\0b",
)  # fmt: skip
INTERESTING = (
    0x00020010, 0x00080005, 0x00080008, 0x00080016, 0x00080018, 0x00080060, 0x00081140, 0x00181063,
    0x00181065, 0x00181602, 0x00181610, 0x00181612, 0x00181620, 0x00181622, 0x00200062, 0x00280002,
    0x00280004, 0x00280006, 0x00280008, 0x00280009, 0x00280010, 0x00280011, 0x00280030, 0x00280034,
    0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280106, 0x00280107, 0x00280120, 0x00280121,
    0x00280301, 0x00281040, 0x00281041, 0x00281050, 0x00281051, 0x00281052, 0x00281053, 0x00281055,
    0x00281056, 0x00281101, 0x00281201, 0x00281221, 0x00282000, 0x00282110, 0x00283000, 0x00283002,
    0x00283006, 0x00283010, 0x20500020, 0x52009229, 0x52009230, 0x60000010, 0x60000050, 0x60003000,
    0x60000102, 0x00620001, 0x0062000E, 0x00700001, 0x00720200, 0x54000100, 0x0040A730, 0x7FE00001,
    0x7FE00002, 0x7FE00010, 0xFFFCFFFC, 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD,
)  # fmt: skip
VRS = [
    "AE",
    "AS",
    "AT",
    "CS",
    "DA",
    "DS",
    "DT",
    "FD",
    "FL",
    "IS",
    "LO",
    "LT",
    "OB",
    "OD",
    "OF",
    "OL",
    "OV",
    "OW",
    "PN",
    "SH",
    "SL",
    "SQ",
    "SS",
    "ST",
    "SV",
    "TM",
    "UC",
    "UI",
    "UL",
    "UN",
    "UR",
    "US",
    "UT",
    "UV",
    "??",
    "\x00\x00",
    "zz",
]
SYNTAXES = (
    IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED, "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1.98",
    "1.2.840.10008.1.2.8.1", "1.2.840.113619.5.2", "1.2.3", "", "1.2.840.10008.1.2.4.94",
    *(f"1.2.840.10008.1.2.4.{last}" for last in (
        50, 51, 53, 55, 57, 70, 80, 81, 90, 91, 92, 100, 102, 103, 107, 110, 112, 201, 202, 203)),
)  # fmt: skip
MARKERS = (
    b"\xff\xd8", b"\xff\xd9", b"\xff\xc0", b"\xff\xc1", b"\xff\xc2", b"\xff\xc3", b"\xff\xc4",
    b"\xff\xda", b"\xff\xdb", b"\xff\xdd", b"\xff\xd0", b"\xff\xe0", b"\xff\xee", b"\xff\xfe",
    b"\xff\xf7", b"\xff\xf8", b"\xff\x4f", b"\xff\x51", b"\xff\x52", b"\xff\x5c", b"\xff\x90",
    b"\xff\x93", b"\xff\x50", b"\xff\x64", b"\xff\xff", b"\xff\x00", b"\xfe\xff\x00\xe0",
    b"\xfe\xff\xdd\xe0", b"JFIF", b"Adobe", b"\0\0\0\x0cjP  ", b"jp2c", b"ihdr", b"\xff\x0a",
)  # fmt: skip
_STRUCTS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
_CHARACTER_SET = 0x00080005
_TEXT_VRS = frozenset(
    ["AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"]
)


# --- trees -------------------------------------------------------------------------------------


def damaged_tree(random: Random, tree: Tree, *, most: int = 4) -> tuple[Tree, bool]:
    """Return the tree after up to ``most`` changes; and whether it is still sound in structure.

    A sound one has lengths, VRs and order as they should be, so that every reader of the standard
    reads the same elements.
    """
    elements, is_sound = tree.elements, True
    for _ in range(random.randint(0 if random.random() < 0.1 else 1, most)):
        sound = random.random() < 0.7
        elements = _changed(random, elements, sound=sound)
        is_sound = is_sound and sound
    if random.random() < 0.04:
        return Tree(elements, random.choice(SYNTAXES)), False
    return Tree(elements, tree.transfer_syntax), is_sound


def _changed(
    random: Random, elements: tuple[Element, ...], *, sound: bool, depth: int = 0
) -> tuple[Element, ...]:
    if not elements:
        return (_invented(random, sound=sound),) if sound else elements
    at = random.randrange(len(elements))
    chosen = elements[at]
    if chosen.items and random.random() < 0.75 and depth < 6:
        return _put(elements, at, _inside(random, chosen, sound=sound, depth=depth))
    if random.random() < 0.12:
        known = {each.tag for each in elements}
        new = _invented(random, sound=sound)
        return elements if sound and new.tag in known else (*elements, new)
    change = random.choice(_SOUND if sound else _UNSOUND)
    return _put(elements, at, *change(random, chosen))


def _put(elements: tuple[Element, ...], at: int, *new: Element) -> tuple[Element, ...]:
    return (*elements[:at], *new, *elements[at + 1 :])


def _inside(random: Random, chosen: Element, *, sound: bool, depth: int) -> Element:
    items = list(chosen.items or ())
    at = random.randrange(len(items))
    what = random.random()
    if what < 0.06:
        items[at] = ()
    elif what < 0.12:
        del items[at]
    elif what < 0.18:
        items.append(items[at])
    else:
        items[at] = _changed(random, items[at], sound=sound, depth=depth + 1)
    return replace(chosen, items=tuple(items))


def _dropped(random: Random, chosen: Element) -> tuple[Element, ...]:
    return ()


def _revalued(random: Random, chosen: Element) -> tuple[Element, ...]:
    if chosen.items is not None:
        return (replace(chosen, items=() if random.random() < 0.5 else chosen.items[:1] * 3),)
    if chosen.length == UNDEFINED:
        return (replace(chosen, values=(_damaged_fragments(random, _octets(chosen)),)),)
    value = _value(random, chosen.vr, _octets(chosen))
    if chosen.tag == _CHARACTER_SET:
        # pydicom itself fails on it, before anybody is asked for a picture.
        value = value.replace(b"\0", b" ")
    return (replace(chosen, values=(value,)),)


def _shortened(random: Random, chosen: Element) -> tuple[Element, ...]:
    data = _octets(chosen)
    if chosen.items is not None or chosen.length == UNDEFINED or not data:
        return _revalued(random, chosen)
    step = chosen.cell or 2
    kept = random.randrange(0, len(data), step) if len(data) > step else 0
    return (replace(chosen, values=(data[:kept],)),)


def _lied(random: Random, chosen: Element) -> tuple[Element, ...]:
    true = len(_octets(chosen))
    lengths = (
        0,
        1,
        true - 1,
        true + 1,
        true + 2,
        2 * true,
        0xFFFE,
        0x7FFFFFFF,
        0xFFFFFFFE,
        UNDEFINED,
    )
    return (replace(chosen, length=max(0, random.choice(lengths))),)


def _renamed(random: Random, chosen: Element) -> tuple[Element, ...]:
    return (replace(chosen, tag=random.choice(INTERESTING)),)


def _recast(random: Random, chosen: Element) -> tuple[Element, ...]:
    return (replace(chosen, vr=random.choice(VRS)),)


def _doubled(random: Random, chosen: Element) -> tuple[Element, ...]:
    return (chosen, *_revalued(random, chosen))


def _flipped(random: Random, chosen: Element) -> tuple[Element, ...]:
    if chosen.items is not None:
        return (replace(chosen, length=UNDEFINED, undefined_items=random.random() < 0.5),)
    return (replace(chosen, values=(damaged_bytes(random, _octets(chosen)),)),)


_SOUND: tuple[Callable[[Random, Element], tuple[Element, ...]], ...] = (
    _dropped, _revalued, _revalued, _revalued, _shortened,
)  # fmt: skip
_UNSOUND = (_lied, _renamed, _recast, _doubled, _flipped, _flipped)


def _invented(random: Random, *, sound: bool) -> Element:
    """Return an element that images have; with the VR of the standard if ``sound``."""
    tag = random.choice(INTERESTING[1:-4])
    vr = _standard_vr(random, tag) if sound else random.choice(VRS[:-3])
    if vr == "SQ":
        inside = (_invented(random, sound=sound),)
        return Element(tag, vr, items=(inside,) * random.randint(0, 2))
    return Element(tag, vr, (_value(random, vr, b""),), cell=CELLS.get(vr))


def _standard_vr(random: Random, tag: int) -> str:
    known = dictionary_VR(tag).split(" or ")
    return random.choice(known)


def _octets(element: Element) -> bytes:
    found = element.values[0] if element.values else b""
    return found if isinstance(found, bytes) else str(found).encode("latin-1", "replace")


def _value(random: Random, vr: str, old: bytes) -> bytes:
    if vr in _STRUCTS:
        return b"".join(
            _packed(random, vr, old) for _ in range(random.choice((1, 1, 1, 2, 3, 6, 0)))
        )
    if vr == "AT":
        return struct.pack("<HH", *[random.choice((0, 0x0028, 0x7FE0, 0xFFFF)) for _ in range(2)])
    if vr in ("DS", "IS"):
        count = random.choice((1, 1, 1, 2, 3, 40))
        numbers = [
            random.choice((*DECIMALS, str(random.choice(INTERGERS_AND_BITS)))) for _ in range(count)
        ]
        return _even("\\".join(numbers).encode("utf-8", "replace"))
    if vr in _TEXT_VRS:
        text = random.choice(TEXTS) if random.random() < 0.7 else old.decode("latin-1")
        return _even(
            damaged_text(random, text).encode(random.choice(("latin-1", "utf-8")), "replace")
        )
    return damaged_bytes(random, old or bytes(random.randbytes(random.choice((0, 2, 6, 64, 512)))))


INTERGERS_AND_BITS = (*INTEGERS, 1 << 15, 1 << 12)


def _packed(random: Random, vr: str, old: bytes) -> bytes:
    code = _STRUCTS[vr]
    if code in "fd":
        number = random.choice(FLOATS)
        try:
            return struct.pack(f"<{code}", number)
        except OverflowError:
            return struct.pack(f"<{code}", float("inf"))
    size = struct.calcsize(code)
    if old and random.random() < 0.4:
        near = int.from_bytes(old[:size], "little") + random.choice((-2, -1, 1, 2, 8))
        return (near % (1 << 8 * size)).to_bytes(size, "little")
    return (random.choice(INTEGERS) % (1 << 8 * size)).to_bytes(size, "little")


def _even(data: bytes) -> bytes:
    return data + b" " * (len(data) % 2)


def _damaged_fragments(random: Random, data: bytes) -> bytes:
    """Damage a stream, the offset table, or the items that hold them."""
    what = random.random()
    if what < 0.5:
        return damaged_bytes(random, data, first=16)
    if what < 0.75:
        return _patched_marker(random, data)
    if what < 0.85:
        return data[: random.randrange(len(data) + 1)]
    table = struct.pack("<3I", *[random.choice(INTEGERS) % (1 << 32) for _ in range(3)])
    return struct.pack("<HHI", 0xFFFE, 0xE000, random.choice((4, 8, 12))) + table + data[8:]


def _patched_marker(random: Random, data: bytes) -> bytes:
    """Change a few bytes behind a marker, where sizes, precisions and counts are."""
    places = [at for marker in MARKERS for at in [data.find(marker)] if at >= 0]
    if not places:
        return damaged_bytes(random, data)
    at = random.choice(places) + 2 + random.randrange(20)
    octets = random.choice((b"\0", b"\xff", b"\0\0", b"\xff\xff", b"\0\0\0\1", b"\x7f\xff\xff\xff",
                            bytes([random.randrange(256)])))  # fmt: skip
    return data[:at] + octets + data[at + len(octets) :]


def written(random: Random, tree: Tree, *, sound: bool = False) -> bytes:
    """Return the tree as a file, in any encoding; unless ``sound``, some with false headers."""
    syntax = tree.transfer_syntax
    if syntax == EXPLICIT and random.random() < 0.45:
        syntax = random.choice((IMPLICIT, BIG_ENDIAN, DEFLATED, IMPLICIT))
    if sound:
        return dicom_file(tree.elements, transfer_syntax=syntax)
    what = random.random()
    return dicom_file(
        tree.elements,
        transfer_syntax=syntax,
        encoding=random.choice(("explicit-big", "implicit-little", "explicit-little"))
        if what < 0.03 else None,
        preamble=what > 0.08 or what < 0.04,
        meta=what > 0.06,
        group_length=what < 0.95,
        zlib_header=0.1 < what < 0.15,
        sort=what < 0.97,
    )  # fmt: skip


# --- bytes and texts -----------------------------------------------------------------------------


def damaged_bytes(random: Random, data: bytes, *, first: int = 0, most: int = 6) -> bytes:
    """Return bytes after cuts, flips, insertions, markers and numbers, none before ``first``."""
    broken = bytearray(data)
    for _ in range(random.randint(1, most)):
        if len(broken) <= first:
            return bytes(broken) + random.randbytes(random.randrange(8))
        at = random.randrange(first, len(broken))
        _DAMAGE[random.randrange(len(_DAMAGE))](random, broken, at)
    return bytes(broken)


def _flip(random: Random, broken: bytearray, at: int) -> None:
    broken[at] ^= 1 << random.randrange(8)


def _overwrite(random: Random, broken: bytearray, at: int) -> None:
    new = random.choice(
        (b"\0", b"\xff", b"\x80", b"\x7f", random.randbytes(2), random.choice(MARKERS))
    )
    broken[at : at + len(new)] = new


def _number(random: Random, broken: bytearray, at: int) -> None:
    size = random.choice((1, 2, 4, 8))
    order = random.choice(("little", "big"))
    number = random.choice(INTEGERS) % (1 << 8 * size)
    broken[at : at + size] = number.to_bytes(size, order)  # type: ignore[arg-type]


def _insert(random: Random, broken: bytearray, at: int) -> None:
    broken[at:at] = random.choice(
        (random.randbytes(random.choice((1, 2, 9))), bytes(broken[at : at + 40]))
    )


def _remove(random: Random, broken: bytearray, at: int) -> None:
    del broken[at : at + random.choice((1, 2, 4, 30))]


def _cut(random: Random, broken: bytearray, at: int) -> None:
    if random.random() < 0.3:
        del broken[at:]


_DAMAGE = (_flip, _flip, _overwrite, _overwrite, _number, _insert, _remove, _cut)


def hostile_text(random: Random) -> str:
    """Return a text of any of the kinds above."""
    kinds: Sequence[Sequence[str]] = (TEXTS, DECIMALS, NAMES)
    return random.choice((*random.choice(kinds), str(random.choice(INTEGERS))))


def damaged_text(random: Random, text: str, *, letters: str = "") -> str:
    """Return a text after up to three changes; ``letters`` are those that mean something in it."""
    for _ in range(random.randint(0, 3)):
        at = random.randrange(len(text) + 1)
        what = random.random()
        if what < 0.3:
            text = text[:at] + random.choice(letters or "\\^=;,*?\"'/ \0\x1b") + text[at:]
        elif what < 0.5:
            text = text[:at] + text[at + random.choice((1, 3)) :]
        elif what < 0.65:
            text = text[:at] + hostile_text(random) + text[at:]
        elif what < 0.8:
            text = (
                text[:at]
                + chr(random.choice((0, 10, 127, 160, 0x3A9, 0x2028, 0xFFFD, 0x1F600)))
                + text[at:]
            )
        elif what < 0.85:
            text = text[:40] * random.choice((2, 30))
        else:
            text = text[at:] + text[:at]
    return text
