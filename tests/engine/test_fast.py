"""Pictures of a frame that was decoded at a smaller size: what is decoded, and where it lies."""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np
import pytest

import rendicom
from rendicom import RenderOptions
from rendicom.testing.images import image, overlay
from rendicom.testing.writer import element, encapsulate

ROWS, COLUMNS = 1000, 777
SYNTAXES = {
    "jpeg2000": "1.2.840.10008.1.2.4.90",
    "htj2k": "1.2.840.10008.1.2.4.201",
    "jpeg": "1.2.840.10008.1.2.4.50",
}
KINDS = tuple(SYNTAXES)
FAST = RenderOptions(max_size=100, fast=True)
EXACT = RenderOptions(max_size=100)


def ramp(top: int = 255) -> Any:
    """Return values that rise along both axes: they keep their places under any good reduction."""
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    return np.round((rows + columns) * top / (ROWS + COLUMNS - 2)).astype(
        np.uint8 if top < 256 else np.uint16
    )


def stream(samples: Any, kind: str) -> bytes:
    if kind == "jpeg2000":
        return bytes(imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True))
    if kind == "htj2k":
        return bytes(imagecodecs.htj2k_encode(samples, reversible=True))
    return bytes(imagecodecs.jpeg8_encode(samples, 95))


def stored(
    *frames: Any, kind: str, window: str = "128\\256", extra: Any = (), **more: Any
) -> bytes:
    """Return a file of one frame or several, each one compressed stream."""
    first = frames[0]
    parts = zip((0x00281050, 0x00281051), window.split("\\"), strict=True) if window else ()
    shown = [element(tag, "DS", part) for tag, part in parts]
    return image(
        encapsulate([stream(each, kind) for each in frames]),
        rows=first.shape[0],
        columns=first.shape[1],
        frames=len(frames) if len(frames) > 1 else None,
        bits_allocated=first.dtype.itemsize * 8,
        signed=first.dtype.kind == "i",
        transfer_syntax=SYNTAXES[kind],
        **{"extra": (*shown, *extra), **more},
    )


def difference(data: bytes, fast: RenderOptions = FAST, exact: RenderOptions = EXACT) -> Any:
    with rendicom.open_instance(data) as instance:
        return instance.display(1, fast).astype(int) - instance.display(1, exact)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many pixels each call of a codec gave; it grows while a test renders."""
    from rendicom.pixels import choose

    counts: list[int] = []
    original = choose.decode_stream

    def counted(*arguments: Any) -> Any:
        result = original(*arguments)
        counts.append(result.samples.shape[0] * result.samples.shape[1])
        return result

    monkeypatch.setattr(choose, "decode_stream", counted)
    return counts


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [30, 100, 256, 499])
def test_few_pixels_are_decoded(kind: str, size: int, decoded: list[int]) -> None:
    data = stored(ramp(), kind=kind)
    made = rendicom.render(data, 1, RenderOptions(max_size=size, fast=True))
    most = 4 if kind != "jpeg" or size > 125 else 4 * (125 / size) ** 2  # JPEG stops at an eighth
    assert made.width * made.height <= sum(decoded) <= most * made.width * made.height
    assert max(made.width, made.height) == size


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [40, 100, 125, 300])
def test_places_are_those_of_the_whole_image(kind: str, size: int) -> None:
    data = stored(
        ramp(255 if kind == "jpeg" else 4000),
        kind=kind,
        window="128\\256" if kind == "jpeg" else "2000\\4001",
    )
    apart = difference(
        data,
        RenderOptions(max_size=size, fast=True, bit_depth=16),
        RenderOptions(max_size=size, bit_depth=16),
    )
    # One pixel of the image further down and to the right, the ramp is 74 higher.
    assert abs(apart[2:-2, 2:-2].mean()) < 45
    assert np.abs(apart).max() <= 400


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "viewport", ["90,90,200,100,500,700", "60,60,3,5,-401,-603", "50,50,640,900,130,95"]
)
def test_regions_and_turns(kind: str, viewport: str) -> None:
    options = {"viewport": viewport, "rotate": 90, "flip": "h"}
    apart = difference(
        stored(ramp(), kind=kind),
        RenderOptions(fast=True, **options),
        RenderOptions(**options),
    )
    assert np.abs(apart).max() <= 2
    assert abs(apart.mean()) < 0.5


@pytest.mark.parametrize("kind", ["jpeg2000", "htj2k"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_sharp_edges_do_not_wrap_around(kind: str, dtype: str) -> None:
    info = np.iinfo(dtype)
    samples = np.full((512, 512), info.min, dtype)
    for row in range(0, 512, 16):
        samples[row : row + 7] = info.max
    samples[:, ::5] = info.min
    window = f"{(int(info.max) + int(info.min) + 1) // 2}\\{int(info.max) - int(info.min) + 1}"
    fast, exact = RenderOptions(max_size=128, fast=True), RenderOptions(max_size=128)
    with rendicom.open_instance(stored(samples, kind=kind, window=window)) as instance:
        shown = instance.display(1, fast).astype(int)
        apart = shown - instance.display(1, exact)
    # A value that wraps around is white amid black: the mean would be off by far more.
    assert abs(apart.mean()) < 12
    assert (shown[:, 1::5] > 250).mean() < 0.3


def test_a_shutter_lies_where_it_does_on_the_whole_image() -> None:
    edges = {
        0x00181600: "RECTANGULAR",
        0x00181602: 240,
        0x00181604: 560,
        0x00181606: 160,
        0x00181608: 840,
    }
    extra = [
        element(tag, "CS" if isinstance(value, str) else "IS", value)
        for tag, value in edges.items()
    ]
    for kind in KINDS:
        white = np.full((ROWS, COLUMNS), 255, np.uint8)
        data = stored(white, kind=kind, extra=extra)
        with rendicom.open_instance(data) as instance:
            fast, exact = instance.display(1, FAST), instance.display(1, EXACT)
        middle = fast[fast.shape[0] // 2].astype(int)
        assert middle[28:52].min() > 240
        assert middle[:20].max() < 16
        assert np.abs(fast.astype(int) - exact).mean() < 3


def test_the_range_is_found_in_the_smaller_image_and_the_picture_says_so(
    decoded: list[int],
) -> None:
    frames = [ramp(1000) // (number + 1) for number in range(3)]
    data = stored(*frames, kind="htj2k", window="")
    made = rendicom.render(data, 2, FAST)
    assert any("decoded at a smaller size" in warning for warning in made.warnings)
    assert max(decoded) <= 4 * made.width * made.height
    assert not any("smaller" in each for each in rendicom.render(data, 2, EXACT).warnings)
    assert max(decoded) == ROWS * COLUMNS


@pytest.mark.parametrize("options", [
    RenderOptions(max_size=100),
    RenderOptions(fast=True),
    RenderOptions(max_size=600, fast=True),
    RenderOptions(max_size=100, fast=True, strict=True),
    RenderOptions(max_size=100, fast=True, overlays=True),
    RenderOptions(max_size=100, fast=True, voi="roi:1,1,9,9"),
])  # fmt: skip
def test_the_whole_is_decoded_where_it_counts(options: RenderOptions, decoded: list[int]) -> None:
    planes = overlay(np.ones((ROWS, COLUMNS), bool))
    data = stored(ramp(), kind="htj2k", extra=planes)
    rendicom.render(data, 1, options)
    assert decoded == [ROWS * COLUMNS]


@pytest.mark.parametrize(("padding", "is_whole"), [(0, False), (255, True)])
def test_padding_that_is_not_black_anyway_keeps_its_edges(
    padding: int, is_whole: bool, decoded: list[int]
) -> None:
    data = stored(ramp(), kind="htj2k", extra=[element(0x00280120, "US", padding)])
    rendicom.render(data, 1, FAST)
    assert (decoded == [ROWS * COLUMNS]) is is_whole


@pytest.mark.parametrize("kind", KINDS)
def test_color(kind: str) -> None:
    colors = np.stack([ramp(), ramp()[::-1], ramp()[:, ::-1]], axis=-1)
    model = {"jpeg": "YBR_FULL_422"}.get(kind, "YBR_RCT")
    data = stored(colors, kind=kind, window="", photometric=model, samples=3)
    assert np.abs(difference(data)).max() <= 6


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_that_is_wrong_about_the_stream_gets_the_whole_image(
    kind: str, decoded: list[int]
) -> None:
    samples = ramp()
    data = image(
        encapsulate([stream(samples, kind)]),
        rows=ROWS, columns=COLUMNS - 1, transfer_syntax=SYNTAXES[kind],
    )  # fmt: skip
    assert rendicom.render(data, 1, FAST).data == rendicom.render(data, 1, EXACT).data
    assert decoded == [ROWS * COLUMNS] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_stream_is_treated_as_without_fast(kind: str) -> None:
    whole = stream(ramp(), kind)
    data = image(
        encapsulate([whole[: len(whole) // 2]]),
        rows=ROWS, columns=COLUMNS, transfer_syntax=SYNTAXES[kind],
    )  # fmt: skip

    def outcome(options: RenderOptions) -> Any:
        try:
            return rendicom.render(data, 1, options).data
        except rendicom.RendicomError as error:
            return error.code

    assert outcome(FAST) == outcome(EXACT)


def test_text_has_its_place() -> None:
    data = stored(ramp(), kind="htj2k", modality="CT")
    fast = RenderOptions(max_size=300, fast=True, annotation="technique")
    with rendicom.open_instance(data) as instance:
        apart = instance.display(1, fast).astype(int) - instance.display(
            1, RenderOptions(max_size=300, annotation="technique")
        )
    assert rendicom.render(data, 1, fast).width == 233
    assert np.abs(apart).max() <= 3


def test_the_option_is_part_of_the_canonical_text() -> None:
    assert FAST.canonical() == "max-size=100&fast=yes"
    assert RenderOptions.parse({"max-size": "100", "fast": "yes"}) == FAST
