"""Reads blending presentation states (PS3.3 C.11.14, C.11.33): images superimposed on others."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from rendicom.coded_warnings import Notes
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
_INSTANCES, _FRAMES = 0x0008114A, 0x00081160
_INPUTS, _POSITION, _OPACITY = 0x00700402, 0x00700405, 0x00700403
_ADVANCED_INPUTS, _NUMBER, _DISPLAYS = 0x00701B01, 0x00701B02, 0x00701B04
_DISPLAY_INPUTS, _MODE, _PALETTES = 0x00701B03, 0x00701B06, 0x00480120
_GEOMETRY, _THRESHOLDS, _VALUES = 0x00701B08, 0x00701B11, 0x00701B12
_THRESHOLD_TYPE, _THRESHOLD = 0x00701B13, 0x00701B14
_MODALITY_LUTS, _SLOPE, _INTERCEPT = 0x00283000, 0x00281053, 0x00281052
_UNSIGNED = (0.0, float(0xFFFF))
_DEEPEST = 16


class Threshold(NamedTuple):
    """The visible modality values of an input: those from ``low`` to ``high``, or all others.

    The ends belong to the range where it ``includes_ends``.
    """

    low: float
    high: float
    includes_ends: bool
    is_inside: bool


class BlendInput(NamedTuple):
    """Images that are blended, how they are shown, and where they are seen.

    A pixel is seen if it passes one of ``thresholds``, if there are any, and ``hides_padding`` is
    not set or it is no padding.
    """

    state: PresentationState
    thresholds: tuple[Threshold, ...] = ()
    hides_padding: bool = True


class BlendStep(NamedTuple):
    """A mean of inputs, by their places among all, and of results of other steps.

    Of two parts the first has ``opacity`` and the other what it leaves; None is equal shares.
    """

    parts: tuple[BlendStep | int, ...]
    opacity: float | None = None


class Blending(NamedTuple):
    """Superimposed images, with their display from a presentation state."""

    instance: str
    """SOP Instance UID."""
    inputs: tuple[BlendInput, ...]
    """The images at the bottom, then those over them."""
    result: BlendStep
    """The step whose result is shown."""

    @property
    def base(self) -> PresentationState:
        """Return how the images at the bottom are shown."""
        return self.inputs[0].state

    @property
    def superimposed(self) -> tuple[str, ...]:
        """Return the superimposed images, by SOP Instance UID."""
        return tuple(each.instance for over in self.inputs[1:] for each in over.state.references)


def read_blending(source: ByteSource) -> Blending:
    """Read a blending or advanced blending presentation state.

    Raises
    ------
    UnsupportedImageError
        The object is not a blending presentation state.
    CorruptDataError
        It does not refer to images.
    """
    attributes = read_header(source, wanted=None).attributes
    sop_class = attributes.text(_SOP_CLASS)
    notes = Notes()
    if sop_class == BLENDING:
        return _plain(attributes, notes)
    if sop_class == ADVANCED_BLENDING:
        return _advanced(attributes, notes)
    raise UnsupportedImageError("the object is not a blending presentation state")


def _plain(attributes: Attributes, notes: Notes) -> Blending:
    inputs = {item.text(_POSITION): item for item in attributes.items(_INPUTS)}
    if not {"UNDERLYING", "SUPERIMPOSED"} <= inputs.keys():
        raise CorruptDataError("the presentation state does not say which images lie above which")
    base = _state(attributes, inputs["UNDERLYING"], None, notes)
    upper = _state(attributes, inputs["SUPERIMPOSED"], attributes, notes)
    result = BlendStep((1, 0), _share(attributes.number(_OPACITY), 1.0))
    return Blending(
        base.instance, (BlendInput(base, hides_padding=False), BlendInput(upper)), result
    )


def _advanced(attributes: Attributes, notes: Notes) -> Blending:
    """Return the inputs and the steps that blend them (PS3.4 N.2.6).

    At the bottom is the input whose geometry is displayed, else the first one.
    """
    inputs = {item.integer(_NUMBER, 0) or 0: item for item in attributes.items(_ADVANCED_INPUTS)}
    used: list[int] = []
    result = _result(attributes.items(_DISPLAYS), inputs, used)
    if result is None or not used:
        raise CorruptDataError("the presentation state does not name the images to blend")
    bottom = next((each for each in used if inputs[each].text(_GEOMETRY).upper() == "YES"), used[0])
    order = [bottom, *(each for each in used if each != bottom)]
    items = [inputs[each] for each in order]
    states = (_state(attributes, each, _first(each.items(_PALETTES)), notes) for each in items)
    found = tuple(map(BlendInput, states, map(_thresholds, items)))
    places = {number: place for place, number in enumerate(order)}
    return Blending(found[0].state.instance, found, _placed(result, places, {}))


def _result(
    steps: Sequence[Attributes], inputs: Mapping[int, Attributes], used: list[int]
) -> BlendStep | None:
    """Return the last step, with numbers of inputs for their places; those met are ``used``."""
    results = {step.integer(_NUMBER, 0) or 0: step for step in steps if _NUMBER in step}
    made: dict[int, BlendStep] = {}

    def read(step: Attributes, depth: int) -> BlendStep:
        numbers = [item.integer(_NUMBER, 0) or 0 for item in step.items(_DISPLAY_INPUTS)]
        parts: list[BlendStep | int] = []
        for number in numbers:
            if number in inputs:
                parts.append(number)
                if number not in used:
                    used.append(number)
                continue
            if number not in made:
                if number not in results or depth >= _DEEPEST:
                    raise CorruptDataError("the presentation state blends an input that it lacks")
                made[number] = read(results[number], depth + 1)
            parts.append(made[number])
        if not parts:
            raise CorruptDataError("the presentation state does not name the images to blend")
        is_pair = len(parts) == 2 and step.text(_MODE).upper() == "FOREGROUND"
        return BlendStep(tuple(parts), _share(step.number(_OPACITY), 0.5) if is_pair else None)

    last = next((step for step in steps if _NUMBER not in step), _first(steps))
    return read(last, 0) if last is not None else None


def _placed(step: BlendStep, places: Mapping[int, int], known: dict[int, BlendStep]) -> BlendStep:
    """Return a step with places of inputs for their numbers; each step is made once."""
    if id(step) not in known:
        parts = tuple(
            places[part] if isinstance(part, int) else _placed(part, places, known)
            for part in step.parts
        )
        known[id(step)] = BlendStep(parts, step.opacity)
    return known[id(step)]


def _thresholds(item: Attributes) -> tuple[Threshold, ...]:
    """Return the ranges in which an input is seen (PS3.3 C.11.33.1.2.1)."""
    found = []
    for each in item.items(_THRESHOLDS):
        numbers = sorted(number_or(value, _THRESHOLD, 0.0) for value in each.items(_VALUES))
        kind = each.text(_THRESHOLD_TYPE).upper()
        if not numbers:
            continue
        low, high = numbers[0], numbers[-1]
        if kind.startswith("RANGE"):
            # What lies between the ends does not include them; RANGE_INCL adds them.
            is_inside = kind[6:] != "EXCL"
            found.append(Threshold(low, high, includes_ends=is_inside, is_inside=is_inside))
        elif kind.startswith("GREATER"):
            found.append(Threshold(low, inf, includes_ends=kind.endswith("EQUAL"), is_inside=True))
        elif kind.startswith("LESS"):
            found.append(Threshold(-inf, low, includes_ends=kind.endswith("EQUAL"), is_inside=True))
    return tuple(found)


def _state(
    attributes: Attributes, item: Attributes, palettes: Attributes | None, notes: Notes
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
    """Return the images of an input; whole series are listed at the top level of the object."""
    every = {series.text(_SERIES): series for series in top.items(_REFERENCED_SERIES)}
    parents = item.items(_REFERENCED_SERIES) or (item,)
    found = []
    for series in parents:
        uid = series.text(_SERIES)
        images = series.items(_IMAGES)
        if not images and uid in every:
            images = every[uid].items(_INSTANCES) or every[uid].items(_IMAGES)
        study = item.text(_STUDY)
        found += [
            ReferencedImage(study, uid, image.text(_REFERENCED), image.integers(_FRAMES))
            for image in images
        ]
    return tuple(found)


def _first(items: Sequence[Attributes]) -> Attributes | None:
    return items[0] if items else None


def _share(value: float | None, default: float) -> float:
    return default if value is None else min(1.0, max(0.0, value))
