"""The files that are damaged: one of each kind, made in code, small and quick to read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from pydicom.dataset import Dataset
from trees import Tree, take_apart

import presentationstates as states
import reportmaker as reports
from rendicom.testing import (
    element,
    encapsulate,
    functional_groups,
    icc_profile,
    image,
    lookup_table,
    overlay,
    palette,
    rle,
    sequence,
)

__all__ = ["document_seeds", "image_seeds", "state_seeds"]

ROOT = "1.2.840.10008.1.2"
CLASS = "1.2.840.10008.5.1.4.1.1"
VALUES = np.arange(48, dtype=np.int16).reshape(6, 8) * 500 - 9000
COLOURS = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
GRAY = np.ascontiguousarray(COLOURS[..., 0])
NAMED = [
    element(0x00080005, "CS", "ISO_IR 192"), element(0x0020000D, "UI", "1.2.3.1"),
    element(0x0020000E, "UI", "1.2.3.2"), element(0x00100010, "PN", "Doe^Jane"),
    element(0x00100020, "LO", "P1"), element(0x00100030, "DA", "19700101"),
    element(0x00080020, "DA", "20240229"), element(0x00080030, "TM", "120000"),
    element(0x00081030, "LO", "Chest"), element(0x0020000D, "UI", "1.2.3.1"),
    element(0x00200011, "IS", 1), element(0x00200013, "IS", 1),
]  # fmt: skip
RICH = [
    *NAMED,
    element(0x00281050, "DS", [40, 300]), element(0x00281051, "DS", [400, 1500]),
    element(0x00281055, "LO", ["soft", "bone"]), element(0x00281056, "CS", "LINEAR"),
    element(0x00281053, "DS", "1.5"), element(0x00281052, "DS", "-100"),
    element(0x00280120, "SS", -9000), element(0x00280121, "SS", -8000),
    element(0x00280030, "DS", [0.5, 0.25]),
    lookup_table(range(50), first=-9000, bits=8, vr="SS", explanation="curve"),
    sequence(0x00081140, [element(0x00081155, "UI", "1.2"), sequence(0x00081199, [])]),
    element(0x00181600, "CS", ["RECTANGULAR", "CIRCULAR", "POLYGONAL"]),
    element(0x00181602, "IS", 1), element(0x00181604, "IS", 7), element(0x00181606, "IS", 1),
    element(0x00181608, "IS", 6), element(0x00181610, "IS", [3, 4]), element(0x00181612, "IS", 3),
    element(0x00181620, "IS", [1, 1, 1, 8, 6, 4]), element(0x00181622, "US", 0),
    *overlay(np.eye(6, 8)),
]  # fmt: skip
TIMES = [
    element(0x00181063, "DS", 40), element(0x00280009, "AT", 0x00181065),
    element(0x00181065, "DS", [0, 40, 60]), element(0x00280034, "IS", [2, 1]),
    element(0x00286010, "US", 1),
]  # fmt: skip


def _native() -> dict[str, bytes]:
    frames = np.stack([VALUES, VALUES[::-1], VALUES // 2])
    halves = np.arange(2 * 6 * 8 * 2, dtype=np.uint8).tobytes()
    return {
        "gray": image(VALUES, extra=RICH, sop_class=f"{CLASS}.2", modality="CT"),
        "twelve": image(
            GRAY.astype(np.uint16) * 16, bits_stored=12, high_bit=13, photometric="MONOCHROME1",
            extra=[*NAMED, lookup_table(range(0, 400, 2), tag=0x00283000), *TIMES],
        ),
        "byte": image(GRAY, extra=NAMED, modality="US"),
        "frames": image(frames, extra=[*NAMED, *TIMES], sop_class=f"{CLASS}.12.1", modality="XA"),
        "wide": image(VALUES.astype(np.int32) * 70000, extra=NAMED),
        "bits": image(
            np.stack([VALUES > 0] * 3), bits_allocated=1, bits_stored=1, signed=False, extra=NAMED,
            sop_class=f"{CLASS}.66.4", modality="SEG",
        ),
        "float": image(VALUES.astype(np.float32) / 7, extra=NAMED, sop_class=f"{CLASS}.30"),
        "double": image(VALUES.astype(np.float64) / 7, extra=RICH),
        "rgb": image(
            COLOURS, photometric="RGB", planar=1,
            extra=[*NAMED, element(0x00282000, "OB", icc_profile())],
        ),
        "ybr": image(COLOURS, photometric="YBR_FULL", extra=NAMED),
        "half": image(
            halves, rows=6, columns=8, frames=2, photometric="YBR_FULL_422", extra=NAMED
        ),
        "palette": image(
            GRAY, photometric="PALETTE COLOR",
            extra=[*NAMED, *palette(range(0, 65536, 257), range(256), range(0, 512, 2))],
        ),
        "segments": image(
            GRAY, photometric="PALETTE COLOR",
            extra=[*NAMED, *palette(
                [0, 2, 7, 9, 1, 50, 65535, 2, 1, 0, 0], [0, 1, 7, 1, 53, 9], [0, 1, 7, 1, 53, 0],
                segmented=True, count=54,
            )],
        ),
        "embedded": image(
            GRAY.astype(np.uint16), bits_stored=12,
            extra=[*NAMED, *overlay(np.eye(6, 8), embedded_bit=13),
                   *overlay(np.ones((2, 4, 4)), group=0x6002, row=-1, frame_origin=1)],
        ),
    }  # fmt: skip


def _groups() -> dict[str, bytes]:
    frames = np.stack([VALUES, VALUES[::-1]])
    shared = [
        sequence(0x00289145, [element(0x00281053, "DS", 2), element(0x00281052, "DS", 1)]),
        sequence(0x00289110, [element(0x00280030, "DS", [0.5, 0.5])]),
    ]
    windows = [element(0x00281050, "DS", 3), element(0x00281051, "DS", 900)]
    per_frame = [[sequence(0x00289132, windows)], [sequence(0x00289132, [])]]
    segments = [
        [
            element(0x00620004, "US", number),
            element(0x00620005, "LO", "liver"),
            element(0x0062000D, "US", [40000, 30000, 20000 + number]),
        ]
        for number in (1, 2)
    ]
    identified = [
        [sequence(0x0062000A, [element(0x0062000B, "US", number)]),
         sequence(0x00209111, [element(0x00209157, "UL", [1, number])])]
        for number in (1, 2)
    ]  # fmt: skip
    return {
        "enhanced": image(
            frames, sop_class=f"{CLASS}.2.1", modality="CT",
            extra=[*NAMED, *functional_groups(shared=shared, per_frame=per_frame)],
        ),
        "segmentation": image(
            np.stack([GRAY, GRAY]), sop_class=f"{CLASS}.66.4", modality="SEG",
            extra=[
                *NAMED, element(0x00620001, "CS", "FRACTIONAL"), element(0x0062000E, "US", 200),
                sequence(0x00620002, *segments), *functional_groups(per_frame=identified),
            ],
        ),
        "slide": image(
            np.stack([COLOURS] * 4), sop_class=f"{CLASS}.77.1.6", modality="SM", photometric="RGB",
            extra=[
                *NAMED, element(0x00480006, "UL", 16), element(0x00480007, "UL", 12),
                element(0x00080008, "CS", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]),
            ],
        ),
        "dose": image(
            VALUES.view(np.uint16), sop_class=f"{CLASS}.481.2", modality="RTDOSE",
            extra=[*NAMED, element(0x3004000E, "DS", "0.001")],
        ),
    }  # fmt: skip


def _coded() -> dict[str, bytes]:
    from imagecodecs import (
        htj2k_encode,
        jpeg2k_encode,
        jpeg8_encode,
        jpegls_encode,
        jpegxl_encode,
    )

    deep = VALUES.view(np.uint16)
    streams = {
        ("5", 16): rle(VALUES), ("5", 24): rle(COLOURS), ("4.50", 24): jpeg8_encode(COLOURS, 90),
        ("4.50", 8): jpeg8_encode(GRAY, 90),
        ("4.70", 8): jpeg8_encode(GRAY, lossless=True, predictor=1),
        ("4.57", 16): jpeg8_encode(deep, lossless=True, predictor=4),
        ("4.80", 24): jpegls_encode(COLOURS), ("4.80", 16): jpegls_encode(deep),
        ("4.90", 24): jpeg2k_encode(COLOURS, codecformat="j2k", reversible=True),
        ("4.91", 16): jpeg2k_encode(deep, level=40, codecformat="jp2"),
        ("4.201", 16): htj2k_encode(deep, reversible=True),
        ("4.110", 8): jpegxl_encode(GRAY, lossless=True),
    }  # fmt: skip
    made = {}
    for number, ((suffix, bits), stream) in enumerate(streams.items()):
        table = ("empty", "basic", "extended")[number % 3]
        pieces = 1 if table == "extended" else 1 + number % 2
        made[f"{suffix}-{bits}"] = image(
            encapsulate([bytes(stream)] * 2, offset_table=table, fragments_per_frame=pieces),  # type: ignore[arg-type]
            rows=6, columns=8, frames=2, bits_allocated=16 if bits == 16 else 8,
            photometric="RGB" if bits == 24 else "MONOCHROME2", extra=RICH if bits != 24 else NAMED,
            transfer_syntax=f"{ROOT}.{suffix}", signed=suffix == "5" and bits == 16,
        )  # fmt: skip
    return made


@cache
def image_seeds() -> Mapping[str, Tree]:
    """Return images of every layout, colour model and codec."""
    return {name: take_apart(data) for name, data in (_native() | _groups() | _coded()).items()}


@cache
def state_seeds() -> Mapping[str, Tree]:
    """Return presentation states for those images."""
    from rendicom.testing.images import lookup_table as table

    drawn = states.annotated(
        states.annotations(
            "ONE",
            figures=[
                states.figure("POLYLINE", 1, 1, 7, 5, 2, 5), states.figure("CIRCLE", 4, 3, 6, 3),
                states.figure("ELLIPSE", 1, 3, 7, 3, 4, 1, 4, 5, filled="Y"),
                states.figure("INTERPOLATED", 1, 1, 3, 5, 7, 1), states.figure("POINT", 2, 2),
            ],
            texts=[
                states.text("Note", box=(1, 1, 7, 5)),
                states.text("mm", anchor=(3, 3), visible="Y"),
            ],
        ),
    )  # fmt: skip
    gray = [
        *states.rescale("2", "-5"), states.vois(states.voi("300", "900"), states.voi("1", "2")),
        states.area((1, 1), (8, 6)), states.layers(states.layer("ONE", gray=40000)), drawn,
        element(0x20500020, "CS", "INVERSE"), element(0x00181600, "CS", "RECTANGULAR"),
        element(0x00181602, "IS", 2), element(0x00181604, "IS", 7), element(0x00181606, "IS", 2),
        element(0x00181608, "IS", 6), element(0x00181622, "US", 30000),
        element(0x00700041, "CS", "Y"), element(0x00700042, "US", 90),
        *overlay(np.eye(6, 8)), element(0x60001001, "CS", "ONE"),
    ]  # fmt: skip
    made = {
        "gray": states.state(*gray),
        "tables": states.state(
            table(range(0, 4000, 9), tag=0x00283000),
            table(range(300), tag=0x20500010),
            states.area((2, 2), (4, 4), element(0x00700103, "FL", 3.5), mode="MAGNIFY"),
        ),
        "colour": states.state(states.area((0, 0), (9, 9), mode="TRUE SIZE"), kind=states.COLOUR),
        "pseudo": states.state(
            *palette(range(256), range(256), range(256)), kind=states.PSEUDO_COLOUR
        ),
    }
    return {name: take_apart(data) for name, data in made.items()}


@cache
def document_seeds() -> Mapping[str, Tree]:
    """Return reports and encapsulated documents."""
    made: dict[str, Dataset] = {
        "report": reports.report(
            reports.container(
                "Findings",
                reports.number("Length", "12.5"),
                reports.item("TEXT", "Note", TextValue="nothing\nnew"),
                reports.item("CODE", "Site", ConceptCodeSequence=reports.code("Liver")),
                reports.item("PNAME", "Who", PersonName="Doe^John"),
                reports.item("DATETIME", "When", DateTime="20240229120000+0100"),
                reports.objects("IMAGE", "1.2.3.9", ReferencedFrameNumber=[1, 2]),
                reports.item("SCOORD", "Place", GraphicType="POLYLINE", GraphicData=[1, 1, 2, 2]),
                reports.item(
                    "TCOORD", "Time", TemporalRangeType="POINT", ReferencedSamplePositions=[1]
                ),
            ),
            CurrentRequestedProcedureEvidenceSequence=reports.sequence_of("1.2", "1.3", "1.4"),
        ),
        "keys": reports.report(
            reports.objects("IMAGE", "1.2.3.9"), sop_class=reports.KEY_OBJECTS, title="Of Interest"
        ),
        "pdf": reports.encapsulated(b"%PDF-1.7\n%%EOF\n", 1),
        "cda": reports.encapsulated(
            b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>Letter</title>'
            b"<component><structuredBody><component><section><title>A</title><text><table><tr><td>x"
            b"</td></tr></table><list><item>y</item></list></text></section></component>"
            b"</structuredBody></component></ClinicalDocument>",
            2, MIMETypeOfEncapsulatedDocument="text/XML",
        ),
        "stl": reports.encapsulated(b"solid x\nendsolid x\n", 3),
        "obj": reports.encapsulated(b"v 1 2 3\nf 1 1 1\n", 4),
    }  # fmt: skip
    return {name: take_apart(reports.part10(dataset)) for name, dataset in made.items()}
