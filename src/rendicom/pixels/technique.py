"""Reads the acquisition parameters of a frame that are shown in the corners of a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from rendicom.dicom.date_times import plain_date
from rendicom.pixels.display import FrameGroups
from rendicom.values import Technique

if TYPE_CHECKING:
    from rendicom.dicom.attributes import Attributes
    from rendicom.dicom.header import Header

_LONGEST = 40


class _AttributePath(NamedTuple):
    """A tag, in the item of a functional group macro or at the top level (``macro`` 0)."""

    macro: int
    tag: int
    factor: float = 1.0


def _top(tag: int, factor: float = 1.0) -> _AttributePath:
    return _AttributePath(0, tag, factor)


_TUBE_VOLTAGE = (_top(0x00180060), _AttributePath(0x00189325, 0x00180060))
_TUBE_CURRENT = (_top(0x00181151), _AttributePath(0x00189321, 0x00189330))
_EXPOSURE = (_top(0x00181152), _top(0x00181153, 1e-3), _AttributePath(0x00189321, 0x00189332))
_SLICE_THICKNESS = (_top(0x00180050), _AttributePath(0x00289110, 0x00180050))
_KERNEL = (_top(0x00181210), _AttributePath(0x00189314, 0x00181210))
_REPETITION = (_top(0x00180080), _AttributePath(0x00189112, 0x00180080))
_ECHO = (_top(0x00180081), _AttributePath(0x00189114, 0x00189082))
_INVERSION = (_top(0x00180082), _AttributePath(0x00189115, 0x00189079))
_FLIP = (_top(0x00181314), _AttributePath(0x00189112, 0x00181314))
_FIELD = (_top(0x00180087),)
_SEQUENCE = (_top(0x00189005), _top(0x00180024))
_LATERALITY = (_top(0x00200062), _top(0x00200060), _AttributePath(0x00209071, 0x00209072))


class _TechniqueReader:
    """Values of one frame as short texts."""

    def __init__(self, groups: FrameGroups) -> None:
        self._groups = groups

    def number(self, form: str, *places: _AttributePath) -> str:
        """Return the first finite number in ``form``, or an empty string."""
        for macro, tag, factor in places:
            value = self._attributes(macro, tag).number(tag)
            if value is not None and math.isfinite(value) and value != 0:
                return form.format(f"{value * factor:.4g}")
        return ""

    def text(self, form: str, *places: _AttributePath) -> str:
        """Return the first text in ``form``, or an empty string."""
        for macro, tag, _ in places:
            text = "".join(filter(str.isprintable, self._attributes(macro, tag).text(tag)))
            if text:
                return form.format(text[:_LONGEST])
        return ""

    def item_text(self, sequence: int, tag: int) -> str:
        """Return a text of the first item of a sequence at the top level."""
        for item in self._groups.top.items(sequence)[:1]:
            return "".join(filter(str.isprintable, item.text(tag)))[:_LONGEST]
        return ""

    def _attributes(self, macro: int, tag: int) -> Attributes:
        return self._groups.macro(macro, tag) if macro else self._groups.top


_Lines = list[list[str]]


def _ct(read: _TechniqueReader) -> _Lines:
    exposure = read.number("{} mA", *_TUBE_CURRENT) or read.number("{} mAs", *_EXPOSURE)
    return [
        [read.number("{} kVp", *_TUBE_VOLTAGE), exposure],
        [read.number("{} mm", *_SLICE_THICKNESS), read.text("{}", *_KERNEL)],
    ]


def _mr(read: _TechniqueReader) -> _Lines:
    return [
        [read.number("TR {}", *_REPETITION), read.number("TE {}", *_ECHO)],
        [read.number("TI {}", *_INVERSION), read.number("FA {}°", *_FLIP)],
        [read.number("{} mm", *_SLICE_THICKNESS), read.number("{} T", *_FIELD)],
        [read.text("{}", *_SEQUENCE)],
    ]


def _xray(read: _TechniqueReader) -> _Lines:
    exposure = read.number("{} mAs", *_EXPOSURE) or read.number("{} mA", *_TUBE_CURRENT)
    return [[read.number("{} kVp", *_TUBE_VOLTAGE), exposure]]


def _mammography(read: _TechniqueReader) -> _Lines:
    beam = [read.text("{}", _top(0x00181191)), read.text("{}", _top(0x00187050))]
    squeezed = [
        read.number("{} mm", _top(0x001811A0)),
        read.number("{} N", _top(0x001811A2)),
    ]
    return [*_xray(read), ["/".join(filter(None, beam))], squeezed]


def _ultrasound(read: _TechniqueReader) -> _Lines:
    return [
        [read.text("{}", _top(0x00185010))],
        [read.number("{} mm", _top(0x00185050)), read.number("MI {}", _top(0x00185022))],
    ]


def _nuclear(read: _TechniqueReader) -> _Lines:
    return [
        [read.item_text(0x00540016, 0x00180031)],
        [read.number("{} mm", *_SLICE_THICKNESS), read.text("{}", _top(0x00541001))],
    ]


_VALUES: Mapping[str, Callable[[_TechniqueReader], _Lines]] = {
    "CT": _ct,
    "MR": _mr,
    "MG": _mammography,
    "US": _ultrasound,
    "IVUS": _ultrasound,
    "PT": _nuclear,
    "NM": _nuclear,
    **dict.fromkeys(("CR", "DX", "XA", "RF", "IO", "PX", "RG", "RTIMAGE"), _xray),
}
"""Acquisition attributes by modality; others use the common ones."""


def read_technique(header: Header, frame: int) -> Technique:
    """Return the acquisition parameters of ``frame`` (counted from 1)."""
    read = _TechniqueReader(FrameGroups(header.attributes, frame))
    modality = read.text("{}", _top(0x00080060))
    lines = _VALUES[modality](read) if modality in _VALUES else []
    texts = (tuple(filter(None, line)) for line in lines)
    side = read.text("{}", *_LATERALITY)
    position = (
        side if side in ("L", "R", "B") else "",
        read.text("{}", _top(0x00185101)),
        read.text("{}", _top(0x00185100)),
    )
    return Technique(
        modality=modality,
        study_date=plain_date(read.text("{}", _top(0x00080020))),
        series_number=read.text("{}", _top(0x00200011)),
        instance_number=read.text("{}", _top(0x00200013)),
        values=tuple(filter(None, texts)),
        position=tuple(filter(None, position)),
    )
