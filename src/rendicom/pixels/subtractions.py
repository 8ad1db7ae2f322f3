"""Reads mask subtraction: frames shown as differences from a mask (PS3.3 C.7.6.10, C.11.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.coded_warnings import Notes
from rendicom.presentation import Scope, Subtraction

if TYPE_CHECKING:
    from collections.abc import Callable

    from rendicom.dicom.attributes import Attributes

_ITEMS, _OPERATION, _RANGES, _MASKS = 0x00286100, 0x00286101, 0x00286102, 0x00286110
_SHIFT, _OFFSET, _VISIBILITY, _MODE = 0x00286114, 0x00286120, 0x00289478, 0x00281090
_AVERAGED = 0x00286112
_MOST_AVERAGED = 64
_FARTHEST = 1e4


def read_subtractions(
    attributes: Attributes, notes: Notes, scope_of: Callable[..., Scope]
) -> tuple[Subtraction, ...]:
    """Return the subtractions of a presentation state; empty without subtraction."""
    if attributes.text(_MODE).upper() == "NAT" or _ITEMS not in attributes:
        return ()
    visible = attributes.number(_VISIBILITY)
    share = 1.0 if visible is None else min(1.0, max(0.0, 1 - visible / 100))
    found = []
    for item in attributes.items(_ITEMS):
        operation = item.text(_OPERATION).upper()
        ranges, masks = item.integers(_RANGES), item.integers(_MASKS)[:_MOST_AVERAGED]
        if operation not in ("AVG_SUB", "TID", "REV_TID") or len(ranges) % 2:
            if operation != "NONE":
                notes.add(
                    "presentation-incomplete",
                    f"mask operation {operation or 'without a name'} is not supported",
                )
            continue
        if operation == "AVG_SUB" and not masks:
            notes.add(
                "presentation-incomplete", "the mask subtraction names no frames and was left out"
            )
            continue
        found.append(
            Subtraction(
                scope_of(item),
                tuple(zip(ranges[::2], ranges[1::2], strict=True)),
                masks if operation == "AVG_SUB" else (),
                item.integer(_OFFSET, 1) or 1,
                share,
                _shift(item),
                operation == "REV_TID",
                min(_MOST_AVERAGED, max(1, item.integer(_AVERAGED, 1) or 1)),
            )
        )
    return tuple(found)


def subtractions_of_image(attributes: Attributes) -> tuple[Subtraction, ...]:
    """Return the subtractions that an image recommends; empty if it is shown as it is."""
    if attributes.text(_MODE).upper() != "SUB":
        return ()
    return read_subtractions(attributes, Notes(), lambda _: Scope())


def _shift(item: Attributes) -> tuple[float, float]:
    numbers = item.numbers(_SHIFT)
    if len(numbers) != 2 or not all(abs(number) <= _FARTHEST for number in numbers):
        return 0.0, 0.0
    return numbers[0], numbers[1]
