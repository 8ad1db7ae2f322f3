"""Selections in URLs: one kind per file; each defines ``FORM``.

The name of the module is the kind, and the name of its query parameter. The kind is implemented in
the file of the same name in ``rendicom.engine.selections``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from rendicom import registry

if TYPE_CHECKING:
    from rendicom.dicomweb.resources import Resource
    from rendicom.selection import Selection


class SelectionForm(Protocol):
    """The form of one kind of selection in a URL."""

    help: str
    """Describes the query parameter."""
    metavar: str

    def read(self, text: str) -> Selection:
        """Return the selection that the value of the query parameter stands for.

        Raises
        ------
        OptionError
        """
        ...

    def write(
        self, selection: Selection, instance: Resource, *, number_of_frames: int
    ) -> tuple[Resource, str]:
        """Return the resource to request, and the value of the query parameter, if any."""
        ...


def selection_forms() -> Mapping[str, SelectionForm]:
    """Return the forms of all kinds, by name."""
    return registry.discover(__name__, "FORM")


def address_of(
    selection: Selection, instance: Resource, *, number_of_frames: int
) -> tuple[Resource, tuple[tuple[str, str], ...]]:
    """Return the resource and the query parameters of a request for a selection."""
    form = selection_forms()[selection.kind]
    resource, text = form.write(selection, instance, number_of_frames=number_of_frames)
    return resource, ((selection.kind, text),) if text else ()
