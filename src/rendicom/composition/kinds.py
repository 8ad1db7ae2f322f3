"""Maps SOP classes to kinds of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.errors import UnsupportedImageError
from rendicom.pixels.state_classes import BLENDING_CLASSES, PLANAR_VIEW

if TYPE_CHECKING:
    from rendicom.composition.base import Layer
    from rendicom.engine import Instance

_STORAGE = "1.2.840.10008.5.1.4.1.1."
SEGMENTATIONS = (f"{_STORAGE}66.4", f"{_STORAGE}66.7")
STRUCTURE_SET, DOSE = f"{_STORAGE}481.3", f"{_STORAGE}481.2"
KEY_OBJECTS = f"{_STORAGE}88.59"
ANNOTATIONS = f"{_STORAGE}91.1"
PLANS = (f"{_STORAGE}481.5", f"{_STORAGE}481.8")


def is_report(sop_class: str) -> bool:
    """Tell whether an object is a structured report other than a key object selection."""
    return sop_class.startswith(f"{_STORAGE}88.") and sop_class != KEY_OBJECTS


def is_presentation_state(sop_class: str) -> bool:
    """Tell whether an object is a presentation state."""
    return sop_class.startswith(f"{_STORAGE}11.")


def is_drawable(sop_class: str, *, has_pixels: bool) -> bool:
    """Tell whether objects of a class can be drawn on images."""
    return has_pixels or is_about_images(sop_class) or sop_class in BLENDING_CLASSES


def is_about_images(sop_class: str) -> bool:
    """Tell whether objects of a class annotate images and are shown on them.

    Presentation states are not included.
    """
    classes = (*SEGMENTATIONS, STRUCTURE_SET, KEY_OBJECTS, ANNOTATIONS)
    return sop_class in classes or is_report(sop_class)


def is_composed(sop_class: str) -> bool:
    """Tell whether an object is shown on other images or in colors instead of by its own pixels."""
    return is_about_images(sop_class) or sop_class == DOSE or is_presentation_state(sop_class)


def is_value_map(instance: Instance) -> bool:
    """Tell whether an object is an image whose values can be drawn over other images."""
    header = instance.header
    return header.pixel is not None and header.sop_class not in (*SEGMENTATIONS, DOSE)


def layer_of(instance: Instance, name: str) -> Layer:
    """Return an object as a layer.

    Raises
    ------
    UnsupportedImageError
        It cannot be drawn on an image.
    RendicomError
        It is damaged.
    """
    sop_class = instance.sop_class
    if sop_class in SEGMENTATIONS:
        from rendicom.composition.segmentation import SegmentationLayer

        return SegmentationLayer(instance, name)
    if sop_class == STRUCTURE_SET:
        from rendicom.composition.structure_set import StructureSetLayer

        return StructureSetLayer(instance, name)
    if sop_class == DOSE and instance.header.pixel is not None:
        from rendicom.composition.dose import DoseLayer

        return DoseLayer(instance, name)
    if sop_class == KEY_OBJECTS:
        from rendicom.composition.marks import KeyObjectLayer

        return KeyObjectLayer(instance, name)
    if sop_class == ANNOTATIONS:
        from rendicom.composition.annotations import AnnotationLayer

        return AnnotationLayer(instance, name)
    if is_report(sop_class):
        from rendicom.composition.marks import ReportLayer

        return ReportLayer(instance, name)
    if is_value_map(instance):
        from rendicom.composition.value_map import ValueLayerOfSeries, members_of

        return ValueLayerOfSeries(members_of(instance, lambda: instance), name)
    hint = "--presentation-state shows images so" if is_presentation_state(sop_class) else ""
    if sop_class == PLANAR_VIEW:
        hint = "it cuts its picture from a volume: name it as the source, and the volume with --on"
    raise UnsupportedImageError(f"{name} cannot be drawn on an image", hint=hint)
