"""Reads blending presentation states (PS3.3 C.11.14, C.11.33): images superimposed on others."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.header import read_header
from rendicom.errors import CorruptDataError, UnsupportedImageError
from rendicom.pixels.luts import palette_of
from rendicom.pixels.presentations import first_table, number_or, softcopy_vois
from rendicom.pixels.state_classes import ADVANCED_BLENDING, BLENDING
from rendicom.presentation import PresentationState, ReferencedImage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rendicom.dicom.attributes import Attributes
    from rendicom.dicom.byte_source import ByteSource

_SOP_CLASS, _INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_REFERENCED_SERIES, _IMAGES, _REFERENCED = 0x00081115, 0x00081140, 0x00081155
_INSTANCES = 0x0008114A
_INPUTS, _POSITION, _OPACITY = 0x00700402, 0x00700405, 0x00700403
_ADVANCED_INPUTS, _NUMBER, _DISPLAYS = 0x00701B01, 0x00701B02, 0x00701B04
_DISPLAY_INPUTS, _MODE, _PALETTES = 0x00701B03, 0x00701B06, 0x00480120
_GEOMETRY, _THRESHOLDS, _VALUES = 0x00701B08, 0x00701B11, 0x00701B12
_THRESHOLD_TYPE, _THRESHOLD = 0x00701B13, 0x00701B14
_MODALITY_LUTS, _SLOPE, _INTERCEPT = 0x00283000, 0x00281053, 0x00281052
_UNSIGNED = (0.0, float(0xFFFF))
_DEEPEST = 16


class Threshold(NamedTuple):
    """Which modality values of an input are seen: those from ``low`` to ``high``, or all others.

    The ends belong to the range where it ``includes_ends``.
    """

    low: float
    high: float
    includes_ends: bool
    is_inside: bool


class Superimposed(NamedTuple):
    """An input that lies over others: how it is shown, how opaque, and where it is seen."""

    state: PresentationState
    opacity: float
    thresholds: tuple[Threshold, ...] = ()


class Blending(NamedTuple):
    """Images that lie over each other, each shown as a presentation state says.

    Attributes
    ----------
    instance
        SOP Instance UID.
    base
        The images at the bottom.
    above
        Those over them; the first is the lowest.
    """

    instance: str
    base: PresentationState
    above: tuple[Superimposed, ...]

    @property
    def superimposed(self) -> tuple[str, ...]:
        """Return the images over others, by SOP Instance UID."""
        return tuple(each.instance for over in self.above for each in over.state.references)


def read_blending(source: ByteSource) -> Blending:
    """Read a blending or advanced blending presentation state.

    Raises
    ------
    UnsupportedImageError
        It is another object.
    CorruptDataError
        It does not say which images are blended.
    """
    attributes = read_header(source, wanted=None).attributes
    sop_class = attributes.text(_SOP_CLASS)
    notes: list[CodedWarning] = []
    if sop_class == BLENDING:
        return _plain(attributes, notes)
    if sop_class == ADVANCED_BLENDING:
        return _advanced(attributes, notes)
    raise UnsupportedImageError("the object is not a blending presentation state")


def _plain(attributes: Attributes, notes: list[CodedWarning]) -> Blending:
    inputs = {item.text(_POSITION): item for item in attributes.items(_INPUTS)}
    if not {"UNDERLYING", "SUPERIMPOSED"} <= inputs.keys():
        raise CorruptDataError("the presentation state does not say what lies over what")
    base = _state(attributes, inputs["UNDERLYING"], None, notes)
    upper = _state(attributes, inputs["SUPERIMPOSED"], attributes, notes)
    opacity = attributes.number(_OPACITY)
    return Blending(base.instance, base, (Superimposed(upper, _share(opacity, 1.0)),))


def _advanced(attributes: Attributes, notes: list[CodedWarning]) -> Blending:
    """Return the inputs as layers that give the result of all steps (PS3.4 N.2.6).

    FOREGROUND and EQUAL are weighted means, and so are means of them. At the bottom is the input
    whose geometry is displayed, else the first: the order of a mean does not count.
    """
    inputs = {item.integer(_NUMBER, 0) or 0: item for item in attributes.items(_ADVANCED_INPUTS)}
    weights = _weights(attributes.items(_DISPLAYS), inputs)
    if not weights:
        raise CorruptDataError("the presentation state does not name the images to blend")
    shown = [each for each in weights if inputs[each].text(_GEOMETRY).upper() == "YES"]
    bottom = next(iter(shown or weights))
    base = _input(attributes, inputs[bottom], notes)
    above, total = [], weights.pop(bottom)
    for number, weight in weights.items():
        item = inputs[number]
        total += weight
        opacity = weight / total if total > 0 else 0.0
        above.append(Superimposed(_input(attributes, item, notes), opacity, _thresholds(item)))
    return Blending(base.instance, base, tuple(above))


def _weights(steps: Sequence[Attributes], inputs: Mapping[int, Attributes]) -> dict[int, float]:
    """Return the weight of each input in the result of the last step."""
    results = {step.integer(_NUMBER, 0): step for step in steps if _NUMBER in step}
    last = next((step for step in steps if _NUMBER not in step), _first(steps))
    found: dict[int, float] = {}

    def add(step: Attributes, share: float, depth: int) -> None:
        numbers = [item.integer(_NUMBER, 0) or 0 for item in step.items(_DISPLAY_INPUTS)]
        parts = [1 / len(numbers)] * len(numbers) if numbers else []
        if len(numbers) == 2 and step.text(_MODE).upper() == "FOREGROUND":
            opacity = _share(step.number(_OPACITY), 0.5)
            parts = [opacity, 1 - opacity]
        for number, part in zip(numbers, parts, strict=True):
            if number in inputs:
                found[number] = found.get(number, 0.0) + share * part
            elif number in results and depth < _DEEPEST:
                add(results[number], share * part, depth + 1)
            else:
                raise CorruptDataError("the presentation state blends an input that it lacks")

    if last is not None:
        add(last, 1.0, 0)
    return found


def _thresholds(item: Attributes) -> tuple[Threshold, ...]:
    found = []
    for each in item.items(_THRESHOLDS) if _THRESHOLDS in item else ():
        numbers = sorted(number_or(value, _THRESHOLD, 0.0) for value in each.items(_VALUES))
        kind = each.text(_THRESHOLD_TYPE).upper()
        if not numbers:
            continue
        low, high = numbers[0], numbers[-1]
        if kind.startswith("RANGE"):
            found.append(Threshold(low, high, includes_ends=True, is_inside=kind[6:] != "EXCL"))
        elif kind.startswith("GREATER"):
            found.append(Threshold(low, inf, includes_ends=kind.endswith("EQUAL"), is_inside=True))
        elif kind.startswith("LESS"):
            found.append(Threshold(-inf, low, includes_ends=kind.endswith("EQUAL"), is_inside=True))
    return tuple(found)


def _input(
    attributes: Attributes, item: Attributes, notes: list[CodedWarning]
) -> PresentationState:
    return _state(attributes, item, _first(item.items(_PALETTES)), notes)


def _state(
    attributes: Attributes, item: Attributes, palettes: Attributes | None, notes: list[CodedWarning]
) -> PresentationState:
    """Return the display attributes for the images of one input."""
    palette = palette_of(palettes, _UNSIGNED, notes) if palettes is not None else None
    modality_lut = first_table(item, _MODALITY_LUTS, notes)
    return PresentationState(
        kind="grayscale" if palette is None else "pseudo-color",
        instance=attributes.text(_INSTANCE),
        references=_references(item, attributes),
        slope=number_or(item, _SLOPE, 1.0) or 1.0,
        intercept=number_or(item, _INTERCEPT, 0.0),
        modality_lut=modality_lut,
        keeps_modality=modality_lut is None and _SLOPE not in item,
        vois=softcopy_vois(item, notes, is_behind_lut=modality_lut is not None),
        palette=palette,
        warnings=tuple(notes),
    )


def _references(item: Attributes, top: Attributes) -> tuple[ReferencedImage, ...]:
    """Return the images of an input; a whole series is listed at the top of the object."""
    every = {series.text(_SERIES): series for series in top.items(_REFERENCED_SERIES)}
    parents = item.items(_REFERENCED_SERIES) or (item,)
    found = []
    for series in parents:
        uid = series.text(_SERIES)
        images = series.items(_IMAGES)
        if not images and uid in every:
            images = every[uid].items(_INSTANCES) or every[uid].items(_IMAGES)
        found += [
            ReferencedImage(item.text(_STUDY), uid, image.text(_REFERENCED), (), "")
            for image in images
        ]
    return tuple(found)


def _first(items: Sequence[Attributes]) -> Attributes | None:
    return items[0] if items else None


def _share(value: float | None, default: float) -> float:
    return default if value is None else min(1.0, max(0.0, value))
