"""One DICOM instance: its frames, and the pictures of them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from rendicom.encode import encode, format_of_media_type
from rendicom.encode.fit import fit
from rendicom.encode.formats import EncodeSettings
from rendicom.errors import CorruptDataError, RendicomError
from rendicom.options import RenderOptions, Voi
from rendicom.pixels.decode import decode_frame
from rendicom.pixels.describe import describe, display_attributes, varies_by_frame
from rendicom.pixels.source import FrameSource
from rendicom.rendering.pipeline import run
from rendicom.rendering.plan import compile_plan
from rendicom.rendering.statistics import modality_range
from rendicom.values import DisplayAttributes, DisplayImage, Frame, PixelDescription, RenderedImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rendicom.pixels.bytesource import ByteSource
    from rendicom.pixels.frames import FrameReader
    from rendicom.pixels.header import Header
    from rendicom.presentation import PresentationState
    from rendicom.rendering.plan import RenderPlan
    from rendicom.values import Patient
__all__ = ["Explanation", "Instance"]

_DEFAULT_OPTIONS = RenderOptions()
_SOP_INSTANCE_UID = 0x00080018
_DEFAULT_DURATION = 100.0
"""Milliseconds a frame is shown where the file says nothing of time."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would be rendered and why, for a person.

    Attributes
    ----------
    voi
        Which VOI transform was chosen.
    photometric_interpretation, bits_stored, signed
        Of the decoded frame; a compressed stream wins over the header.
    width, height
        Of the picture.
    warnings
        One sentence each.
    """

    voi: str
    photometric_interpretation: str
    bits_stored: int
    signed: bool
    width: int
    height: int
    warnings: tuple[str, ...]


class Instance:
    """One DICOM instance, made by `rendicom.open_instance`. Many threads may use it at once.

    ``frames`` gives the pixel data where they are not in the source.
    """

    def __init__(
        self,
        header: Header,
        opened: ByteSource | None = None,
        *,
        frames: FrameReader | None = None,
    ) -> None:
        self.header = header
        self._opened = opened
        self._given_frames = frames
        self._lock = threading.Lock()
        self._ranges: dict[tuple[Voi, bool], tuple[float, float]] = {}
        self._display: DisplayAttributes | None = None
        self._plan: tuple[tuple[Any, ...], RenderPlan] | None = None

    def __enter__(self) -> Self:
        """Return the instance itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the source."""
        self.close()

    def close(self) -> None:
        """Close the file, if the instance opened one."""
        if self._opened is not None:
            self._opened.close()

    # --- what is inside -------------------------------------------------------------------

    @property
    def sop_class(self) -> str:
        """Return the SOP Class UID, or an empty string."""
        return self.header.sop_class

    @property
    def sop_instance(self) -> str:
        """Return the SOP Instance UID, or an empty string."""
        return self.header.attributes.text(_SOP_INSTANCE_UID)

    @property
    def transfer_syntax(self) -> str:
        """Return the Transfer Syntax UID, or an empty string."""
        return self.header.transfer_syntax

    @cached_property
    def description(self) -> PixelDescription:
        """Return what the header says of the pixel matrix.

        Raises
        ------
        NoPixelDataError, CorruptDataError
        """
        return describe(self.header)

    @cached_property
    def patient(self) -> Patient:
        """Return whom the file shows; nothing of that is read before it is asked for."""
        from rendicom.pixels.patient import read_patient

        return read_patient(self.header, self._opened)

    @cached_property
    def _frames(self) -> FrameReader:
        return self._given_frames or FrameSource(self.header, self.description)

    @cached_property
    def _varies_by_frame(self) -> bool:
        return varies_by_frame(self.header)

    def display_attributes(self, frame: int = 1) -> DisplayAttributes:
        """Return what the header says of how ``frame`` is shown."""
        if self._varies_by_frame:
            return display_attributes(self.header, self.description, frame)
        if self._display is None:
            self._display = display_attributes(self.header, self.description, 1)
        return self._display

    def overlay_groups(self, frame: int = 1) -> tuple[int, ...]:
        """Return the groups (0x6000...) of the overlay planes that lie over ``frame``."""
        return tuple(plane.group for plane in self.display_attributes(frame).overlays)

    # --- pixels ---------------------------------------------------------------------------

    def frame(self, number: int = 1, options: RenderOptions = _DEFAULT_OPTIONS) -> Frame:
        """Return frame ``number``, counted from 1, as stored values (colour as RGB).

        Of the options only ``strict``, ``max_pixels`` and ``overlays`` (keep the cells that
        embedded overlays lie in) matter.

        Raises
        ------
        NoPixelDataError, NoSuchFrameError, UnsupportedTransferSyntaxError,
        UnsupportedImageError, CorruptDataError, LimitExceededError
        """
        description = self.description
        try:
            stored = self._frames.frame(number)
            notes = (*description.warnings, *stored.warnings)
            _refuse_if_strict(notes, options)
            decoded = decode_frame(
                stored,
                description,
                frame=number,
                max_pixels=options.max_pixels,
                strict=options.strict,
                keep_cells=options.overlays,
            )
            _refuse_if_strict(decoded.warnings, options)
        except RendicomError as error:
            if error.frame is None and description.number_of_frames > 1:
                error.frame = number
            raise
        return replace(decoded, warnings=(*notes, *decoded.warnings)) if notes else decoded

    def display(
        self,
        number: int = 1,
        options: RenderOptions = _DEFAULT_OPTIONS,
        *,
        presentation: PresentationState | None = None,
    ) -> NDArray[Any]:
        """Return the samples a picture of frame ``number`` would hold.

        uint8, or uint16 with ``bit_depth=16``; (rows, columns) gray or (rows, columns, 3) RGB,
        after geometry. With ``values`` other than ``display``: stored integers, or float32.
        ``presentation`` is as for `render`.
        """
        return self._displayed(number, options, presentation)[0].samples

    def _displayed(
        self,
        number: int,
        options: RenderOptions,
        presentation: PresentationState | None = None,
        clock: list[float] | None = None,
    ) -> tuple[DisplayImage, RenderPlan, tuple[str, ...]]:
        """Return the image, its plan, and what was wrong; ``clock`` gets when it was decoded."""
        keeps_cells = replace(options, overlays=True) if presentation is not None else options
        frame = self.frame(number, keeps_cells)
        if clock is not None:
            clock.append(perf_counter())
        plan = self._plan_for(number, frame, options, presentation)
        if options.annotation is not None:
            from rendicom.engine.annotating import annotated

            plan = annotated(plan, self, number, options)
        return run(frame, plan), plan, (*frame.warnings, *plan.warnings)

    def _plan_for(
        self,
        number: int,
        frame: Frame,
        options: RenderOptions,
        presentation: PresentationState | None = None,
    ) -> RenderPlan:
        """Return the plan; frames that are shown alike share one."""
        if presentation is not None:
            from rendicom.engine.presenting import plan_presented

            return plan_presented(self, number, frame, options, presentation)
        display = self.display_attributes(number)
        traits = (frame.photometric_interpretation, frame.bits_stored, frame.signed)
        key = (id(display), options, traits, frame.samples.shape, frame.icc_profile)
        if self._plan is not None and self._plan[0] == key:
            return self._plan[1]
        plan = compile_plan(
            self.description,
            display,
            options,
            frame=frame,
            value_range=lambda voi: self.value_range(voi, options, frame, number),
        )
        if not self._varies_by_frame:
            self._plan = (key, plan)
        return plan

    def value_range(
        self, voi: Voi, options: RenderOptions, frame: Frame, number: int
    ) -> tuple[float, float]:
        """Return the range of modality values, the same for every frame of the instance.

        ``frame`` is frame ``number``, decoded already.
        """
        from rendicom.engine.ranges import sampled_frames

        key = (voi, options.padding)
        with self._lock:
            if key not in self._ranges:
                self._ranges[key] = modality_range(
                    sampled_frames(self, options, frame, number),
                    self.description,
                    voi,
                    padding=options.padding,
                )
            return self._ranges[key]

    # --- pictures -------------------------------------------------------------------------

    def render(
        self,
        frame: int = 1,
        options: RenderOptions = _DEFAULT_OPTIONS,
        media_type: str = "image/jpeg",
        *,
        presentation: PresentationState | None = None,
    ) -> RenderedImage:
        """Return one frame as an encoded picture; see `rendicom.render`.

        With ``presentation`` the frame is shown as that presentation state says, and the
        image's own transforms, polarity and shutter do not count.

        Raises
        ------
        OptionError
            The presentation state is not for this frame, or an option asks for what it decides.
        """
        file_format = format_of_media_type(media_type)
        clock = [perf_counter()]
        image, plan, notes = self._displayed(frame, options, presentation, clock)
        image, fit_notes = fit(image, file_format)
        clock.append(perf_counter())
        data = encode(image, file_format, _settings(options))
        clock.append(perf_counter())
        height, width = image.samples.shape[:2]
        return RenderedImage(
            data=data,
            media_type=file_format.media_type,
            width=width,
            height=height,
            frame=frame,
            voi=plan.voi,
            warnings=(*notes, *fit_notes),
            seconds=tuple(end - start for start, end in pairwise(clock)),
        )

    def render_animation(
        self,
        frames: Sequence[int] | None = None,
        options: RenderOptions = _DEFAULT_OPTIONS,
        media_type: str = "image/gif",
        *,
        presentation: PresentationState | None = None,
    ) -> RenderedImage:
        """Return several frames (default: all) as one animation with the file's own timing.

        ``presentation`` is as for `render`.

        Raises
        ------
        OptionError
            The format holds one frame only.
        """
        from rendicom.engine.loop import render_loop

        numbers = frames if frames is not None else range(1, self.description.number_of_frames + 1)
        return render_loop(
            lambda number: self._displayed(number, options, presentation),
            numbers,
            self._durations(numbers),
            format_of_media_type(media_type),
            _settings(options),
        )

    def _durations(self, frames: Sequence[int]) -> list[float]:
        durations = self.description.frame_durations or (_DEFAULT_DURATION,)
        return [durations[min(number, len(durations)) - 1] for number in frames]

    def explain(
        self,
        frame: int = 1,
        options: RenderOptions = _DEFAULT_OPTIONS,
        *,
        presentation: PresentationState | None = None,
    ) -> Explanation:
        """Return what a picture of ``frame`` would be and why; decodes it to tell."""
        decoded = self.frame(frame, options)
        plan = self._plan_for(frame, decoded, options, presentation)
        height, width = run(decoded, plan).samples.shape[:2]
        return Explanation(
            voi=plan.voi,
            photometric_interpretation=decoded.photometric_interpretation,
            bits_stored=decoded.bits_stored,
            signed=decoded.signed,
            width=width,
            height=height,
            warnings=(*decoded.warnings, *plan.warnings),
        )


def _refuse_if_strict(warnings: tuple[str, ...], options: RenderOptions) -> None:
    if options.strict and warnings:
        raise CorruptDataError(warnings[0])


def _settings(options: RenderOptions) -> EncodeSettings:
    return EncodeSettings(quality=options.quality, compression=options.compression)
