"""A study for other viewers: a series for each colour model, codec and modality, made in code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rendicom.testing import element, encapsulate, functional_groups, image, palette, rle, sequence
from rendicom.testing.writer import Element

__all__ = ["PLAYED", "SLIDE", "STUDY", "Viewed", "slide_matrix", "write_slide", "write_viewed"]

STUDY, SLIDE = "1.2.826.0.1.3680043.8.498.78", "1.2.826.0.1.3680043.8.498.81"
PLAYED = {"Video of one class": "77.1.1.1", "Video of another": "77.1.4.1"}
"""Series that OHIF plays, as it knows their transfer syntax, and the end of their SOP class."""
CLASS = "1.2.840.10008.5.1.4.1.1"
JPEG, LOSSLESS, FIRST_ORDER, LS, NEAR, J2K, LOSSY_J2K, HTJ2K = (
    f"1.2.840.10008.1.2.4.{last}" for last in (50, 57, 70, 80, 81, 90, 91, 201)
)
RLE = "1.2.840.10008.1.2.5"
ROWS, COLUMNS, FILM = 64, 96, 10
TILE = 32
Array = NDArray[Any]


class Viewed(NamedTuple):
    """A series that was made: its description, its UID, and whether it is in colour."""

    name: str
    series: str
    is_colour: bool


def ramp() -> Array:
    """Return 8 bits that differ in every direction: no turn or flip of it is the same."""
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    values = 30 + columns * 150 // COLUMNS + rows * 40 // ROWS
    values[:16, :24] = 255
    values[-16:, -24:] = 0
    return values.astype(np.uint8)


def colours() -> Array:
    """Return RGB whose planes are three different ramps."""
    gray = ramp()
    return np.ascontiguousarray(np.stack([gray, gray[::-1], 255 - gray // 2], axis=-1))


def ybr_full(rgb: Array) -> Array:
    """Return YCbCr of full range (PS3.3 C.7.6.3.1.2)."""
    matrix = np.array([
        [0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312],
    ])  # fmt: skip
    values = rgb @ matrix.T + [0, 128, 128]
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def halved(ybr: Array) -> bytes:
    """Return YBR_FULL_422: two Y, then Cb and Cr of the left one (PS3.3 C.7.6.3.1.2)."""
    pairs = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=-1)
    return pairs.tobytes()


def _identity(name: str, number: int, instance: int) -> list[Element]:
    series = f"{STUDY}.{number}"
    return [
        element(0x00080005, "CS", "ISO_IR 192"), element(0x00080018, "UI", f"{series}.{instance}"),
        element(0x00080020, "DA", "20240312"), element(0x00080030, "TM", "101500"),
        element(0x00080050, "SH", "V1"), element(0x00081030, "LO", "Every kind"),
        element(0x0008103E, "LO", name), element(0x00100010, "PN", "Viewed^Case"),
        element(0x00100020, "LO", "V-1"), element(0x0020000D, "UI", STUDY),
        element(0x0020000E, "UI", series), element(0x00200010, "SH", "1"),
        element(0x00200011, "IS", number), element(0x00200013, "IS", instance),
        element(0x00200052, "UI", f"{series}.9"),
    ]  # fmt: skip


def _placed(number: int) -> list[Element]:
    return [
        element(0x00200032, "DS", [0, 0, 3 * number]), element(0x00280030, "DS", [1, 1]),
        element(0x00200037, "DS", [1, 0, 0, 0, 1, 0]), element(0x00180050, "DS", 3),
    ]  # fmt: skip


_HOUNSFIELD = [
    element(0x00281050, "DS", 40), element(0x00281051, "DS", 400),
    element(0x00281052, "DS", -1024), element(0x00281053, "DS", 1),
]  # fmt: skip
_ULTRASOUND = [element(0x00280014, "US", 0)]
_LOSSY = [element(0x00282110, "CS", "01")]


def _hounsfield() -> Array:
    """Return stored values whose window of 40 and 400 shows the ramp."""
    return (1024 - 160 + ramp().astype(np.int32) * 400 // 256).astype(np.uint16)


def _gray_codings() -> Iterator[tuple[str, str, Any, list[Element]]]:
    from imagecodecs import htj2k_encode, jpeg2k_encode, jpeg8_encode, jpegls_encode

    values = _hounsfield()
    yield "CT native", "1.2.840.10008.1.2.1", values, []
    yield "CT implicit", "1.2.840.10008.1.2", values, []
    yield "CT big endian", "1.2.840.10008.1.2.2", values, []
    yield "CT deflated", "1.2.840.10008.1.2.1.99", values, []
    streams = {
        "CT RLE": (RLE, rle(values)),
        "CT JPEG lossless": (LOSSLESS, jpeg8_encode(values, lossless=True, predictor=6)),
        "CT JPEG lossless SV1": (FIRST_ORDER, jpeg8_encode(values, lossless=True, predictor=1)),
        "CT JPEG-LS": (LS, jpegls_encode(values)),
        "CT JPEG-LS near": (NEAR, jpegls_encode(values, level=2)),
        "CT JPEG 2000": (J2K, jpeg2k_encode(values, codecformat="j2k", reversible=True)),
        "CT JPEG 2000 lossy": (LOSSY_J2K, jpeg2k_encode(values, codecformat="j2k", level=80)),
        "CT HTJ2K": (HTJ2K, htj2k_encode(values, reversible=True)),
    }
    for name, (syntax, stream) in streams.items():
        yield name, syntax, bytes(stream), _LOSSY if syntax in (NEAR, LOSSY_J2K) else []


def _colour_codings() -> Iterator[tuple[str, str, str, Any, dict[str, Any]]]:
    from imagecodecs import htj2k_encode, jpeg2k_encode, jpeg8_encode, jpegls_encode

    rgb, native = colours(), "1.2.840.10008.1.2.1"
    ybr = ybr_full(rgb)
    yield "US RGB", native, "RGB", rgb, {}
    yield "US RGB planes", native, "RGB", rgb, {"planar": 1}
    yield "US YBR_FULL", native, "YBR_FULL", ybr, {}
    yield "US YBR_FULL_422", native, "YBR_FULL_422", halved(ybr), {}
    indices = rgb[..., 0] // 4
    tables = [np.arange(64) * 1024, np.arange(64)[::-1] * 1024, np.full(64, 30000)]
    yield "US palette", native, "PALETTE COLOR", indices, {"extra": palette(*tables)}
    yield "US RLE", RLE, "RGB", rle(rgb), {}
    yield "US RLE YBR", RLE, "YBR_FULL", rle(ybr), {}
    baseline = jpeg8_encode(rgb, 95, subsampling="422")
    yield "US JPEG 422", JPEG, "YBR_FULL_422", baseline, {"lossy": True}
    yield "US JPEG 444", JPEG, "YBR_FULL", jpeg8_encode(rgb, 95, subsampling="444"), {"lossy": True}
    plain = jpeg8_encode(rgb, 95, colorspace="RGB", outcolorspace="RGB")
    yield "US JPEG RGB", JPEG, "RGB", plain, {"lossy": True}
    lossless = jpeg8_encode(rgb, lossless=True, predictor=1)
    yield "US JPEG lossless", FIRST_ORDER, "RGB", lossless, {}
    yield "US JPEG-LS", LS, "RGB", jpegls_encode(rgb), {}
    j2k = jpeg2k_encode(rgb, codecformat="j2k", reversible=True)
    yield "US JPEG 2000", J2K, "YBR_RCT", j2k, {}
    lossy = jpeg2k_encode(rgb, codecformat="j2k", reversible=False, level=50)
    yield "US JPEG 2000 lossy", LOSSY_J2K, "YBR_ICT", lossy, {"lossy": True}
    yield "US HTJ2K", HTJ2K, "YBR_RCT", htj2k_encode(rgb, reversible=True), {}


def _made() -> Iterator[tuple[str, str, bool, list[tuple[Any, dict[str, Any]]]]]:
    """Yield name, modality, whether it is in colour, and pixels and header of each instance."""
    for name, syntax, pixels, more in _gray_codings():
        slices = []
        for number in range(1, 4):
            header: dict[str, Any] = {"bits_stored": 12, "signed": False}
            if isinstance(pixels, bytes):
                header |= {"rows": ROWS, "columns": COLUMNS, "bits_allocated": 16}
            held = encapsulate([pixels]) if isinstance(pixels, bytes) else pixels
            extra = [*_HOUNSFIELD, *more, *_placed(number)]
            slices.append((held, header | {
                "sop_class": f"{CLASS}.2", "transfer_syntax": syntax, "extra": extra,
            }))  # fmt: skip
        yield name, "CT", False, slices
    for name, syntax, model, pixels, given in _colour_codings():
        more = dict(given)
        extra = [*more.pop("extra", ()), *(_LOSSY if more.pop("lossy", False) else ())]
        header = {"sop_class": f"{CLASS}.6.1", "photometric": model, "transfer_syntax": syntax}
        if not isinstance(pixels, np.ndarray):
            header |= {"rows": ROWS, "columns": COLUMNS}
            pixels = (
                pixels
                if model == "YBR_FULL_422" and syntax != JPEG
                else encapsulate([bytes(pixels)])
            )
        yield name, "US", True, [(pixels, header | more | {"extra": [*_ULTRASOUND, *extra]})]
    yield from _modalities()


def _modalities() -> Iterator[tuple[str, str, bool, list[tuple[Any, dict[str, Any]]]]]:
    gray, deep = ramp(), ramp().astype(np.uint16)
    cine = np.stack([gray, gray // 2, gray // 3])
    speed = [element(0x00181063, "DS", 100), element(0x00280009, "AT", 0x00181063)]
    yield "XA cine", "XA", False, [(cine, {"sop_class": f"{CLASS}.12.1", "extra": speed})]
    rgb = colours()
    yield (
        "US cine",
        "US",
        True,
        [
            (
                np.stack([rgb, rgb // 2]),
                {"sop_class": f"{CLASS}.3.1", "photometric": "RGB", "extra": speed},
            )
        ],
    )
    yield "NM", "NM", False, [
        (np.stack([deep * 4, deep * 3]), {"sop_class": f"{CLASS}.20", "extra": [
            element(0x00280030, "DS", [2, 2]), element(0x00540010, "US", [1, 1]),
            element(0x00540020, "US", [1, 1]), element(0x00540021, "US", 1),
            element(0x00540011, "US", 1),
        ]})
    ]  # fmt: skip
    for name, kind, modality in (("MR", "4", "MR"), ("PT", "128", "PT")):
        slices = []
        for number in range(1, 4):
            extra = [
                *_placed(number), element(0x00281050, "DS", 1020), element(0x00281051, "DS", 2040),
                element(0x00281052, "DS", 0), element(0x00281053, "DS", 2),
                element(0x00541001, "CS", "BQML"), element(0x00541102, "CS", "START"),
            ]  # fmt: skip
            slices.append((deep * 4, {"sop_class": f"{CLASS}.{kind}", "extra": extra}))
        yield name, modality, False, slices
    mono = [
        element(0x00281050, "DS", 128),
        element(0x00281051, "DS", 256),
        element(0x20500020, "CS", "INVERSE"),
    ]
    yield (
        "DX MONOCHROME1",
        "DX",
        False,
        [(255 - gray, {"sop_class": f"{CLASS}.1.1", "photometric": "MONOCHROME1", "extra": mono})],
    )
    yield "Enhanced CT", "CT", False, [_enhanced()]
    for name, kind in PLAYED.items():
        header = {
            "sop_class": f"{CLASS}.{kind}", "photometric": "YBR_PARTIAL_420", "samples": 3,
            "rows": ROWS, "columns": COLUMNS, "frames": FILM, "extra": speed,
            "transfer_syntax": "1.2.840.10008.1.2.4.102",
        }  # fmt: skip
        yield name, "XC", True, [(encapsulate([_film()]), header)]


def _film() -> bytes:
    """Return H.264 in MP4: the colors, each frame darker than the one before."""
    from io import BytesIO

    import av

    held = BytesIO()
    with av.open(held, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = COLUMNS, ROWS, "yuv420p"
        for number in range(FILM):
            picture = (colours() * (1 - number / FILM)).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    return held.getvalue()


def _enhanced() -> tuple[Any, dict[str, Any]]:
    shared = [
        sequence(0x00209116, [element(0x00200037, "DS", [1, 0, 0, 0, 1, 0])]),
        sequence(0x00289110, [element(0x00280030, "DS", [1, 1]), element(0x00180050, "DS", 3)]),
        sequence(0x00289132, [element(0x00281050, "DS", 40), element(0x00281051, "DS", 400)]),
        sequence(0x00289145, [
            element(0x00281052, "DS", -1024), element(0x00281053, "DS", 1),
            element(0x00281054, "LO", "HU"),
        ]),
    ]  # fmt: skip
    per_frame = [
        [sequence(0x00209113, [element(0x00200032, "DS", [0, 0, 3 * number])]),
         sequence(0x00209111, [element(0x00209157, "UL", [1, number])])]
        for number in (1, 2)
    ]  # fmt: skip
    pixels = np.stack([_hounsfield()] * 2)
    extra = functional_groups(shared=shared, per_frame=per_frame)
    return pixels, {"sop_class": f"{CLASS}.2.1", "bits_stored": 12, "extra": list(extra)}


def write_viewed(folder: Path) -> list[Viewed]:
    """Write all series, and return them."""
    found = []
    for number, (name, modality, is_colour, instances) in enumerate(_made(), 1):
        for position, (pixels, header) in enumerate(instances, 1):
            extra = [*_identity(name, number, position), *header.pop("extra")]
            data = image(pixels, modality=modality, extra=extra, **header)
            path = folder / str(number) / f"{position}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        found.append(Viewed(name, f"{STUDY}.{number}", is_colour))
    return found


def slide_matrix() -> Array:
    """Return the total pixel matrix of the slide: RGB, 4 x 6 tiles."""
    return colours().repeat(2, axis=0).repeat(2, axis=1)


def write_slide(folder: Path) -> None:
    """Write a whole slide image of one level in tiles (PS3.3 A.32.8)."""
    matrix = slide_matrix()
    tiles = np.stack([
        matrix[row : row + TILE, column : column + TILE]
        for row in range(0, matrix.shape[0], TILE)
        for column in range(0, matrix.shape[1], TILE)
    ])  # fmt: skip
    light = [
        element(0x00080100, "SH", "111744"), element(0x00080102, "SH", "DCM"),
        element(0x00080104, "LO", "Brightfield illumination"),
    ]  # fmt: skip
    path = [element(0x00480106, "SH", "1"), sequence(0x00220016, light)]
    origin = [element(0x0040072A, "DS", 20), element(0x0040073A, "DS", 40)]
    measures = [element(0x00280030, "DS", [0.001, 0.001]), element(0x00180050, "DS", 0.001)]
    extra = [
        element(0x00080005, "CS", "ISO_IR 192"),
        element(0x00080008, "CS", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]),
        element(0x00080018, "UI", f"{SLIDE}.1.1"), element(0x0008103E, "LO", "Slide"),
        element(0x00100010, "PN", "Viewed^Slide"), element(0x00100020, "LO", "V-2"),
        element(0x0020000D, "UI", SLIDE), element(0x0020000E, "UI", f"{SLIDE}.1"),
        element(0x00200011, "IS", 1), element(0x00200013, "IS", 1),
        element(0x00200052, "UI", f"{SLIDE}.9"), element(0x00209311, "CS", "TILED_FULL"),
        element(0x00400512, "LO", "S-1"), element(0x00480001, "FL", 0.192),
        element(0x00480002, "FL", 0.128), element(0x00480006, "UL", matrix.shape[1]),
        element(0x00480007, "UL", matrix.shape[0]), sequence(0x00480008, origin),
        element(0x00480102, "DS", [0, -1, 0, -1, 0, 0]), sequence(0x00480105, path),
        element(0x00480302, "UL", 1), element(0x00480303, "UL", 1),
        *functional_groups(shared=[sequence(0x00289110, measures)], per_frame=[]),
    ]  # fmt: skip
    data = image(
        tiles, sop_class=f"{CLASS}.77.1.6", photometric="RGB", modality="SM", extra=extra
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "slide.dcm").write_bytes(data)
