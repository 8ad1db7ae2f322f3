"""Opens objects that are drawn on images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rendicom import engine
from rendicom.closing import Closing
from rendicom.coded_warnings import CodedWarning
from rendicom.composition.base import BaseFrame, Layer, blaming
from rendicom.composition.folders import Gathered, files_in, folder_layers, is_folder, readable
from rendicom.composition.kinds import PLANS, layer_of
from rendicom.composition.layer_options import options_of
from rendicom.errors import OptionError
from rendicom.options import RenderOptions
from rendicom.pixels.state_classes import BLENDING_CLASSES
from rendicom.rendering.layers import LayeredImage, LayersOfFrame, LayerStack
from rendicom.values import DrawnLayer

if TYPE_CHECKING:
    from rendicom.dicom.header import Header
    from rendicom.engine import Instance
    from rendicom.engine.rendered_image import RenderedImage
    from rendicom.pixels.blendings import Blending
    from rendicom.presentation import PresentationState

_DEFAULT_OPTIONS = RenderOptions()


class Layers(Closing):
    """Layers in the order they are drawn; made by `open_layers`. Threads may share it."""

    def __init__(
        self,
        layers: Sequence[Layer],
        instances: Sequence[Instance],
        numbers: Sequence[int] = (0,),
        count: int = 1,
    ) -> None:
        """Take layers; ``numbers`` are their indexes among the ``count`` sources."""
        self._layers, self._instances = tuple(layers), tuple(instances)
        self._numbers, self._count = tuple(numbers), count
        # Runs ask whether something is drawn before they draw it.
        self._last: tuple[Header, int, RenderOptions, LayersOfFrame] | None = None

    @property
    def state(self) -> PresentationState | None:
        """Return the presentation state for the image itself, if a blending state defines one."""
        return next((each.state for each in self._layers if hasattr(each, "state")), None)

    @property
    def kind(self) -> str:
        """Return what the first one is; see `DrawnLayer`."""
        return self._layers[0].kind if self._layers else ""

    @property
    def numbers(self) -> frozenset[int] | None:
        """Return the numbers of all items, where a single object says which it has."""
        only = self._layers[0] if len(self._layers) == 1 else None
        found: frozenset[int] | None = getattr(only, "numbers", None)
        return found

    def close(self) -> None:
        """Close the instances that were opened for the layers."""
        for instance in self._instances:
            instance.close()

    def draws_on(self, image: LayeredImage, frames: Sequence[int], options: RenderOptions) -> bool:
        """Tell whether there is something on one of the frames of an image."""
        return any(self.of_frame(image, each, options).drawn for each in frames)

    def of_frame(self, image: LayeredImage, frame: int, options: RenderOptions) -> LayersOfFrame:
        """Return the layers of one frame of an image."""
        last = self._last
        if last is not None and last[0] is image.header and last[1:3] == (frame, options):
            return last[3]
        base = BaseFrame(image, frame)
        pieces: list[Any] = []
        legend: list[Any] = []
        drawn, warnings = [], []
        for number, layer in zip(self._numbers, self._layers, strict=True):
            if layer.instance == base.instance:
                continue
            own = options_of(options, number, self._count)
            with blaming(layer.name):
                found = layer.over(base, own)
            pieces += found.pieces
            is_drawn = bool(found.pieces or found.items)
            if found.warning:
                how = "is drawn, but" if is_drawn else "is not drawn:"
                told = f"{layer.name} {how} {found.warning}"
                warnings.append(CodedWarning("layer-not-drawn", told))
            if is_drawn:
                drawn.append(DrawnLayer(layer.name, layer.kind, layer.instance, found.items))
                legend += found.legend if options.legend else ()
        stack = LayerStack(tuple(pieces), tuple(legend))
        over = LayersOfFrame(stack, tuple(drawn), tuple(warnings))
        self._last = (image.header, frame, options, over)
        return over


def open_layers(sources: Sequence[Any], *, images: Sequence[str] = ()) -> Layers:
    """Open objects to draw on images: segmentations, structure sets, doses, reports, images.

    Parameters
    ----------
    sources
        Each is what `rendicom.open_instance` takes, or a folder. An RT Plan is not drawn: beside a
        dose that refers to it, isodose levels in per cent are relative to its prescription.
    images
        Files and folders with the images that blending presentation states superimpose.

    Raises
    ------
    OptionError
        ``sources`` is not a list.
    RendicomError
        One of them cannot be read, or cannot be drawn on an image.

    Examples
    --------
    >>> layers = rendicom.open_layers(["seg.dcm"])
    >>> with rendicom.open_instance("ct/2.dcm") as instance:
    ...     instance.display(1, layers=layers).shape
    (24, 24, 3)
    """
    from rendicom.composition.blending_states import BlendingLayer
    from rendicom.composition.dose import apply_plans
    from rendicom.composition.targets import blending_at, members_in

    if isinstance(sources, (str, bytes, os.PathLike)):
        raise OptionError("layers is not a list of sources")
    layers: list[Layer] = []
    numbers: list[int] = []
    instances: list[Instance] = []
    plans: dict[str, Instance] = {}
    try:
        for number, source in enumerate(sources):
            numbers += [number - 1] * (len(layers) - len(numbers))
            name = _name_of(source, number + 1)
            if is_folder(source):
                layers += folder_layers(os.fspath(source), name, instances)
                continue
            with blaming(name):
                instance = engine.open_instance(readable(source))
                instances.append(instance)
                if instance.sop_class in PLANS:
                    plans[name] = instance
                elif instance.sop_class in BLENDING_CLASSES:
                    found = members_in(files_in(images))
                    layers.append(BlendingLayer(blending_at(source), name, found))
                else:
                    layers.append(layer_of(instance, name))
        numbers += [len(sources) - 1] * (len(layers) - len(numbers))
        apply_plans(layers, plans)
    except BaseException:
        for instance in instances:
            instance.close()
        raise
    return Layers(layers, instances, numbers, len(sources))


def open_instance(source: engine.Source, *, threads: int | None = None) -> Instance:
    """Return an instance to read frames and pictures from; close it, or use it with ``with``.

    Parameters
    ----------
    source
        Path, bytes, binary file object or pydicom Dataset. Headers are read now, pixels on demand.
    threads
        Threads that may work on one picture. Default: as many as there are processors.

    Returns
    -------
    Instance
        Layers can be drawn on it; see `rendicom.Instance`.

    Raises
    ------
    UnreadableSourceError, NotDicomError, CorruptDataError, LimitExceededError

    Examples
    --------
    >>> with rendicom.open_instance("ct.dcm") as instance:
    ...     instance.frame(1).samples.shape
    (128, 128)
    """
    return engine.open_instance(source, open_layers=open_layers, threads=threads)


def open_located(locations: Sequence[str]) -> Layers:
    """Open objects to draw on images, from files and addresses; warnings name them by UID.

    Images of one series are one layer. Images that a blending presentation state superimposes are
    part of that layer. Options with a value for each layer have one for each location here.

    Raises
    ------
    RendicomError
        One of them cannot be read, or cannot be drawn on an image.
    """
    from rendicom.composition.blending_states import BlendingLayer
    from rendicom.composition.dose import apply_plans
    from rendicom.composition.targets import blending_at

    gathered = Gathered()
    states: dict[int, Blending] = {}
    plans: dict[str, Instance] = {}
    try:
        for number, location in enumerate(locations):
            with blaming(f"layer {number + 1}"):
                instance = engine.open_instance(readable(location))
            with blaming(instance.sop_instance):
                if instance.sop_class in BLENDING_CLASSES:
                    instance.close()
                    states[number] = blending_at(location)
                elif instance.sop_class in PLANS:
                    plans[instance.sop_instance] = instance
                else:
                    gathered.add(instance, location)
        blended = {uid for blending in states.values() for uid in blending.superimposed}
        layers = gathered.layers(without=blended)
        found: dict[Layer, int] = {
            BlendingLayer(each, each.instance, gathered.members): number
            for number, each in states.items()
        }
        found |= {layer: locations.index(location) for layer, location in layers.items()}
        apply_plans(found, plans)
    except BaseException:
        gathered.close()
        for plan in plans.values():
            plan.close()
        raise
    instances = [*gathered.instances, *plans.values()]
    return Layers(list(found), instances, list(found.values()), len(locations))


def compose(
    image: engine.Source,
    layers: Sequence[Any],
    frame: int = 1,
    options: RenderOptions = _DEFAULT_OPTIONS,
    media_type: str = "image/jpeg",
    *,
    images: Sequence[str] = (),
) -> RenderedImage:
    """Return one frame of an image with other objects drawn on it, as an encoded picture.

    Parameters
    ----------
    image
        What `rendicom.open_instance` takes.
    layers, images
        As for `rendicom.open_layers`.
    frame, options, media_type
        As for `rendicom.render`.

    Raises
    ------
    OptionError, RendicomError
        As for `rendicom.open_layers` and `rendicom.render`.

    Examples
    --------
    >>> rendicom.compose("ct/2.dcm", ["seg.dcm"], media_type="image/png").width
    24
    """
    with open_layers(layers, images=images) as opened, engine.open_instance(image) as instance:
        return instance.render(frame, options, media_type, presentation=opened.state, layers=opened)


def _name_of(source: object, number: int) -> str:
    if isinstance(source, (str, os.PathLike)):
        return Path(os.fspath(source)).name or str(source)
    return f"layer {number}"
