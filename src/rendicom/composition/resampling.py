"""Values of one set of slices at the pixels of another plane, in patient space."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.composition.geometry import Plane, spacing_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


_BLOCK = 1 << 20
"""Pixels worked on at a time."""
_NEAR = 1e-6
"""Tolerance for rounding, as a fraction of a pixel or of the slice spacing."""
_STRAIGHT = 1e-9
"""Deviation in pixels over the whole image up to which rows count as parallel."""
_WIDEST_GAP = 1.5
"""Number of spacings above which a slice is missing between two others."""


class _Share(NamedTuple):
    """Weight of one slice: one number for all pixels, or an array."""

    slice: int
    weight: NDArray[np.float64] | float


class Stack:
    """Parallel slices in order along the normal.

    Attributes
    ----------
    members
        For each slice, its index in the sequence that the stack was made from.
    planes
        Of the slices, in order.
    is_flat
        A slice has no place along the normal: one of a slide with a single focal plane, which
        counts for all focal planes of an image.
    spacing
        Of neighboring slices, in millimeters; None if unknown.
    """

    def __init__(self, planes: Sequence[Plane], members: Sequence[int]) -> None:
        normal = planes[members[0]].normal
        places = [float(np.dot(normal, planes[each].position)) for each in members]
        order = np.argsort(places, kind="stable")
        self.members = [members[each] for each in order]
        self.planes = [planes[each] for each in self.members]
        self._places = np.asarray(places)[order]
        self._normal = normal
        self.is_flat = False
        self.spacing = spacing_of(self.planes, places)

    @property
    def sparse_spacing(self) -> float | None:
        """Return the spacing of slices of which empty ones may have been left out."""
        return spacing_of(self.planes, self._places.tolist(), is_sparse=True)

    def sample(
        self,
        base: Plane,
        frame: Callable[[int], NDArray[Any]],
        *,
        linear: bool,
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
        """Return the values at the pixels of ``base`` and a mask of the valid ones, or None.

        Parameters
        ----------
        base
            The plane whose pixels get values.
        frame
            Returns the pixels of a slice, by its index in the sequence that the stack was made
            from. It is called once for each needed slice, in order.
        linear
            Interpolate between slices, rows and columns; else the nearest pixel of the nearest
            slice counts.
        """
        if self.planes[0].is_tile and not self.planes[0].overlaps(base):
            return None
        total = np.zeros(base.shape)
        covered = np.zeros(base.shape)
        is_met = False
        for index, weight in self._shares(base, linear=linear):
            pixels = frame(self.members[index])
            for rows in _blocks(base.shape):
                part = weight if isinstance(weight, float) else weight[rows]
                values, inside = _in_plane(base, self.planes[index], pixels, rows, linear=linear)
                share = np.where(inside, part, 0.0)
                total[rows] += share * values
                covered[rows] += share
                is_met = is_met or bool(share.any())
        if not is_met:
            return None
        # Pixels outside one slice and inside its neighbor take the value of the neighbor.
        np.divide(total, covered, out=total, where=covered > _NEAR)
        return total, covered > _NEAR

    def members_near(self, base: Plane) -> list[int]:
        """Return the indexes of the slices that contribute to ``base``."""
        return [self.members[index] for index, _ in self._shares(base, linear=False)]

    def _shares(self, base: Plane, *, linear: bool) -> Iterator[_Share]:
        """Yield the slices that contribute to ``base``, in order."""
        if self.is_flat:
            yield _Share(0, 1.0)
            return
        half = (self.spacing or base.slice_spacing or 2 * _NEAR) / 2
        places: NDArray[np.float64]
        if self.planes[0].is_parallel(base):
            places = np.array([float(np.dot(self._normal, base.position))])
        else:
            corner, across, along = (
                float(np.dot(self._normal, base.affine[:3, axis])) for axis in (3, 0, 1)
            )
            rows, columns = np.arange(base.shape[0]), np.arange(base.shape[1])
            places = corner + along * rows[:, np.newaxis] + across * columns
        low, high, share = self._neighbours(places, half, linear=linear)
        for index in np.unique(np.concatenate([low.ravel(), high.ravel()])).tolist():
            if index < 0:
                continue
            weight = np.where(low == index, 1 - share, 0.0) + np.where(high == index, share, 0.0)
            if not weight.any():
                continue
            yield _Share(index, float(weight[0]) if places.size == 1 else weight)

    def _neighbours(
        self, places: NDArray[np.float64], half: float, *, linear: bool
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
        """Return the slices below and above each position, -1 for none, and the upper's weight."""
        last = len(self._places) - 1
        above = np.clip(np.searchsorted(self._places, places), 1, max(last, 1))
        low, high = np.minimum(above - 1, last), np.minimum(above, last)
        gap = self._places[high] - self._places[low]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(gap > 0, (places - self._places[low]) / gap, 0.0)
        is_between = (share >= 0) & (share <= 1) & (gap <= 2 * half * _WIDEST_GAP)
        if not linear:
            is_between &= False
        share = np.where(is_between, share, (share > 0.5).astype(np.float64))
        nearest = np.where(share > 0.5, high, low)
        reach = half * (1 + _NEAR) + _NEAR
        is_far = ~is_between & (np.abs(self._places[nearest] - places) > reach)
        return np.where(is_far, -1, low), np.where(is_far, -1, high), share


def stacks_of(planes: Sequence[Plane | None]) -> list[Stack]:
    """Group slices into stacks, one for each orientation."""
    groups: list[list[int]] = []
    tiles: dict[tuple[float, ...], list[int]] = {}
    known = [plane for plane in planes if plane is not None]
    if not known:
        return []
    filled = [plane or known[0] for plane in planes]
    for number, plane in enumerate(planes):
        if plane is None:
            continue
        if plane.is_tile:
            # Tiles of one plane lie beside each other: each is a stack of its focal planes.
            level = np.array(plane.position) - plane.distance * plane.normal
            corner = (*np.round(level, 5), *np.round(plane.normal, 4))
            tiles.setdefault(corner, []).append(number)
            continue
        group = next((each for each in groups if filled[each[0]].is_stacked(plane)), None)
        if group is None:
            groups.append([number])
        else:
            group.append(number)
    stacks = [Stack(filled, group) for group in (*groups, *tiles.values())]
    heights = {round(plane.distance, 6) for plane in known if plane.is_tile}
    for stack in stacks:
        stack.is_flat = stack.planes[0].is_tile and len(heights) == 1
    return stacks


def _blocks(shape: tuple[int, int]) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, shape[1]))
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))


def _in_plane(
    base: Plane, plane: Plane, pixels: NDArray[Any], rows: slice, *, linear: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the values of a slice at some rows of ``base``, and a mask of the pixels inside it."""
    matrix = plane.inverse @ base.affine
    row, column = np.arange(rows.start, rows.stop)[:, np.newaxis], np.arange(base.shape[1])
    height, width = pixels.shape[:2]
    # With parallel axes, rows and columns are interpolated one after the other: far less work.
    is_aligned = max(abs(matrix[0, 1]), abs(matrix[1, 0])) * max(base.shape) < _STRAIGHT
    u = matrix[0, 0] * column + (0.0 if is_aligned else matrix[0, 1] * row) + matrix[0, 3]
    v = (0.0 if is_aligned else matrix[1, 0] * column) + matrix[1, 1] * row + matrix[1, 3]
    edge = 0.5 + _NEAR
    inside = (u >= -edge) & (u <= width - 1 + edge) & (v >= -edge) & (v <= height - 1 + edge)
    u, v = np.clip(u, 0, width - 1), np.clip(v, 0, height - 1)
    if not linear:
        left, top = np.floor(u + edge).astype(np.intp), np.floor(v + edge).astype(np.intp)
        nearest = pixels[np.minimum(top, height - 1), np.minimum(left, width - 1)]
        return nearest.astype(np.float64), inside
    left = np.minimum(np.floor(u + _NEAR).astype(np.intp), width - 1)
    top = np.minimum(np.floor(v + _NEAR).astype(np.intp), height - 1)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, along = np.clip(u - left, 0, 1), np.clip(v - top, 0, 1)
    if is_aligned:
        first = int(top.min())
        lines = pixels[first : int(bottom.max()) + 1]
        lines = lines[:, left] * (1 - across) + lines[:, right] * across
        return lines[top[:, 0] - first] * (1 - along) + lines[bottom[:, 0] - first] * along, inside
    upper = pixels[top, left] * (1 - across) + pixels[top, right] * across
    lower = pixels[bottom, left] * (1 - across) + pixels[bottom, right] * across
    return upper * (1 - along) + lower * along, inside
