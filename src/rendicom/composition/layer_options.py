"""Selects the rendering parameters of one layer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom.errors import OptionError
from rendicom.options import LayerStyle, RenderOptions, parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rendicom.option_values import PaletteName
    from rendicom.views import Window


class LayerOptions(NamedTuple):
    """How one layer is drawn; the fields are those of `RenderOptions`."""

    opacity: float = RenderOptions().layer_opacity  # type: ignore[assignment]
    style: LayerStyle | None = None
    items: tuple[str, ...] | None = None
    has_labels: bool = False
    palette: PaletteName = RenderOptions().layer_palette
    window: Window | None = None
    isodose: tuple[str, ...] | None = None
    suv: bool = False


def options_of(options: RenderOptions, number: int, count: int) -> LayerOptions:
    """Return the options of a layer, by its index among ``count`` layers.

    Raises
    ------
    OptionError
        A parameter has values for another number of layers.
    """
    check_values(options, count)

    def own(attribute: str) -> Any:
        value = getattr(options, attribute)
        return _or_default(attribute, value[number]) if _is_of_layers(attribute, value) else value

    return LayerOptions(
        own("layer_opacity"),
        own("layer_style"),
        own("layer_items"),
        options.layer_labels,
        options.layer_palette,
        options.layer_window,
        options.isodose,
        options.suv,
    )


def check_values(options: RenderOptions, count: int) -> None:
    """Refuse options with values for another number of layers than ``count``."""
    for attribute in _OF_LAYERS:
        value = getattr(options, attribute)
        if _is_of_layers(attribute, value) and len(value) != count:
            name = attribute.replace("_", "-")
            layers = "1 layer" if count == 1 else f"{count} layers"
            raise OptionError(
                f"{name} has {len(value)} values for {layers}",
                hint="give one value for all layers, or one for each",
            )


def for_files_of(options: RenderOptions, counts: Sequence[int]) -> RenderOptions:
    """Return options for layers of several files each: every file has the value of its layer.

    Raises
    ------
    OptionError
        A parameter has values for another number of layers.
    """
    check_values(options, len(counts))
    changes: dict[str, Any] = {}
    for attribute in _OF_LAYERS:
        value = getattr(options, attribute)
        if _is_of_layers(attribute, value):
            each = [one for one, count in zip(value, counts, strict=True) for _ in range(count)]
            changes[attribute] = each if len(each) > 1 else _or_default(attribute, each[0])
    return replace(options, **changes) if changes else options


def for_first_of(options: RenderOptions) -> RenderOptions:
    """Return options whose values for each layer are those of the first one."""
    changes = {
        attribute: _or_default(attribute, value[0])
        for attribute in _OF_LAYERS
        if _is_of_layers(attribute, value := getattr(options, attribute))
    }
    return replace(options, **changes) if changes else options


def _or_default(attribute: str, value: Any) -> Any:
    return parameters()[attribute.replace("_", "-")].default if value is None else value


_OF_LAYERS = ("layer_opacity", "layer_style", "layer_items")


def _is_of_layers(attribute: str, value: object) -> bool:
    """Tell whether a value has an entry per layer; items of one layer are a tuple of texts."""
    if not isinstance(value, tuple):
        return False
    return attribute != "layer_items" or not isinstance(value[0], str)
