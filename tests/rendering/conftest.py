"""Renders hand-made frames, so that these tests need neither files nor decoders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rendicom.options import RenderOptions, Voi
from rendicom.rendering.pipeline import run
from rendicom.rendering.plan import RenderPlan, compile_plan
from rendicom.rendering.statistics import modality_range
from rendicom.values import DisplayAttributes, DisplayImage, Frame, PixelDescription

Shown = Callable[..., tuple[DisplayImage, RenderPlan]]


def description_of(frame: Frame, **more: Any) -> PixelDescription:
    rows, columns = frame.samples.shape[:2]
    said: dict[str, Any] = {
        "sop_class": "1.2.840.10008.5.1.4.1.1.7",
        "transfer_syntax": "1.2.840.10008.1.2.1",
        "modality": "OT",
        "rows": rows,
        "columns": columns,
        "samples_per_pixel": 1 if frame.samples.ndim == 2 else 3,
        "photometric_interpretation": frame.photometric_interpretation,
        "planar_configuration": 0,
        "bits_allocated": 8 * frame.samples.dtype.itemsize,
        "bits_stored": frame.bits_stored,
        "high_bit": frame.bits_stored - 1,
        "signed": frame.signed,
        "number_of_frames": 1,
        "pixel_keyword": "FloatPixelData" if frame.samples.dtype.kind == "f" else "PixelData",
    }
    return PixelDescription(**said | more)


def frame_of(samples: Any, *, photometric: str = "", bits: int | None = None, **more: Any) -> Frame:
    array = np.asarray(samples)
    return Frame(
        array,
        photometric or ("MONOCHROME2" if array.ndim == 2 else "RGB"),
        bits or 8 * array.dtype.itemsize,
        array.dtype.kind == "i",
        **more,
    )


@pytest.fixture(scope="session")
def show_frame() -> Shown:
    """Return a function that renders one frame: display attributes, then options as texts."""

    def show(
        frame: Frame,
        display: DisplayAttributes | None = None,
        said: dict[str, Any] | None = None,
        **options: str,
    ) -> tuple[DisplayImage, RenderPlan]:
        display = display or DisplayAttributes()
        description = description_of(frame, **said or {})
        chosen = RenderOptions.parse(
            {name.replace("_", "-"): text for name, text in options.items()}
        )

        def value_range(voi: Voi) -> tuple[float, float]:
            return modality_range([(frame, display)], description, voi, padding=chosen.padding)

        before = frame.samples.copy()
        plan = compile_plan(description, display, chosen, frame=frame, value_range=value_range)
        image = run(frame, plan)
        assert np.array_equal(frame.samples, before, equal_nan=before.dtype.kind == "f")
        assert image.samples.flags.c_contiguous
        return image, plan

    return show


@pytest.fixture(scope="session")
def make_frame() -> Callable[..., Frame]:
    """Return a function that makes a frame of samples; bits and sign by their dtype."""
    return frame_of


@pytest.fixture(scope="session")
def show(show_frame: Shown) -> Callable[..., NDArray[Any]]:
    """Return a function that renders samples: keywords of a frame, of display, and options.

    Overlay planes are ``planes``; options are texts.
    """
    of_frame = {"photometric", "bits", "cells", "icc_profile"}
    of_display = {*DisplayAttributes._fields} - {"icc_profile", "overlays"}

    def display_samples(samples: Any, said: dict[str, Any] | None = None, **more: Any) -> Any:
        planes = more.pop("planes", ())
        frame = frame_of(samples, **{k: more.pop(k) for k in of_frame & set(more)})
        named = {k for k in of_display & set(more) if not isinstance(more[k], str)}
        display = DisplayAttributes(overlays=planes, **{k: more.pop(k) for k in named})
        return show_frame(frame, display, said, **more)[0].samples

    return display_samples
