"""Retrieves the layers of a run from a server into files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from rendicom.client.listing import InstanceQuery, list_instances
from rendicom.dicomweb.resources import Resource
from rendicom.errors import NoSuchResourceError, OptionError

if TYPE_CHECKING:
    from rendicom.client.retrieving import Body
    from rendicom.client.server import Server


def retrieve_layer(server: Server, study: str, uid: str, folder: Path) -> tuple[str, str]:
    """Retrieve an instance, or the instances of a series, by the UID of either.

    Parameters
    ----------
    server
        The server that has it.
    study, uid
        UIDs of its study (empty if unknown) and of the object.
    folder
        Folder for the file, or folder of files, named after the UID.

    Returns
    -------
    The path, and a text that changes with the retrieved instances.

    Raises
    ------
    OptionError
        The server has no object with that UID.
    RendicomError
        It cannot be retrieved.
    """
    below = Resource(study)
    found = _listed(server, InstanceQuery(below, matches=(("SOPInstanceUID", uid),), limit=1))
    if [each.instance for each in found] == [uid]:
        path = folder / f"{uid}.dcm"
        _write(server.instance(found[0]), path)
    else:
        found = _listed(server, InstanceQuery(below, series=frozenset((uid,))))
        found = [each for each in found if each.series == uid]
        path = folder / uid
        path.mkdir(exist_ok=True)
        for each in found:
            _write(server.instance(each), path / f"{each.instance}.dcm")
    if not found:
        raise OptionError(f"the server has no layer {uid}")
    return str(path), " ".join((uid, *(each.instance for each in found)))


def _listed(server: Server, query: InstanceQuery) -> list[Resource]:
    try:
        return [summary.resource for summary in list_instances(server, query)]
    except NoSuchResourceError:
        return []


def _write(body: Body, path: Path) -> None:
    with path.open("wb") as file:
        if isinstance(body, (bytes, memoryview)):
            file.write(body)
        else:
            with body:
                shutil.copyfileobj(body, file)
