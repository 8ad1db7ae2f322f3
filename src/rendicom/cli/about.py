"""``--on``: replaces an object by the images it refers to, and draws the object on them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from rendicom.errors import RendicomError

if TYPE_CHECKING:
    from collections.abc import Sequence


def refuse_archives(flag: str, places: Sequence[str]) -> None:
    """Refuse archives where files or folders are meant.

    Raises
    ------
    click.UsageError
    """
    from rendicom.dicom.file_kind import look

    for place in places:
        if os.path.isfile(place) and look(place).kind == "archive":
            raise click.UsageError(f"{flag}{place} is an archive: unpack it, and name the folder")


def about_images(
    paths: Sequence[str], on: Sequence[str], *, has_state: bool, is_document: bool
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Return the images and TARGET, the layers on them, and the presentation state or ``""``.

    Objects that show a volume give one picture, and documents one file: these are returned
    themselves.

    Raises
    ------
    click.UsageError
        There is not one SOURCE and a TARGET, or IMAGES are not files and folders.
    RendicomError
        SOURCE cannot be read, refers to no images, or none of them is there.
    """
    from rendicom.composition.targets import images_of

    if len(paths) != 2:
        raise click.UsageError("--on takes one SOURCE, and a TARGET for the pictures")
    source, target = os.path.abspath(paths[0]), paths[1]
    refuse_archives("", paths[:1])
    for place in on:
        if "://" in place:
            raise click.UsageError(f"--on {place}: only local files and folders are supported")
        if not os.path.exists(place):
            raise click.UsageError(f"--on {place} does not exist")
    refuse_archives("--on ", on)
    try:
        images, said = images_of(source, [os.path.abspath(place) for place in on])
    except RendicomError as error:
        # The command is right: it is the file that gives no picture.
        raise RendicomError(f"{paths[0]}: {error}") from None
    if said.is_volume or is_document:
        return (source, target), (), ""
    if said.is_state and has_state:
        raise click.UsageError(f"{paths[0]} and --presentation-state exclude each other")
    if said.is_state:
        return (*images, target), (), source
    return (*images, target), (source,), ""
