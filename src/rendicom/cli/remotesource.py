"""A server as the source of a run: its instances as units of the batch, its objects as layers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from rendicom.batch.sources import Unit
from rendicom.client.connection_settings import host_of
from rendicom.client.listing import list_instances
from rendicom.client.matching import MatchReport
from rendicom.client.server import Server
from rendicom.errors import OptionError, RendicomError
from rendicom.records import NamedTuple

if TYPE_CHECKING:
    from rendicom.client.connection_settings import ConnectionSettings
    from rendicom.client.found_instance import FoundInstance
    from rendicom.client.listing import InstanceQuery
    from rendicom.client.remote_input import RemoteInput


@dataclass(slots=True)
class RemoteSource:
    """The instances requested from a server, and how they are rendered."""

    remote: RemoteInput
    wanted: InstanceQuery
    total: int = field(default=0, init=False)
    """Instances found so far; final once `units` came to its end."""
    report: MatchReport = field(default_factory=MatchReport, init=False)
    """The results of checking search results against the query."""

    def units(self) -> Iterator[Unit]:
        """Yield a unit for each instance, with its path below the target.

        One series makes one folder of pictures, a study one for each series, and so on.

        Raises
        ------
        RendicomError
            The server does not list its instances.
        """
        server = Server(self.remote.connection, is_wado_uri=self.remote.is_wado_uri)
        try:
            for summary in list_instances(server, self.wanted, self.report):
                self.total += 1
                yield self.unit(summary)
        finally:
            server.close()

    def unit(self, summary: FoundInstance) -> Unit:
        """Return the unit of an instance."""
        resource = self.wanted.resource
        above = [] if resource.study else [summary.study]
        above += [] if resource.series else [summary.series]
        source = self.remote.connection.base + summary.resource.path
        place = "/".join((*above, summary.instance))
        return Unit(source, place, summary.version, about=summary.line())

    def single(self) -> Unit:
        """Return the single instance of the query.

        Raises
        ------
        RendicomError
        """
        unit = next(self.units(), None)
        if unit is None:
            failure = self.report.failure(host_of(self.remote.connection.base))
            raise failure or RendicomError("nothing matches")
        return unit

    def close(self) -> None:
        """Close the connections of this process; workers close their own when they end."""
        from rendicom.client.remote_input import forget

        forget(self.remote.connection)

    def check(self) -> None:
        """Refuse invalid requests before any is sent.

        Raises
        ------
        OptionError
        """
        from rendicom.client.render_requests import render_request_for

        remote = self.remote
        if remote.rendering != "remote":
            return
        if remote.is_document:
            raise OptionError("documents are rendered locally: leave out --render remote")
        from rendicom.dicomweb.rendered_parameters import rendered_parameters

        known = frozenset(each.name for each in rendered_parameters())
        if render_request_for(remote.options, known=known, rows=1, columns=1) is None:
            raise OptionError("servers do not support these options: --render local")


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
