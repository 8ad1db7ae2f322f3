"""Makes presentation states for the images of `rendicom.testing`, byte by byte."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rendicom.testing import dicom_file, sequence
from rendicom.testing import element as made
from rendicom.testing.writer import EXPLICIT, Element

GRAYSCALE, COLOUR, PSEUDO_COLOUR = (f"1.2.840.10008.5.1.4.1.1.11.{last}" for last in (1, 2, 3))
IMAGE = "1.2.826.0.1.3680043.8.498.2"
"""SOP Instance UID that `rendicom.testing.image` gives."""
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
STATE, STUDY, SERIES = "1.2.3.4.11", "1.2.3.1", "1.2.3.2"


def element(tag: int, vr: str, *values: float | str | bytes) -> Element:
    """Return an element with one value or several."""
    if not values:
        return made(tag, vr, b"")
    return made(tag, vr, values[0] if len(values) == 1 else values)


def reference(
    instance: str = IMAGE, frames: Sequence[int] = (), sop_class: str = SECONDARY_CAPTURE
) -> tuple[Element, ...]:
    """Return an item of a Referenced Image Sequence."""
    found = (element(0x00081150, "UI", sop_class), element(0x00081155, "UI", instance))
    return (*found, element(0x00081160, "IS", *map(str, frames))) if frames else found


def referring(*items: Iterable[Element]) -> Element:
    return sequence(0x00081140, *items)


def state(
    *elements: Element,
    kind: str = GRAYSCALE,
    references: Sequence[Iterable[Element]] | None = None,
    transfer_syntax: str = EXPLICIT,
) -> bytes:
    """Return a presentation state; without elements it leaves everything as it is."""
    images = [reference()] if references is None else references
    listed = {
        item.tag: item
        for item in (
            element(0x00080016, "UI", kind),
            element(0x00080018, "UI", STATE),
            element(0x00080060, "CS", "PR"),
            element(0x0020000D, "UI", STUDY),
            sequence(0x00081115, (element(0x0020000E, "UI", SERIES), referring(*images))),
            *elements,
        )
    }
    return dicom_file(listed.values(), transfer_syntax=transfer_syntax)


def rescale(slope: str, intercept: str) -> tuple[Element, ...]:
    return element(0x00281052, "DS", intercept), element(0x00281053, "DS", slope)


def voi(center: str, width: str, *more: Element, function: str = "") -> tuple[Element, ...]:
    """Return an item of the Softcopy VOI LUT Sequence."""
    curve = (element(0x00281056, "CS", function),) if function else ()
    return element(0x00281050, "DS", center), element(0x00281051, "DS", width), *curve, *more


def vois(*items: Iterable[Element]) -> Element:
    return sequence(0x00283110, *items)


def area(
    top_left: tuple[int, int],
    bottom_right: tuple[int, int],
    *more: Element,
    mode: str = "SCALE TO FIT",
) -> Element:
    """Return a Displayed Area Selection Sequence; corners are column, row."""
    return sequence(0x0070005A, (
        element(0x00700052, "SL", *top_left), element(0x00700053, "SL", *bottom_right),
        element(0x00700100, "CS", mode), *more,
    ))  # fmt: skip


def layer(
    name: str, order: int = 1, *, gray: int | None = None, lab: Sequence[int] = ()
) -> tuple[Element, ...]:
    """Return an item of the Graphic Layer Sequence."""
    found = [element(0x00700002, "CS", name), element(0x00700062, "IS", str(order))]
    found += [element(0x00700066, "US", gray)] if gray is not None else []
    return (*found, element(0x00700401, "US", *lab)) if lab else tuple(found)


def layers(*items: Iterable[Element]) -> Element:
    return sequence(0x00700060, *items)


def figure(
    kind: str, *data: float, units: str = "PIXEL", filled: str = "N", more: Sequence[Element] = ()
) -> tuple[Element, ...]:
    """Return an item of the Graphic Object Sequence."""
    return (
        element(0x00700005, "CS", units), element(0x00700020, "US", 2),
        element(0x00700021, "US", len(data) // 2), element(0x00700022, "FL", *data),
        element(0x00700023, "CS", kind), element(0x00700024, "CS", filled), *more,
    )  # fmt: skip


def text(
    words: str | bytes,
    *,
    box: Sequence[float] = (),
    anchor: Sequence[float] = (),
    units: str = "PIXEL",
    visible: str = "N",
    justification: str = "LEFT",
) -> tuple[Element, ...]:
    """Return an item of the Text Object Sequence."""
    found = [element(0x00700006, "ST", words)]
    if box:
        found += [
            element(0x00700003, "CS", units), element(0x00700010, "FL", *box[:2]),
            element(0x00700011, "FL", *box[2:]), element(0x00700012, "CS", justification),
        ]  # fmt: skip
    if anchor:
        found += [
            element(0x00700004, "CS", units), element(0x00700014, "FL", *anchor),
            element(0x00700015, "CS", visible),
        ]  # fmt: skip
    return tuple(found)


def annotations(
    name: str,
    *,
    figures: Sequence[Iterable[Element]] = (),
    texts: Sequence[Iterable[Element]] = (),
    more: Sequence[Element] = (),
) -> tuple[Element, ...]:
    """Return an item of the Graphic Annotation Sequence."""
    found = [element(0x00700002, "CS", name), *more]
    found += [sequence(0x00700009, *figures)] if figures else []
    return (*found, sequence(0x00700008, *texts)) if texts else tuple(found)


def annotated(*items: Iterable[Element]) -> Element:
    return sequence(0x00700001, *items)
