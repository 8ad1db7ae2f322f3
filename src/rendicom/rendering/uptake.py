"""Displays PET values as standardized uptake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from rendicom.errors import OptionError

if TYPE_CHECKING:
    from rendicom.options import Voi
    from rendicom.rendering.lut import Modality
    from rendicom.values import DisplayAttributes


def in_uptake(
    modality: Modality,
    display: DisplayAttributes,
    value_range: Callable[[Voi], tuple[float, float]],
) -> tuple[DisplayAttributes, Callable[[Voi], tuple[float, float]]]:
    """Return attributes and value ranges in standardized uptake, with the windows of the file.

    Raises
    ------
    OptionError
        The image has no uptake.
    """
    factor = display.suv_factor
    if factor is None:
        raise OptionError(
            "the image has no standardized uptake",
            hint="it requires PET in g/ml, or in Bq/ml with dose, half-life, times and weight",
        )
    windows = tuple(
        replace(
            window, center=window.center * factor, width=window.width * factor,
            function="sigmoid" if window.function == "sigmoid" else "linear-exact",
        )
        for window in display.windows
    )  # fmt: skip
    scaled = display._replace(
        slope=modality.slope * factor,
        intercept=modality.intercept * factor,
        windows=windows,
        voi_luts=(),
    )

    def scaled_range(voi: Voi) -> tuple[float, float]:
        low, high = value_range(voi)
        return low * factor, high * factor

    return scaled, scaled_range
