"""Segmentations of a CT that are broken in one way each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, generate_uid

from brokenparts import written
from phantoms import segmentation, series

SIZE = (32, 40)
SLICES = 6


def segmentations(ct: list[Any]) -> dict[str, Any]:
    """Return them by what is wrong."""
    masks = np.zeros((SLICES, *SIZE, 2), np.uint8)
    masks[1:5, 4:20, 6:30, 0] = 1
    masks[3, 22:30, 2:9, 1] = 1
    good = segmentation(ct, masks, "BINARY", [(255, 0, 0), (0, 160, 255)], count=2)
    fractional = segmentation(ct, masks[..., 0] * 0.5, "FRACTIONAL", count=1)
    labels = segmentation(ct, masks[..., 0], "LABELMAP", count=1)

    changed = partial(_changed, good)
    one, other = changed(_put()), changed(_put())
    _referring_to(lambda _: other.SOPInstanceUID)(one)
    _referring_to(lambda _: one.SOPInstanceUID)(other)
    half = good.PixelData[: len(good.PixelData) // 2]
    half += b"\0" * (len(half) % 2)
    larger = np.zeros((SLICES, 2 * SIZE[0], SIZE[1] // 2), np.uint8)
    larger[:, 4:30] = 1
    other_size = segmentation(
        series(np.zeros(larger.shape, np.int16)), larger, "BINARY", count=1
    )  # fmt: skip
    _referring_to(lambda _: ct[2].SOPInstanceUID)(other_size)
    return {
        "seg-without-references": changed(_unreferenced_and_nowhere),
        "seg-of-nothing": changed(_referring_to(lambda _: "1.2.826.0.1.3680043.8.498.9")),
        "seg-elsewhere": changed(_elsewhere),
        "seg-singular": changed(_oriented(["1", "0", "0", "1", "0", "0"])),
        "seg-zero-orientation": changed(_oriented(["0", "0", "0", "0", "0", "0"])),
        "seg-sheared": changed(_oriented(["1", "0", "0", "0.6", "0.8", "0"])),
        "seg-nan-orientation": changed(_oriented(["1", "0", "nan", "0", "1", "0"])),
        "seg-short-orientation": changed(_oriented(["1", "0", "0"])),
        "seg-infinite-position": changed(_placed(["inf", "0", "0"])),
        "seg-text-position": changed(_placed(["left", "up", "0"], "LO")),
        "seg-zero-spacing": changed(_spaced(["0", "1"])),
        "seg-negative-spacing": changed(_spaced(["-1", "1"])),
        "seg-other-size": other_size,
        "seg-empty": changed(_put(PixelData=bytes(len(good.PixelData)))),
        "seg-no-frames": changed(_put(NumberOfFrames=0, PerFrameFunctionalGroupsSequence=[])),
        "seg-truncated": changed(_put(PixelData=half)),
        "seg-no-pixels": changed(_without("PixelData")),
        "seg-millions-of-frames": changed(_put(NumberOfFrames=2_000_000_000)),
        "seg-huge": changed(_put(Rows=65535, Columns=65535)),
        "seg-no-rows": changed(_put(Rows=0)),
        "seg-of-itself": changed(_referring_to(lambda ds: ds.SOPInstanceUID)),
        "seg-circle-1": one,
        "seg-circle-2": other,
        "seg-no-segments": changed(_without("SegmentSequence")),
        "seg-segment-0": changed(_unnumbered(0)),
        "seg-segment-65535": changed(_unnumbered(65535)),
        "seg-segment-empty": changed(_unnumbered(None)),
        "seg-twin-segments": changed(_twins),
        "seg-no-groups": changed(
            _without("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")
        ),
        "seg-few-groups": changed(
            lambda ds: ds.PerFrameFunctionalGroupsSequence.__delitem__(slice(1, None))
        ),
        "seg-colour": changed(
            _put(SamplesPerPixel=3, PhotometricInterpretation="RGB", BitsAllocated=8, BitsStored=8,
                 HighBit=7, PlanarConfiguration=0)
        ),
        "seg-8-bit": changed(_put(BitsAllocated=8, BitsStored=8, HighBit=7)),
        "seg-garbled": changed(_garbled),
        "seg-odd-colours": changed(_odd_colours),
        "seg-kind-unknown": changed(_put(SegmentationType="PHANTOM^VRIES")),
        "seg-fraction-of-nothing": _changed(fractional, _put(MaximumFractionalValue=0)),
        "seg-no-maximum": _changed(fractional, _without("MaximumFractionalValue")),
        "seg-label-map-truncated": _changed(labels, _put(PixelData=labels.PixelData[:512])),
        "seg-label-map-16": _changed(labels, _put(BitsAllocated=16, BitsStored=16, HighBit=15,
                PixelData=np.full(len(labels.PixelData), 65535, "<u2").tobytes(),
            )),
    }  # fmt: skip


def _changed(of: Any, change: Callable[[Any], object]) -> Any:
    ds = pydicom.dcmread(BytesIO(written(of)))
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    change(ds)
    return ds


def _without(*keywords: str) -> Callable[[Any], None]:
    def change(ds: Any) -> None:
        for keyword in keywords:
            if keyword in ds:
                delattr(ds, keyword)

    return change


def _referring_to(found: Callable[[Any], Any]) -> Callable[[Any], None]:
    def change(ds: Any) -> None:
        for source in _sources(ds):
            source.ReferencedSOPInstanceUID = found(ds)
        for of_series in ds.get("ReferencedSeriesSequence", []):
            for each in of_series.ReferencedInstanceSequence:
                each.ReferencedSOPInstanceUID = found(ds)

    return change


def _oriented(numbers: list[Any]) -> Callable[[Any], None]:
    def change(ds: Any) -> None:
        group = ds.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
        group.ImageOrientationPatient = numbers
        _unreferenced(ds)

    return change


def _placed(numbers: list[Any], kind: str = "DS") -> Callable[[Any], None]:
    def change(ds: Any) -> None:
        for group in ds.PerFrameFunctionalGroupsSequence:
            place = pydicom.DataElement(0x00200032, kind, numbers)
            group.PlanePositionSequence[0].add(place)
        _unreferenced(ds)

    return change


def _spaced(numbers: list[Any]) -> Callable[[Any], None]:
    def change(ds: Any) -> None:
        measures = ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        measures.PixelSpacing = numbers
        _unreferenced(ds)

    return change


def _put(**values: Any) -> Callable[[Any], None]:
    def change(ds: Any) -> None:
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    return change


def _unnumbered(number: Any) -> Callable[[Any], None]:
    def change(ds: Any) -> None:
        for group in ds.PerFrameFunctionalGroupsSequence:
            group.SegmentIdentificationSequence[0].ReferencedSegmentNumber = number

    return change


def _elsewhere(ds: Any) -> None:
    ds.FrameOfReferenceUID = generate_uid()
    _unreferenced(ds)


def _garbled(ds: Any) -> None:
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    ds.PixelData = encapsulate([b"\xff\x4f\xff\x51garbage!"] * int(ds.NumberOfFrames))
    ds["PixelData"].is_undefined_length = True


def _odd_colours(ds: Any) -> None:
    ds.SegmentSequence[0].RecommendedDisplayCIELabValue = [65535]
    ds.SegmentSequence[1].RecommendedDisplayCIELabValue = [0, 65535, 65535]


def _twins(ds: Any) -> None:
    for each in ds.SegmentSequence:
        each.SegmentNumber = 1


def _sources(ds: Any) -> Iterator[Any]:
    groups = [*ds.get("SharedFunctionalGroupsSequence", [])]
    groups += ds.get("PerFrameFunctionalGroupsSequence", [])
    for group in groups:
        for derivation in group.get("DerivationImageSequence", []):
            yield from derivation.get("SourceImageSequence", [])


def _unreferenced(ds: Any) -> None:
    for group in ds.PerFrameFunctionalGroupsSequence:
        if "DerivationImageSequence" in group:
            del group.DerivationImageSequence
    for keyword in ("ReferencedSeriesSequence", "SourceImageSequence"):
        if keyword in ds:
            delattr(ds, keyword)


def _unreferenced_and_nowhere(ds: Any) -> None:
    _unreferenced(ds)
    del ds.FrameOfReferenceUID
    for group in ds.PerFrameFunctionalGroupsSequence:
        if "PlanePositionSequence" in group:
            del group.PlanePositionSequence
