"""Targets that make pictures: the library, its two readers, presentation states, commands."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pydicom
from findings import Case, Target, require
from mutations import damaged_bytes, damaged_text, damaged_tree, written
from seeds import image_seeds, state_seeds
from trees import Tree

from rendicom.dicom.byte_source import open_source
from rendicom.dicom.header import read_header
from rendicom.dicom.pydicom_calls import pydicom_raises
from rendicom.engine import Instance, open_instance, open_presentation
from rendicom.errors import OptionError, RendicomError
from rendicom.options import RenderOptions
from rendicom.testing import dicom_file

__all__ = ["TARGETS", "damaged_image", "outcome_of", "read_png_size"]

MOST_PIXELS = 1_000_000
MEDIA_TYPES = ("image/png",) * 6 + ("image/jpeg",) * 4 + (
    "image/gif", "image/tiff", "image/webp", "image/bmp", "image/jp2", "image/jls", "image/jxl",
    "image/apng", "image/x-portable-anymap",
)  # fmt: skip
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_CHOICES: dict[str, tuple[str, ...]] = {
    "window": ("40,400", "0,1", "-600,1500,sigmoid", "1e30,1e-5,linear-exact", "5,0.5"),
    "voi": ("minmax", "identity", "window:1", "window:2", "lut:1", "name:soft", "percentile:1,99",
            "roi:1,1,3,3", "roi:100,100,5,5", "auto"),
    "preset": ("lung", "bone"), "invert": ("yes",), "bit-depth": ("16",),
    "values": ("stored", "modality"), "padding": ("no",), "shutter": ("no",),
    "viewport": ("4,4", "100,50", "5,5,2,2,3,-3", "3,3,0,0,-1,1", "1,1", "300,300,-5,-5,4,4"),
    "max-size": ("1", "3", "64"), "rotate": ("90", "180", "270"), "flip": ("h", "v"),
    "square-pixels": ("yes",), "quality": ("1", "100"), "compression": ("0", "9"),
    "overlays": ("yes",), "overlay-planes": ("6000", "6002,6000"),
    "overlay-mode": ("threshold", "complement", "invert", "roi"), "overlay-color": ("#ff0000",),
    "annotation": ("patient", "technique", "technique,patient"),
    "icc": ("no", "yes", "srgb", "displayp3", "adobergb", "rommrgb"), "strict": ("yes",),
}  # fmt: skip


_BESIDE_STATE = frozenset(
    ["bit-depth", "max-size", "quality", "annotation", "icc", "strict", "overlays", "compression"]
)


def some_options(random: Random) -> dict[str, str]:
    """Return texts of a few options that go together in most cases."""
    names = random.sample(list(_CHOICES), random.choice((0, 0, 1, 1, 2, 3, 5)))
    return {name: random.choice(_CHOICES[name]) for name in names}


def _parsed(texts: dict[str, str]) -> RenderOptions:
    try:
        return RenderOptions.parse(texts | {"max-pixels": str(MOST_PIXELS)})
    except OptionError:
        return RenderOptions(max_pixels=MOST_PIXELS)


def damaged_image(random: Random, *, sound_only: bool = False) -> tuple[bytes, bool]:
    """Return a damaged image, and whether its structure is sound."""
    tree, is_sound = damaged_tree(random, random.choice(list(image_seeds().values())))
    data = written(random, tree, sound=is_sound)
    if not is_sound and random.random() < 0.3 and not sound_only:
        data = damaged_bytes(random, data, most=3)
    return data, is_sound


# --- what is promised of a picture -----------------------------------------------------------


def check_samples(samples: np.ndarray[Any, Any], options: RenderOptions) -> None:
    require(samples.ndim in (2, 3) and samples.size, f"samples of shape {samples.shape}")
    require(samples.ndim == 2 or samples.shape[2] == 3, f"samples of shape {samples.shape}")
    if options.values == "modality":
        require(samples.dtype == np.float32, f"modality values are {samples.dtype}")
    elif options.values == "stored":
        require(samples.dtype.kind in "uif", f"stored values are {samples.dtype}")
    else:
        wanted = np.uint8 if options.bit_depth == 8 else np.uint16
        require(samples.dtype == wanted, f"display values are {samples.dtype}, not {wanted}")


def read_png_size(data: bytes) -> tuple[int, int]:
    require(data.startswith(b"\x89PNG\r\n\x1a\n"), "no PNG")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def outcome_of(make: Callable[[], Instance], number: int, options: RenderOptions) -> Any:
    """Return the samples, or the code of the error there is instead."""
    try:
        with make() as instance:
            return instance.display(number, options)
    except RendicomError as error:
        return error.code


def are_alike(one: Any, other: Any) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return isinstance(one, str) and isinstance(other, str)
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def told(outcome: Any) -> str:
    return outcome if isinstance(outcome, str) else f"{outcome.dtype}{outcome.shape}"


# --- targets -----------------------------------------------------------------------------------


def render_anything(case: Case) -> str:
    """Describe, explain and render; the picture is as large as was said."""
    random = case.random
    data, _ = damaged_image(random)
    case.file(data)
    options, media_type = _parsed(some_options(random)), random.choice(MEDIA_TYPES)
    number = random.choice((1,) * 12 + (2, 2, 3, 0, 10**9))
    with open_instance(data) as instance:
        _ = instance.sop_class, instance.sop_instance, instance.patient
        description = instance.description
        require(description.number_of_frames >= 1, "fewer frames than one")
        samples = instance.display(number, options)
        check_samples(samples, options)
        if random.random() < 0.3:
            explained = instance.explain(number, options)
            require(
                (explained.height, explained.width) == samples.shape[:2],
                f"explained as {explained.height} x {explained.width}, shown as {samples.shape}",
            )
        picture = instance.render(number, options, media_type)
        require(picture.data, "an empty picture")
        if picture.media_type == "image/png":
            size = read_png_size(picture.data)
            require(size == (picture.width, picture.height), f"a PNG of {size}")
        if random.random() < 0.05 and description.number_of_frames > 1:
            instance.render_animation(range(1, min(description.number_of_frames, 4) + 1), options)
    return "picture"


def render_alike(case: Case) -> str:
    """The fast reader, pydicom's, and a data set in memory show the same."""
    random = case.random
    tree, is_sound = damaged_tree(random, random.choice(list(image_seeds().values())), most=3)
    data = written(random, tree, sound=True)
    case.file(data)
    options = _parsed(some_options(random))

    def read(reader: Any) -> Callable[[], Instance]:
        def make() -> Instance:
            source = open_source(data)
            return Instance(read_header(source, reader=reader), source)

        return make

    fast, other = (outcome_of(read(each), 1, options) for each in ("auto", "pydicom"))
    if not is_sound:
        return told(fast)[:12]
    require(are_alike(fast, other), f"fast reader: {told(fast)}; pydicom: {told(other)}")
    dataset = held_by_pydicom(data)
    if dataset is None:
        return "pydicom refuses"
    if not isinstance(fast, str) and not any(tag in dataset for tag in _PIXELS):
        return "pydicom lost the pixels"  # of a cut file it may keep nothing: there is no picture
    held = outcome_of(lambda: open_instance(dataset), 1, options)
    require(are_alike(fast, held), f"file: {told(fast)}; data set in memory: {told(held)}")
    return fast if isinstance(fast, str) else "picture"


def held_by_pydicom(data: bytes) -> pydicom.Dataset | None:
    """Return a data set as pydicom reads it; None for one that it refuses."""
    try:
        return pydicom.dcmread(io.BytesIO(data))
    except pydicom_raises():
        return None


def render_encoded_alike(case: Case) -> str:
    """All encodings of one data set show the same."""
    from rendicom.testing import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT

    random = case.random
    native = [each for each in image_seeds().values() if each.transfer_syntax == EXPLICIT]
    whole = random.choice(native)
    tree, is_sound = damaged_tree(random, whole, most=2)
    options = _parsed(some_options(random))
    if not is_sound or tree.transfer_syntax != EXPLICIT:
        return "skipped"
    shown = {}
    syntaxes = [EXPLICIT, IMPLICIT, DEFLATED]
    if _cells_of(tree) == _cells_of(whole):
        # Big endian pixels of other cells are other pixels.
        syntaxes.append(BIG_ENDIAN)
    for syntax in syntaxes:
        data = dicom_file(tree.elements, transfer_syntax=syntax)
        case.file(data, f"{syntax}.dcm")
        shown[syntax] = outcome_of(lambda data=data: open_instance(data), 1, options)  # type: ignore[misc]
    first = shown[EXPLICIT]
    for syntax, each in shown.items():
        require(are_alike(first, each), f"explicit VR: {told(first)}; {syntax}: {told(each)}")
    return first if isinstance(first, str) else "picture"


def _cells_of(tree: Tree) -> list[object]:
    return [each.values for each in tree.elements if each.tag in (0x00280100, *_PIXELS)]


def present(case: Case) -> str:
    """A damaged presentation state, or a damaged image below one."""
    random = case.random
    state = random.choice(list(state_seeds().values()))
    shown = random.choice(list(image_seeds().values()))
    if random.random() < 0.85:
        state, _ = damaged_tree(random, state)
    else:
        shown, _ = damaged_tree(random, shown)
    state_data, data = (
        written(random, state),
        dicom_file(shown.elements, transfer_syntax=shown.transfer_syntax),
    )
    case.file(state_data, "state.dcm")
    case.file(data)
    texts = {
        name: value
        for name, value in some_options(random).items()
        if name in _BESIDE_STATE or random.random() < 0.05
    }
    options = _parsed(texts)
    presentation = open_presentation(state_data)
    with open_instance(data) as instance:
        samples = instance.display(1, options, presentation=presentation)
        check_samples(samples, options)
        picture = instance.render(1, options, "image/png", presentation=presentation)
        require(read_png_size(picture.data) == (picture.width, picture.height), "another size")
    return "picture"


def convert(case: Case) -> str:
    """The command makes the same bytes as the library, or fails where it does."""
    random = case.random
    data, _ = damaged_image(random)
    path, target = case.file(data), case.folder / random.choice(("out.png", "out.jpg"))
    media_type = "image/png" if target.suffix == ".png" else "image/jpeg"
    texts = some_options(random)
    flags = [
        f"--{name}" if value == "yes" else f"--no-{name}" if value == "no" else f"--{name}={value}"
        for name, value in texts.items() if name != "icc"
    ]  # fmt: skip
    texts.pop("icc", None)
    if not texts.keys().isdisjoint(("overlay-planes", "overlay-mode", "overlay-color")):
        # The command draws overlays where it is told how.
        texts["overlays"] = "yes"
    status, _, errors = command(
        "convert", "-q", "--frames=1", "--existing=overwrite", f"--max-pixels={MOST_PIXELS}",
        *flags, str(path), str(target),
    )  # fmt: skip
    require("inside Rendicom" not in errors, errors[-300:])
    require(status in (0, 1, 2), f"exit status {status}: {errors[-300:]}")
    require((status == 0) == target.exists(), f"exit status {status}, picture: {target.exists()}")
    if status == 2:
        return "usage"
    try:
        options = RenderOptions.parse(texts | {"max-pixels": str(MOST_PIXELS)})
        with open_instance(data) as instance:
            expected = instance.render(1, options, media_type).data
    except RendicomError as error:
        require(status == 1, f"convert writes a picture, the library says {error.code}")
        return error.code
    require(status == 0, f"the library makes a picture, convert says {errors[-300:]}")
    require(target.read_bytes() == expected, "convert and library make different pictures")
    return "picture"


def info(case: Case) -> str:
    """What is said of a file is JSON, whatever the file is."""
    import json

    random = case.random
    path = case.file(damaged_image(random)[0], "named.dcm")
    status, out, errors = command("info", "--json", str(path))
    require("inside Rendicom" not in errors + out, (errors + out)[-300:])
    require(status in (0, 1), f"exit status {status}: {errors[-300:]}")
    for line in out.splitlines():
        json.loads(line)
    if random.random() < 0.3:
        require(command("info", str(path))[0] == status, "other exit status without --json")
    return "ok" if status == 0 else "refused"


def parse_options(case: Case) -> str:
    """Options that are taken are the same after they were written and read."""
    from urllib.parse import parse_qsl

    from rendicom.options import parameters

    random = case.random
    names = random.sample(list(parameters()), random.choice((1, 1, 2, 3)))
    texts = {
        name: damaged_text(random, random.choice(_CHOICES.get(name, ("1", "yes"))),
            letters=",:#-.0123456789e")
        for name in names
    }  # fmt: skip
    options = RenderOptions.parse(texts)
    again = RenderOptions.parse(dict(parse_qsl(options.canonical(), keep_blank_values=True)))
    require(again == options, f"{texts}: {options.canonical()!r} is read as something else")
    return "ok"


def command(*arguments: str) -> tuple[int, str, str]:
    """Return exit status, standard output and standard error of a command, run in this process."""
    from rendicom.cli.main import main

    out, errors = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            status = main(list(arguments))
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 1
    texts = []
    for stream in (out, errors):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8", "replace"))  # type: ignore[attr-defined]
    return int(status or 0), texts[0], texts[1]


TARGETS = (
    Target("render", 30, render_anything),
    Target("readers", 12, render_alike),
    Target("encodings", 4, render_encoded_alike),
    Target("presentation", 8, present),
    Target("convert", 4, convert),
    Target("info", 2, info),
    Target("options", 6, parse_options),
)
