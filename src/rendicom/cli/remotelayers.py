"""Layers of ``rendicom get``: files, and objects of the server."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from rendicom.errors import RendicomError
from rendicom.records import NamedTuple

if TYPE_CHECKING:
    from rendicom.client.connection_settings import ConnectionSettings
    from rendicom.client.listing import InstanceQuery


class DrawnLayers(NamedTuple):
    """Files drawn on the images, a text that changes with their content, and who keeps them."""

    paths: tuple[str, ...] = ()
    words: str = ""
    run: str = ""


def find_layers(
    asked: tuple[str, ...], connection: ConnectionSettings, wanted: InstanceQuery, stack: ExitStack
) -> DrawnLayers:
    """Return the locations of the layers; those of the server are in files until ``stack`` closes.

    Raises
    ------
    click.UsageError
        The server does not have it, or does not return it.
    """
    if not asked:
        return DrawnLayers()
    from rendicom.batch.kept_objects import new_run
    from rendicom.batch.layered_job import version_of_layers
    from rendicom.client.layer_retrieval import retrieve_layer
    from rendicom.client.server import Server
    from rendicom.dicom.uids import is_uid

    folder = Path(stack.enter_context(TemporaryDirectory(prefix="rendicom-")))
    server = Server(connection)
    stack.callback(server.close)
    paths, words = [], []
    for each in asked:
        if not is_uid(each) or Path(each).exists():
            paths.append(each if "://" in each else os.path.abspath(each))
            words.append(version_of_layers((paths[-1],)))
            continue
        try:
            path, said = retrieve_layer(server, wanted.resource.study, each, folder)
        except RendicomError as error:
            raise click.UsageError(f"--layer {each}: {error}") from None
        paths.append(path)
        words.append(said)
    return DrawnLayers(tuple(paths), " ".join(words), new_run())
