"""The frames that the range of an instance's values is taken from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.errors import RendicomError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rendicom.engine.instance import Instance
    from rendicom.options import RenderOptions
    from rendicom.values import DisplayAttributes, Frame

__all__ = ["sampled_frames"]

_MOST = 32


def sampled_frames(
    instance: Instance, options: RenderOptions, frame: Frame, number: int
) -> Iterator[tuple[Frame, DisplayAttributes]]:
    """Yield all frames, or 32 of them spread evenly where there are more.

    One that cannot be decoded is left out; ``frame`` is frame ``number``, decoded already.
    """
    for sampled in _spread(instance.description.number_of_frames, _MOST):
        if sampled == number:
            yield frame, instance.display_attributes(number)
            continue
        try:
            yield instance.frame(sampled, options), instance.display_attributes(sampled)
        except RendicomError:
            continue


def _spread(count: int, most: int) -> list[int]:
    """Return frame numbers 1..count, or ``most`` of them spread evenly, both ends included."""
    if count <= most:
        return list(range(1, count + 1))
    return [1 + round(index * (count - 1) / (most - 1)) for index in range(most)]
