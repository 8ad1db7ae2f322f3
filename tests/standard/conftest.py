"""Short ways to render a file that stands in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from numpy.typing import NDArray

from rendicom.engine import open_instance
from rendicom.engine.rendered_image import RenderedImage
from rendicom.options import RenderOptions


def _options(texts: dict[str, str]) -> RenderOptions:
    return RenderOptions.parse({name.replace("_", "-"): text for name, text in texts.items()})


@pytest.fixture(scope="session")
def display() -> Callable[..., NDArray[Any]]:
    """Return the display samples of one frame; options are given as their texts."""

    def show(data: bytes, frame: int = 1, **texts: str) -> NDArray[Any]:
        with open_instance(data) as instance:
            return instance.display(frame, _options(texts))

    return show


@pytest.fixture(scope="session")
def stored() -> Callable[..., NDArray[Any]]:
    """Return the stored values of one frame."""

    def values(data: bytes, frame: int = 1) -> NDArray[Any]:
        with open_instance(data) as instance:
            return instance.frame(frame).samples

    return values


@pytest.fixture(scope="session")
def picture() -> Callable[..., RenderedImage]:
    """Return the encoded picture of one frame."""

    def encoded(
        data: bytes, frame: int = 1, media_type: str = "image/png", **texts: str
    ) -> RenderedImage:
        with open_instance(data) as instance:
            return instance.render(frame, _options(texts), media_type)

    return encoded
