"""One DICOM instance: its frames and pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

from rendicom.coded_warnings import CodedWarning
from rendicom.engine.frame_sequence import FrameSequence
from rendicom.engine.plans import plan_of
from rendicom.engine.rendered_image import Explanation, RenderedImage
from rendicom.engine.request import PictureRequest
from rendicom.engine.selections import Displayed, FrameDisplay, selection_kind
from rendicom.engine.selections.frames import read_number, select_frame, select_frames
from rendicom.errors import CorruptDataError, OptionError, RendicomError, typed_memory_error
from rendicom.options import RenderOptions, Voi
from rendicom.pixels.decode import decode_frame
from rendicom.pixels.source import FrameSource
from rendicom.rendering.pipeline import left_out, run
from rendicom.rendering.subtraction import display_of_difference
from rendicom.values import Frame, PixelDescription
from rendicom.views import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.dicom.byte_source import ByteSource
    from rendicom.dicom.header import Header
    from rendicom.engine.masking import Masking
    from rendicom.engine.ranges import ValueRanges
    from rendicom.pixels.stored_frames import FrameReader
    from rendicom.presentation import PresentationState
    from rendicom.rendering.layers import LayersOfFrame, LayerSource
    from rendicom.rendering.plan import RenderPlan

    Layers = LayerSource | Sequence[Any]

_DEFAULT_OPTIONS = RenderOptions()


class Instance(FrameSequence):
    """One DICOM instance, made by `rendicom.open_instance`. Many threads may use it at once.

    It has the length of its frames, iterates them, converts with ``numpy.asarray`` and pickles by
    its source.

    Parameters
    ----------
    header, opened
        The header, and the source if the instance closes it.
    frames
        Reader of pixel data that are not in the source.
    open_layers
        Function that opens objects drawn on the image.
    threads
        Threads that may work on one picture. Default: as many as there are processors. Pictures
        are the same for any number.

    Attributes
    ----------
    header
        The attributes that were read (`description` and `display_attributes` explain them).

    Raises
    ------
    RendicomError
        Each method that reads pixels raises a subclass with a stable ``code``.

    Examples
    --------
    >>> with rendicom.open_instance("ct.dcm") as instance:
    ...     len(instance), instance.spacing, instance.display(1).shape
    (1, (0.661468, 0.661468), (128, 128))
    """

    def __init__(
        self,
        header: Header,
        opened: ByteSource | None = None,
        *,
        frames: FrameReader | None = None,
        open_layers: Callable[[Sequence[Any]], LayerSource] | None = None,
        threads: int | None = None,
    ) -> None:
        self.header, self._opened = header, opened
        self._given_frames, self._open_layers = frames, open_layers
        self.threads = threads
        self._plan: tuple[tuple[Any, ...], RenderPlan] | None = None

    def close(self) -> None:
        """Close the file, if the instance opened one."""
        if self._opened is not None:
            self._opened.close()

    # --- pixels ---------------------------------------------------------------------------

    @cached_property
    def _frames(self) -> FrameReader:
        return self._given_frames or FrameSource(self.header, self.description)

    @typed_memory_error
    def frame(self, number: int = 1, options: RenderOptions = _DEFAULT_OPTIONS) -> Frame:
        """Return frame ``number``, counted from 1, as stored values (colour as RGB).

        Of the options only ``strict``, ``max_pixels`` and ``overlays`` (keep the cells that
        embedded overlays lie in) matter.

        Raises
        ------
        OptionError
            The number is not whole, or the options are not `RenderOptions`.
        NoPixelDataError, NoSuchFrameError, UnsupportedTransferSyntaxError,
        UnsupportedImageError, CorruptDataError, LimitExceededError
        """
        return self._decoded(number, options)

    def _decoded(self, number: int, options: RenderOptions, halvings: int = 0) -> Frame:
        """Return a frame; the codec may halve its sides up to ``halvings`` times."""
        read_number(number)
        if not isinstance(options, RenderOptions):
            raise OptionError(f"options {shown(options)} are not RenderOptions")
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
                halvings=halvings,
                threads=self.threads,
            )
            _refuse_if_strict(decoded.warnings, options)
        except RendicomError as error:
            if error.frame is None and description.number_of_frames > 1:
                error.frame = number
            raise
        return replace(decoded, warnings=(*notes, *decoded.warnings)) if notes else decoded

    @typed_memory_error
    def display(
        self,
        number: int = 1,
        options: RenderOptions = _DEFAULT_OPTIONS,
        *,
        presentation: PresentationState | None = None,
        layers: Layers | None = None,
    ) -> NDArray[Any]:
        """Return the samples of a picture of frame ``number``.

        uint8, or uint16 with ``bit_depth=16``; (rows, columns) gray or (rows, columns, 3) RGB,
        after geometry. With ``values`` other than ``display``: stored integers, or float32.
        ``presentation`` and ``layers`` are as for `picture`.
        """
        over = None if layers is None else self._layer_source(layers)
        return self.displayed(number, options, presentation, over).image.samples

    def displayed(
        self,
        number: int,
        options: RenderOptions,
        presentation: PresentationState | None = None,
        layers: LayerSource | None = None,
    ) -> Displayed:
        """Return frame ``number`` rendered but not encoded, with its plan and warnings."""
        start = perf_counter()
        keeps_cells = replace(options, overlays=True) if presentation is not None else options
        is_plain = presentation is None and layers is None
        halvings = self._halvings(number, options) if is_plain else 0
        frame = self._shown(number, keeps_cells, halvings, presentation)
        decoded = perf_counter()
        plan = self._plan_for(number, frame, options, presentation)
        if options.annotation is not None:
            from rendicom.pixels.technique import read_technique
            from rendicom.rendering.stages.annotation import annotated

            plan = annotated(
                plan, options.annotation, patient=lambda: self.patient,
                technique=lambda: read_technique(self.header, number),
                frame=number, number_of_frames=self.description.number_of_frames,
            )  # fmt: skip
        over: LayersOfFrame | None = None
        if layers is not None:
            if options.values != "display":
                raise OptionError(f"layers cannot be drawn on {options.values} values")
            over = layers.of_frame(self, number, options)
            plan = plan._replace(layers=over.stack, warnings=(*plan.warnings, *over.warnings))
        image = run(frame, plan, threads=self.threads)
        seconds = (decoded - start, perf_counter() - decoded)
        drawn = () if over is None else over.drawn
        warnings = (*frame.warnings, *plan.warnings, *left_out(plan, image))
        return Displayed(image, plan, warnings, seconds, drawn)

    def _halvings(self, number: int, options: RenderOptions) -> int:
        if not getattr(options, "fast", False):  # other types are refused later
            return 0
        from rendicom.rendering.reduction import halvings_allowed

        return halvings_allowed(self.description, self.display_attributes(number), options)

    def _shown(
        self,
        number: int,
        options: RenderOptions,
        halvings: int = 0,
        presentation: PresentationState | None = None,
    ) -> Frame:
        """Return a frame less its mask, if the state or else the image says so."""
        frame = self._decoded(number, options, halvings)
        if self.description.number_of_frames == 1:
            return frame
        return self._masking.less_mask(frame, number, options, halvings, presentation)

    @cached_property
    def _masking(self) -> Masking:
        from rendicom.engine.masking import Masking

        count = self.description.number_of_frames
        return Masking(self.header, self.sop_instance, count, self._decoded)

    def _layer_source(self, layers: Layers) -> LayerSource:
        if not isinstance(layers, Sequence):
            return layers
        if self._open_layers is None:
            raise OptionError("layers of this instance have to be opened by their caller")
        return self._open_layers(layers)

    def _plan_for(
        self,
        number: int,
        frame: Frame,
        options: RenderOptions,
        presentation: PresentationState | None = None,
    ) -> RenderPlan:
        """Return the plan; frames with the same display share one."""
        display = self.display_attributes(number)
        measured: Any = {
            "frame": frame,
            "value_range": lambda voi: self.value_range(voi, options, frame, number),
            "are_whole": lambda: self._ranges.are_whole(options, frame, number),
        }
        if presentation is not None:
            from rendicom.rendering.presentation_plan import PresentedFrame, compile_presented

            presented = PresentedFrame(presentation, self.sop_instance, number)
            plan = compile_presented(self.description, display, options, presented, **measured)
            return self._with_range_warnings(plan)
        traits = (frame.photometric_interpretation, frame.bits_stored, frame.signed)
        size = (frame.samples.shape, frame.icc_profile, frame.reduction)
        key = (id(display), options, traits, size, frame.is_difference)
        if self._plan is not None and self._plan[0] == key:
            return self._plan[1]
        if frame.is_difference:
            display = display_of_difference(display)
        plan = self._with_range_warnings(
            plan_of(
                self.description, display, options,
                is_shared=self._known is not None, **measured,
            )
        )  # fmt: skip
        if not self._varies_by_frame:
            self._plan = (key, plan)
        return plan

    def _with_range_warnings(self, plan: RenderPlan) -> RenderPlan:
        # No frame is left out before a range was measured.
        notes = self._ranges.warnings() if "_ranges" in self.__dict__ else ()
        return plan._replace(warnings=(*plan.warnings, *notes)) if notes else plan

    @cached_property
    def _ranges(self) -> ValueRanges:
        from rendicom.engine.ranges import ValueRanges

        return ValueRanges(self.description, self._shown, self.display_attributes)

    def value_range(
        self, voi: Voi, options: RenderOptions, frame: Frame, number: int
    ) -> tuple[float, float]:
        """Return the range of modality values, the same for every frame of the instance.

        ``frame`` is the decoded frame ``number``.
        """
        return self._ranges.measure(voi, options, frame, number)

    # --- pictures -------------------------------------------------------------------------

    @typed_memory_error
    def picture(
        self,
        request: PictureRequest,
        *,
        presentation: PresentationState | None = None,
        layers: Layers | None = None,
    ) -> RenderedImage:
        """Return the picture of the selection of a request.

        The request's locations are not opened; the caller has opened them. ``presentation``
        replaces the transforms, polarity and shutter of the image. ``layers`` are drawn over the
        image: paths of segmentations, structure sets, doses, reports or other images, or what
        `rendicom.open_layers` returns.

        Raises
        ------
        OptionError
            The kind of selection or the format is unknown, or the presentation state is not
            for this image.
        RendicomError
            As for `rendicom.render`.
        """
        display: FrameDisplay = self
        if layers is not None:
            display = _LayeredDisplay(self, self._layer_source(layers))
        return selection_kind(request.selection.kind).picture(display, request, presentation)

    def render(
        self,
        frame: int = 1,
        options: RenderOptions = _DEFAULT_OPTIONS,
        media_type: str = "image/jpeg",
        *,
        presentation: PresentationState | None = None,
        layers: Layers | None = None,
    ) -> RenderedImage:
        """Return one frame as an encoded picture; see `rendicom.render` and `picture`."""
        request = PictureRequest(select_frame(frame), options, media_type)
        return self.picture(request, presentation=presentation, layers=layers)

    def render_animation(
        self,
        frames: Sequence[int] | None = None,
        options: RenderOptions = _DEFAULT_OPTIONS,
        media_type: str = "image/gif",
        *,
        presentation: PresentationState | None = None,
        layers: Layers | None = None,
    ) -> RenderedImage:
        """Return several frames (default: all) as one animation with the file's own timing.

        A single frame becomes a still picture. ``presentation`` and ``layers`` are as for
        `picture`.

        Raises
        ------
        OptionError
            The format holds one frame only, or ``frames`` are not frame numbers.
        """
        request = PictureRequest(select_frames(frames), options, media_type)
        return self.picture(request, presentation=presentation, layers=layers)

    @typed_memory_error
    def explain(
        self,
        frame: int = 1,
        options: RenderOptions = _DEFAULT_OPTIONS,
        *,
        presentation: PresentationState | None = None,
    ) -> Explanation:
        """Return how ``frame`` would be rendered and why; the frame is decoded for this."""
        decoded = self._shown(frame, options, presentation=presentation)
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


class _LayeredDisplay:
    """An instance that is always shown with the same layers."""

    def __init__(self, instance: Instance, layers: LayerSource) -> None:
        self._instance, self._layers = instance, layers
        self.threads = instance.threads

    @property
    def description(self) -> PixelDescription:
        return self._instance.description

    def displayed(
        self, number: int, options: RenderOptions, presentation: PresentationState | None = None
    ) -> Displayed:
        return self._instance.displayed(number, options, presentation, self._layers)


def _refuse_if_strict(warnings: tuple[CodedWarning, ...], options: RenderOptions) -> None:
    if options.strict and warnings:
        raise CorruptDataError(warnings[0])
