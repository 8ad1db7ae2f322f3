"""Time of a picture with layers, as a ratio to the same picture without.

    python benchmarks/layers.py [--quick]

A CT of 512x512 is shown plain and with each kind of object on it, as JPEG. Columns: milliseconds of
processor time and their ratio, (a) from a path to bytes, objects opened anew, (b) with image and
objects open and their frames read once, (c) of the command as a whole process, with and without
--layer. Rounds alternate between plain and layered.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

import rendicom

AIM = 2.5
STORAGE = "1.2.840.10008.5.1.4.1.1."
SIDE, SLICES = 512, 12
STUDY, FRAME_OF_REFERENCE = generate_uid(), generate_uid()


def dataset(sop_class: str, modality: str) -> Dataset:
    """Return an object with the attributes that all have."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = STORAGE + sop_class
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = STUDY, generate_uid()
    ds.FrameOfReferenceUID, ds.Modality = FRAME_OF_REFERENCE, modality
    return ds


def image(values: np.ndarray, sop_class: str, modality: str, z: float, spacing: float) -> Dataset:
    """Return an image of 16 bits, in the plane at ``z``."""
    ds = dataset(sop_class, modality)
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, z], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [spacing, spacing]
    ds.Rows, ds.Columns = values.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 0
    ds.RescaleSlope, ds.RescaleIntercept = 1, 0
    ds.WindowCenter, ds.WindowWidth = 500, 1000
    ds.PixelData = values.astype("<u2").tobytes()
    return ds


def segmentation(images: list[Dataset]) -> Dataset:
    """Return two segments on every image, as frames of one bit."""
    ds = dataset("66.4", "SEG")
    masks = np.zeros((2, SIDE, SIDE), np.uint8)
    masks[0, 80:430, 60:450] = masks[1, 200:260, 200:280] = 1
    masks[0] -= masks[1]
    ds.Rows = ds.Columns = SIDE
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = ds.PixelRepresentation = 0
    ds.SegmentationType, ds.NumberOfFrames = "BINARY", 2 * len(images)
    ds.SegmentSequence, ds.PerFrameFunctionalGroupsSequence = [Dataset(), Dataset()], []
    for number, segment in enumerate(ds.SegmentSequence, 1):
        segment.SegmentNumber, segment.SegmentLabel = number, f"part {number}"
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing = [0.7, 0.7]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    ds.SharedFunctionalGroupsSequence = [shared]
    for number in (1, 2):
        for each in images:
            group, place, which = Dataset(), Dataset(), Dataset()
            place.ImagePositionPatient = each.ImagePositionPatient
            which.ReferencedSegmentNumber = number
            derivation = Dataset()
            derivation.SourceImageSequence = [reference(each)]
            group.PlanePositionSequence, group.SegmentIdentificationSequence = [place], [which]
            group.DerivationImageSequence = [derivation]
            ds.PerFrameFunctionalGroupsSequence.append(group)
    every = np.repeat(masks, len(images), axis=0)
    ds.PixelData = np.packbits(every.reshape(-1), bitorder="little").tobytes()
    return ds


def reference(ds: Dataset) -> Dataset:
    """Return an item that refers to an object."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return item


def structure_set(images: list[Dataset]) -> Dataset:
    """Return three regions with a contour of 200 points on every image."""
    ds = dataset("481.3", "RTSTRUCT")
    ds.StructureSetROISequence, ds.ROIContourSequence = [], []
    turns = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    for number, radius in enumerate((120, 60, 20), 1):
        region, looks = Dataset(), Dataset()
        region.ROINumber, region.ROIName = number, f"region {number}"
        region.ReferencedFrameOfReferenceUID = FRAME_OF_REFERENCE
        looks.ReferencedROINumber, looks.ContourSequence = number, []
        for each in images:
            contour = Dataset()
            contour.ContourImageSequence = [reference(each)]
            contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 200
            x, y = 180 + radius * np.cos(turns), 180 + radius * np.sin(turns)
            z = np.full(200, float(each.ImagePositionPatient[2]))
            contour.ContourData = np.stack([x, y, z], 1).round(3).reshape(-1).tolist()
            looks.ContourSequence.append(contour)
        ds.StructureSetROISequence.append(region)
        ds.ROIContourSequence.append(looks)
    return ds


def dose() -> Dataset:
    """Return a dose grid of 100x100x12 over the images."""
    row, column = np.mgrid[:100, :100]
    plane = 60000 * np.exp(-((row - 50) ** 2 + (column - 50) ** 2) / 900)
    ds = image(np.stack([plane] * SLICES), "481.2", "RTDOSE", 0, 3.5)
    ds.DoseUnits, ds.DoseGridScaling, ds.NumberOfFrames = "GY", 0.001, SLICES
    ds.GridFrameOffsetVector = [3.0 * number for number in range(SLICES)]
    ds.FrameIncrementPointer = 0x3004000C
    return ds


def report(on: Dataset) -> Dataset:
    """Return a report with a polyline of 40 points."""
    ds = dataset("88.33", "SR")
    item, source = Dataset(), Dataset()
    turns = np.linspace(0, 2 * np.pi, 40)
    item.RelationshipType, item.ValueType, item.GraphicType = "CONTAINS", "SCOORD", "POLYLINE"
    points = np.stack([250 + 40 * np.cos(turns), 250 + 40 * np.sin(turns)], 1)
    item.GraphicData = points.reshape(-1).tolist()
    source.RelationshipType, source.ValueType = "SELECTED FROM", "IMAGE"
    source.ReferencedSOPSequence = [reference(on)]
    item.ContentSequence = [source]
    ds.ValueType, ds.ContinuityOfContent, ds.ContentSequence = "CONTAINER", "SEPARATE", [item]
    return ds


def write(folder: Path) -> dict[str, list[Path]]:
    """Write all of it; return the layers by their kind."""
    rng = np.random.default_rng(1)
    tissue = rng.integers(300, 700, (SIDE, SIDE))
    images = [image(tissue, "2", "CT", 3.0 * each, 0.7) for each in range(SLICES)]
    pet = [
        image(rng.integers(0, 1000, (128, 128)), "128", "PT", 3.0 * each, 2.8)
        for each in range(SLICES)
    ]
    for ds in pet:
        ds.SeriesInstanceUID = pet[0].SeriesInstanceUID
    objects = {
        "SEG": [segmentation(images)], "RTSTRUCT": [structure_set(images)], "RTDOSE": [dose()],
        "PET": pet, "SR": [report(images[5])],
    }  # fmt: skip
    images[5].save_as(folder / "ct.dcm", enforce_file_format=True)
    found: dict[str, list[Path]] = {}
    for kind, every in objects.items():
        (folder / kind).mkdir()
        for number, ds in enumerate(every):
            ds.save_as(folder / kind / f"{number}.dcm", enforce_file_format=True)
        found[kind] = [folder / kind if kind == "PET" else folder / kind / "0.dcm"]
    return found


def spent_by_children() -> float:
    """Return the processor seconds of processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def command(path: Path, target: Path, layer: Path | None = None) -> None:
    """Convert an image in a process."""
    more = ["--layer", str(layer)] if layer else []
    words = [sys.executable, "-m", "rendicom", "convert", str(path), str(target), *more]
    subprocess.run(words, check=True, capture_output=True)


def timed(
    calls: list[Callable[[], Any]], rounds: int, clock: Callable[[], float] = time.process_time
) -> list[float]:
    """Return the median processor time of each call in milliseconds."""
    spent: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    for _ in range(rounds):
        for times, call in zip(spent, calls, strict=True):
            began = clock()
            call()
            times.append(clock() - began)
    return [median(times) * 1000 for times in spent]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 7 if parser.parse_args().quick else 31
    print(f"{'':9}{'anew':>18}{'open':>26}{'command':>26}        (aim: {AIM})")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, layers in write(folder).items():
            path = folder / "ct.dcm"
            instance, opened = rendicom.open_instance(path), rendicom.open_layers(layers)
            plain, layered, warm, warm_layered = timed(
                [
                    lambda path=path: rendicom.open_instance(path).render(),
                    lambda path=path, layers=layers: rendicom.compose(path, layers),
                    instance.render,
                    lambda instance=instance, opened=opened: instance.render(layers=opened),
                ],
                rounds,
            )
            target = folder / "picture.jpg"
            bare, with_layer = timed(
                [
                    lambda path=path, target=target: command(path, target),
                    lambda path=path, target=target, layers=layers: command(
                        path, target, layers[0]
                    ),
                ],
                max(5, rounds // 3),
                spent_by_children,
            )
            assert instance.render(layers=opened).layers, kind
            print(
                f"{kind:9}{plain:6.1f} {layered:6.1f} {layered / plain:5.1f}"
                f"{warm:12.1f} {warm_layered:6.1f} {warm_layered / warm:6.1f}"
                f"{bare:12.1f} {with_layer:6.1f} {with_layer / bare:6.1f}"
            )


if __name__ == "__main__":
    main()
