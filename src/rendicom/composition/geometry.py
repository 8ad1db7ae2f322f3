"""Where the pixels of a frame lie in the patient (PS3.3 C.7.6.2.1.1).

Pixel coordinates are (column, row); the center of the first pixel is 0, 0. Patient coordinates
are x, y, z in millimeters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Vector = tuple[float, float, float]

LEAST_FOCAL_GAP = 1e-5
"""Millimeters between the focal planes of a slide."""
_LEAST_LENGTH = 1e-3
_LARGEST_SHEAR = 1e-3
_FARTHEST = 1e7
_PARALLEL, _ALIKE = 1e-7, 1e-4
"""Tolerances of direction cosines: deviations of 0.1 mm and of 3 mm in 200 mm."""
_ROUNDED = 0.05


@dataclass(frozen=True)
class Plane:
    """The plane of one frame."""

    position: Vector
    """Center of the first pixel."""
    along_row: Vector
    along_column: Vector
    """Unit vectors towards the next column and towards the next row."""
    spacing: tuple[float, float]
    """Distance of rows and distance of columns, as Pixel Spacing has them."""
    shape: tuple[int, int]
    """Rows and columns."""
    thickness: float | None = None
    gap: float | None = None
    """Slice Thickness and Spacing Between Slices; None where unknown."""
    frame_of_reference: str = ""
    """UID of the coordinate system; empty where unknown."""
    is_tile: bool = False
    """The frame is one tile of a plane with several tiles."""

    @classmethod
    def of(
        cls,
        position: Sequence[float],
        orientation: Sequence[float],
        spacing: Sequence[float],
        shape: tuple[int, int],
        *,
        thickness: float | None = None,
        gap: float | None = None,
        frame_of_reference: str = "",
    ) -> Plane:
        """Return the plane that the attributes describe.

        Raises
        ------
        CorruptDataError
            The numbers do not describe a plane, or rows and columns are not perpendicular.
        """
        for name, numbers, count in (
            ("Image Position (Patient)", position, 3),
            ("Image Orientation (Patient)", orientation, 6),
            ("Pixel Spacing", spacing, 2),
        ):
            if len(numbers) != count or not all(abs(number) <= _FARTHEST for number in numbers):
                raise CorruptDataError(f"{name} {_written(numbers)} is damaged")
        if min(spacing) <= 0:
            raise CorruptDataError(f"Pixel Spacing {_written(spacing)} is not positive")
        told = f"Image Orientation (Patient) {_written(orientation)}"
        row, column = _unit(orientation[:3]), _unit(orientation[3:])
        if row is None or column is None:
            raise CorruptDataError(f"{told} is singular: a direction is zero")
        cosine = abs(sum(a * b for a, b in zip(row, column, strict=True)))
        if cosine > _LARGEST_SHEAR:
            kind = "singular" if cosine > 1 - _LARGEST_SHEAR else "sheared"
            raise CorruptDataError(f"{told} is {kind}: rows and columns are not perpendicular")
        x, y, z = (float(number) for number in position)
        return cls(
            (x, y, z), row, column, (float(spacing[0]), float(spacing[1])), shape,
            _length(thickness), _length(gap), frame_of_reference,
        )  # fmt: skip

    @property
    def slice_spacing(self) -> float | None:
        """Return the slice distance that the header states."""
        return self.gap or self.thickness

    @cached_property
    def normal(self) -> NDArray[np.float64]:
        """Return the unit vector perpendicular to the plane, x to the right and y down."""
        return np.cross(self.along_row, self.along_column)

    @cached_property
    def affine(self) -> NDArray[np.float64]:
        """Return the matrix (4, 4) from column, row, millimeters along the normal to x, y, z."""
        matrix = np.eye(4)
        matrix[:3, 0] = np.multiply(self.along_row, self.spacing[1])
        matrix[:3, 1] = np.multiply(self.along_column, self.spacing[0])
        matrix[:3, 2] = self.normal
        matrix[:3, 3] = self.position
        return matrix

    @cached_property
    def inverse(self) -> NDArray[np.float64]:
        """Return the matrix (4, 4) from x, y, z to column, row, millimeters along the normal."""
        return np.linalg.inv(self.affine).astype(np.float64)

    @property
    def distance(self) -> float:
        """Return the position of the plane along its normal."""
        return float(np.dot(self.normal, self.position))

    def to_patient(self, pixels: NDArray[Any]) -> NDArray[np.float64]:
        """Return x, y, z of points given as column and row; shape (n, 2) to (n, 3)."""
        result: NDArray[np.float64] = pixels @ self.affine[:3, :2].T + self.affine[:3, 3]
        return result

    def to_pixels(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Return column, row and distance to the plane in millimeters of points; (n, 3)."""
        result: NDArray[np.float64] = points @ self.inverse[:3, :3].T + self.inverse[:3, 3]
        return result

    def overlaps(self, other: Plane) -> bool:
        """Tell whether the other plane overlaps this one in the projection along its normal."""
        rows, columns = other.shape
        corners = np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]]) - 0.5
        found = self.to_pixels(other.to_patient(corners))[:, :2]
        sizes = np.array(self.shape[::-1]) - 0.5
        return bool((found.max(axis=0) > -0.5).all() and (found.min(axis=0) < sizes).all())

    def is_parallel(self, other: Plane) -> bool:
        """Tell whether the planes are parallel."""
        return bool(abs(np.dot(self.normal, other.normal)) > 1 - _PARALLEL)

    def is_stacked(self, other: Plane) -> bool:
        """Tell whether two planes may be slices of one stack, with a small tilt."""
        return bool(abs(np.dot(self.normal, other.normal)) > 1 - _ALIKE)

    def is_aligned(self, other: Plane) -> bool:
        """Tell whether rows and columns of both planes have the same directions."""
        return bool(
            np.dot(self.along_row, other.along_row) > 1 - _ALIKE
            and np.dot(self.along_column, other.along_column) > 1 - _ALIKE
        )

    def shares_frame_of_reference(self, other: Plane) -> bool:
        """Tell whether both have the same frame of reference; an unknown one counts as the same."""
        uids = {self.frame_of_reference, other.frame_of_reference} - {""}
        return len(uids) <= 1


def _written(numbers: Sequence[float]) -> str:
    """Return numbers in DICOM notation for a message, at most the expected number of them."""
    return "\\".join(f"{number:.6g}" for number in numbers[:6])


def _unit(vector: Sequence[float]) -> Vector | None:
    length = math.hypot(*vector)
    if length < _LEAST_LENGTH:
        return None
    x, y, z = (number / length for number in vector)
    return x, y, z


def _length(value: float | None) -> float | None:
    """Return the absolute value of a plausible length; None for others."""
    if value is None or not math.isfinite(value) or not _LEAST_LENGTH <= abs(value) <= _FARTHEST:
        return None
    return abs(float(value))


def spacing_of(
    planes: Sequence[Plane], places: Sequence[float], *, is_sparse: bool = False
) -> float | None:
    """Return the slice spacing of parallel planes; None if unknown.

    The least distance of neighbors counts. Spacing Between Slices counts where slices are missing
    in between: the distances are multiples of it. Some writers store the gap between slices in it;
    such values are ignored. Of ``is_sparse`` planes, which lack empty slices, Slice Thickness
    counts in its place where it is not given.
    """
    gaps = np.diff(np.sort(np.asarray(places, np.float64)))
    gaps = gaps[gaps > (LEAST_FOCAL_GAP if planes[0].is_tile else _LEAST_LENGTH)]
    stated = next((plane.gap for plane in planes if plane.gap is not None), None)
    if stated is None and is_sparse:
        stated = planes[0].thickness
    if not gaps.size:
        return stated or next((plane.thickness for plane in planes if plane.thickness), None)
    least = float(gaps.min())
    if stated is None or stated >= least or stated < (planes[0].thickness or 0) / 2:
        return least
    steps = gaps / stated
    return stated if bool(np.all(np.abs(steps - np.round(steps)) < _ROUNDED)) else least
