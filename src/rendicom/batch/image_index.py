"""Finds the images that objects of a run refer to, and makes small pictures of them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from rendicom import engine
from rendicom.batch.kept_objects import KeptObjects
from rendicom.composition.folders import FileIndex, readable
from rendicom.errors import RendicomError
from rendicom.options import RenderOptions
from rendicom.pixels.burnedin import burned_in

if TYPE_CHECKING:
    from rendicom.documents import Link, ObjectReference

_SMALL = RenderOptions(max_size=128)
_MOST_PICTURES = 500


_indexes: KeptObjects[FileIndex] = KeptObjects(1)


def images_in(run: str, places: tuple[str, ...]) -> FileIndex:
    """Return the instances in files and folders, for one run; headers are read when needed."""
    return _indexes.get(run, places, lambda: FileIndex(places))


def small_pictures(run: str, places: tuple[str, ...]) -> Link:
    """Return a function from references to small pictures as ``data:`` URLs, for one document.

    It returns None for images that are not in ``places``, cannot be rendered, or may show patient
    data.
    """
    index = images_in(run, places)
    left = _MOST_PICTURES

    def picture(reference: ObjectReference) -> str | None:
        nonlocal left
        path = index.paths_of((reference.instance,)).get(reference.instance) if left else None
        if path is None:
            return None
        left -= 1
        try:
            with engine.open_instance(readable(path)) as image:
                if burned_in(image.header.attributes):
                    return None
                frame = next(iter(reference.frames), image.description.representative_frame)
                data = image.render(frame, _SMALL, "image/jpeg").data
        except RendicomError:
            return None
        return f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"

    return picture
