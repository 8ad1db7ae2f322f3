"""Planar MPR presentation states: the picture of a plane through a volume (PS3.3 A.80.1)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom import engine
from rendicom.coded_warnings import Notes
from rendicom.composition.geometry import Plane
from rendicom.composition.references import ImageReference, references_in
from rendicom.composition.resampling import Stack, stacks_of
from rendicom.errors import (
    CorruptDataError,
    LimitExceededError,
    NoPixelDataError,
    UnsupportedImageError,
)
from rendicom.pixels.presentations import softcopy_vois
from rendicom.rendering.lut import stored_extent
from rendicom.rendering.plan import modality_of
from rendicom.rendering.voi import ValueRange, levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rendicom.composition.value_map import SeriesMember
    from rendicom.dicom.attributes import Attributes
    from rendicom.engine import Instance

_INPUTS, _INPUT_SETS, _IMAGES = 0x00701201, 0x0070120A, 0x00081140
_CROPS, _REGISTRATIONS = (0x00701204, 0x0070120B), 0x00700404
_STYLE, _THICKNESS_TYPE, _THICKNESS, _METHOD = 0x00701501, 0x00701502, 0x00701503, 0x0070120D
_CORNER, _ALONG, _WIDTH = 0x00701505, 0x00701507, 0x00701508
_DOWN, _HEIGHT = 0x00701511, 0x00701512
_COMPONENTS, _COMPONENT_INPUTS = 0x00701801, 0x00701803
_FRAME_OF_REFERENCE, _SHAPE = 0x00200052, 0x20500020
_MOST_PIXELS, _MOST_PLANES = 1 << 26, 1024
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_METHODS = {"MAXIMUM_IP": np.maximum, "MINIMUM_IP": np.minimum, "AVERAGE_IP": np.add}


class PlanarView(NamedTuple):
    """A rectangle in patient space, and how it is shown."""

    corner: tuple[float, ...]
    """The outer corner of the first pixel; x, y, z in millimeters."""
    directions: tuple[float, ...]
    """Unit vectors along the width and the height, as Image Orientation (Patient) has them."""
    size: tuple[float, float]
    """Height and width in millimeters."""
    thickness: float
    """Of a slab, in millimeters, half of it on each side of the plane; 0 for a thin view. PS3.3
    C.11.26.1 defines a slab by the plane and its thickness, and names no other side."""
    method: str
    """How the values across a slab become one: MAXIMUM_IP, MINIMUM_IP or AVERAGE_IP."""
    references: tuple[ImageReference, ...]
    frame_of_reference: str
    voi: Any
    is_inverse: bool

    def plane(self, spacing: float) -> Plane:
        """Return the plane of the picture, with pixels of about ``spacing`` millimeters."""
        height, width = self.size
        rows, columns = max(1, round(height / spacing)), max(1, round(width / spacing))
        if rows * columns > _MOST_PIXELS:
            raise LimitExceededError(f"the view would have {columns} x {rows} pixels")
        steps = height / rows, width / columns
        along, down = np.array(self.directions[:3]), np.array(self.directions[3:])
        first = np.array(self.corner) + along * steps[1] / 2 + down * steps[0] / 2
        return Plane.of(
            first.tolist(), self.directions, steps, (rows, columns),
            frame_of_reference=self.frame_of_reference,
        )  # fmt: skip


def read_planar_view(attributes: Attributes) -> PlanarView:
    """Return the view of a planar MPR state; the header must hold all attributes.

    Raises
    ------
    UnsupportedImageError
        It does not show a plane, or it crops or registers its volume.
    CorruptDataError
        The rectangle or the referenced images are missing.
    """
    inputs = attributes.items(_INPUTS)
    if any(item.text(tag).upper() == "YES" for item in (attributes, *inputs) for tag in _CROPS):
        raise UnsupportedImageError("the presentation state crops its volume: that is not rendered")
    if any(item.items(_REGISTRATIONS) for item in inputs):
        raise UnsupportedImageError("the presentation state registers volumes: not rendered")
    if attributes.text(_STYLE).upper() not in ("", "PLANAR"):
        raise UnsupportedImageError("the presentation state shows a curved plane: not rendered")
    corner, along = attributes.numbers(_CORNER), attributes.numbers(_ALONG)
    down = attributes.numbers(_DOWN)
    size = attributes.number(_HEIGHT) or 0.0, attributes.number(_WIDTH) or 0.0
    if (len(corner), len(along), len(down)) != (3, 3, 3) or not all(0 < x < 1e5 for x in size):
        raise CorruptDataError("the presentation state has no plane")
    is_slab = attributes.text(_THICKNESS_TYPE).upper() == "SLAB"
    thickness = (attributes.number(_THICKNESS) or 0.0) if is_slab else 0.0
    method = attributes.text(_METHOD).upper() or "AVERAGE_IP"
    if thickness and method not in _METHODS:
        raise UnsupportedImageError(f"the rendering method {method[:16]} of a slab is not known")
    references = [
        each
        for tag in (_INPUTS, _INPUT_SETS)
        for item in attributes.items(tag)
        for each in references_in(item.items(_IMAGES))
    ]
    if not references:
        raise CorruptDataError("the presentation state refers to no image")
    return PlanarView(
        corner, (*along, *down), size, thickness, method, tuple(dict.fromkeys(references)),
        attributes.text(_FRAME_OF_REFERENCE), _voi(attributes),
        attributes.text(_SHAPE).upper() == "INVERSE",
    )  # fmt: skip


def _voi(attributes: Attributes) -> Any:
    """Return the first VOI transform: of an input, a component, or the top level."""
    components = [
        part
        for component in attributes.items(_COMPONENTS)
        for part in (component, *component.items(_COMPONENT_INPUTS))
    ]
    for item in (*attributes.items(_INPUTS), *components, attributes):
        for voi in softcopy_vois(item, Notes(), is_behind_lut=False):
            return next(iter((*voi.windows, *voi.tables)), None)
    return None


def cut_image(view: PlanarView, members: Sequence[SeriesMember]) -> Instance:
    """Return the picture of a view through images, as an image of gray levels; black outside.

    Its pixels are squares of the size of the images' pixels, if the view allows that. Values are
    interpolated linearly; across a slab they are sampled as densely as the pixels.

    Raises
    ------
    NoPixelDataError
        The images do not lie in its frame of reference.
    """
    stacks = [
        stack
        for stack in stacks_of([member.plane for member in members])
        if view.frame_of_reference in ("", stack.planes[0].frame_of_reference)
    ]
    if not stacks:
        raise NoPixelDataError("its images are not in its frame of reference")
    stack = max(stacks, key=lambda each: len(each.members))
    plane = view.plane(min(stack.planes[0].spacing))
    values, covered = _sampled(view, plane, stack, members)
    instance = members[stack.members[0]].open()
    modality = modality_of(instance.description, instance.display_attributes(1))
    voi = view.voi
    if voi is None:
        windows = instance.display_attributes(1).windows
        description = instance.description
        extent = stored_extent(description.bits_stored, signed=description.signed)
        voi = windows[0] if windows else ValueRange(*modality.bounds(*extent))
    shown = levels(values, voi, 255)
    if view.is_inverse:
        shown = 255 - shown
    return blank_image(plane, np.where(covered, np.floor(shown + 0.5), 0).astype(np.uint8))


def _sampled(
    view: PlanarView, plane: Plane, stack: Stack, members: Sequence[SeriesMember]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    def read(index: int) -> NDArray[np.float64]:
        member = members[index]
        instance = member.open()
        modality = modality_of(instance.description, instance.display_attributes(member.frame))
        return modality.values(instance.frame(member.frame).samples)

    count = max(1, min(_MOST_PLANES, math.ceil(view.thickness / min(plane.spacing))))
    total, seen = np.zeros(plane.shape), np.zeros(plane.shape, np.intp)
    combine = _METHODS[view.method] if count > 1 else np.add
    for number in range(count):
        offset = (number + 0.5) / count * view.thickness - view.thickness / 2
        x, y, z = (plane.normal * offset + plane.position).tolist()
        found = stack.sample(replace(plane, position=(x, y, z)), read, linear=True)
        if found is None:
            continue
        values, covered = found
        joined = np.where(seen > 0, combine(total, values), values)
        total = np.where(covered, joined, total)
        seen += covered
    if combine is np.add:
        np.divide(total, seen, out=total, where=seen > 0)
    return total, seen > 0


def blank_image(plane: Plane, pixels: NDArray[np.uint8] | None = None) -> Instance:
    """Return an image in a plane, with the given gray levels or black."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = _SECONDARY_CAPTURE
    made.ImagePositionPatient = list(plane.position)
    made.ImageOrientationPatient = [*plane.along_row, *plane.along_column]
    made.PixelSpacing = list(plane.spacing)
    made.SliceThickness, made.SpacingBetweenSlices = plane.thickness, plane.gap
    made.FrameOfReferenceUID = plane.frame_of_reference
    made.Rows, made.Columns = plane.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.WindowCenter, made.WindowWidth = 128, 256
    rows, columns = plane.shape
    black = bytes(rows * columns)
    made.PixelData = (black if pixels is None else pixels.tobytes()) + bytes(len(black) % 2)
    return engine.open_instance(made)
