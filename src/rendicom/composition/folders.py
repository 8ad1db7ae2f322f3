"""Finds objects in files, folders and archives: those drawn on images, and images by their UIDs."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from pathlib import PurePath
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom import engine
from rendicom.archives import is_archive, members, open_member
from rendicom.archives.entries import Inside, Member
from rendicom.composition.kinds import is_value_map, layer_of
from rendicom.dicom.folder_walk import Found, walk
from rendicom.errors import LimitExceededError, RendicomError, UnsupportedImageError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from rendicom.composition.base import Layer
    from rendicom.composition.references import Mentioned
    from rendicom.composition.value_map import SeriesMember
    from rendicom.engine import Instance


_SERIES, _FRAME_OF_REFERENCE = 0x0020000E, 0x00200052
_MOST_OPEN, _MOST_FILES = 8, 100_000


def is_folder(source: object) -> bool:
    """Tell whether a source is a folder."""
    return isinstance(source, (str, os.PathLike)) and os.path.isdir(source)  # noqa: PTH112


def dicom_files(folder: str) -> Iterator[str]:
    """Yield the paths of the DICOM files in a folder, in the order of their names."""
    for entry in walk(folder):
        if isinstance(entry, Found) and entry.kind == "instance":
            yield entry.path


class OpenFiles:
    """Opens instances in files, and keeps those used last open."""

    def __init__(self) -> None:
        self._open: dict[str | ArchivedFile, Instance] = {}
        self._lock = Lock()

    def instance(self, path: str | ArchivedFile) -> Instance:
        """Return the instance in a file; others may be closed for it."""
        with self._lock:
            found = self._open.pop(path, None) or engine.open_instance(readable(path))
            self._open[path] = found
            while len(self._open) > _MOST_OPEN:
                self._open.pop(next(iter(self._open)))
        return found


class ArchivedFile(NamedTuple):
    """A file in an archive: where it lies, and its name there. They sort by their places."""

    archive: str
    number: int
    member: Member
    name: str


def files_in(places: Iterable[str]) -> Iterator[str | ArchivedFile]:
    """Yield the paths of files, and the DICOM files in folders and archives."""
    for place in places:
        if is_folder(place):
            yield from dicom_files(place)
        elif _is_archive(place):
            for each in members(place):
                if isinstance(each, Inside):
                    yield ArchivedFile(place, each.member.number, each.member, each.name)
        else:
            yield place


def _is_archive(path: str) -> bool:
    try:
        return "://" not in path and is_archive(path)
    except OSError:
        return False


def stem_of(location: str | ArchivedFile) -> str:
    """Return the name of a file without its extension."""
    name = location.name if isinstance(location, ArchivedFile) else location
    return PurePath(name.replace("\\", "/")).stem


def readable(source: Any) -> Any:
    """Return a source that the engine opens: files of stores and archives as file objects."""
    if isinstance(source, ArchivedFile):
        return open_member(source.member, source.archive)
    if isinstance(source, str) and "://" in source:
        from rendicom.storage import open_bytes

        return open_bytes(source)
    return source


def folder_layers(folder: str, name: str, instances: list[Instance]) -> list[Layer]:
    """Return the objects in a folder that can be drawn on images; ``instances`` gets those opened.

    The images of a series are one layer; images are below the rest.

    Raises
    ------
    UnsupportedImageError
        Nothing in it can be drawn on an image.
    """
    gathered = Gathered()
    for path in dicom_files(folder):
        with suppress(RendicomError):
            instance = engine.open_instance(path)
            gathered.add(instance, path, os.path.basename(path), name)  # noqa: PTH119
    layers = sorted(gathered.layers(), key=lambda layer: layer.kind != "image")
    instances += gathered.instances
    if not layers:
        raise UnsupportedImageError(f"{name} holds no object that can be drawn on an image")
    return layers


class Gathered:
    """Layers of files that are added one after the other; images of a series are one layer.

    Attributes
    ----------
    instances
        The instances that the caller closes.
    members
        The frames of the images, by SOP Instance UID.
    """

    def __init__(self) -> None:
        self.instances: list[Instance] = []
        self.members: dict[str, list[SeriesMember]] = {}
        self._files = OpenFiles()
        self._layers: dict[str, Layer] = {}
        self._series: dict[str, tuple[str, list[SeriesMember]]] = {}
        self._order: dict[str, str] = {}

    def add(self, instance: Instance, location: str, name: str = "", series_name: str = "") -> None:
        """Add an open instance; UIDs are used instead of empty names.

        Raises
        ------
        RendicomError
            It is damaged, or cannot be drawn on an image. It is closed then.
        """
        try:
            if is_value_map(instance):
                self._add_image(instance, location, series_name)
                instance.close()
                return
            self._layers[location] = layer_of(instance, name or instance.sop_instance)
        except RendicomError:
            instance.close()
            raise
        self._order[location] = location
        self.instances.append(instance)

    def _add_image(self, instance: Instance, location: str, name: str) -> None:
        from rendicom.composition.value_map import members_of

        members = members_of(instance, partial(self._files.instance, location))
        uid = instance.header.attributes.text(_SERIES)
        self._series.setdefault(uid, (name or uid, []))[1].extend(members)
        self._order.setdefault(uid, location)
        self.members[instance.sop_instance] = members

    def close(self) -> None:
        """Close the opened instances if the layers are not used."""
        for instance in self.instances:
            instance.close()

    def layers(self, *, without: Container[str] = ()) -> dict[Layer, str]:
        """Return the layers with their first files, without images of the UIDs in ``without``."""
        from rendicom.composition.value_map import ValueLayerOfSeries

        found: dict[Layer, str] = {}
        for key, location in self._order.items():
            if key in self._layers:
                found[self._layers[key]] = location
                continue
            name, members = self._series[key]
            kept = [member for member in members if member.instance not in without]
            if kept:
                found[ValueLayerOfSeries(kept, name)] = location
        return found


# --- instances by their UIDs ------------------------------------------------------------------


class _Known(NamedTuple):
    path: str | ArchivedFile
    instance: str
    frame_of_reference: str
    is_image: bool


class FileIndex:
    """The instances in files, folders and archives: opened once, and no more than are needed."""

    def __init__(self, places: Sequence[str]) -> None:
        self._unread = _read(places)
        self._known: list[_Known] = []
        self._paths: dict[str, str | ArchivedFile] = {}
        self._lock = Lock()

    def paths_of(self, uids: Iterable[str]) -> dict[str, str | ArchivedFile]:
        """Return the paths of instances, by SOP Instance UID, in the order of ``uids``.

        Raises
        ------
        LimitExceededError
            There are too many files to search.
        """
        wanted = dict.fromkeys(uids)
        with self._lock:
            missing = wanted.keys() - self._paths.keys()
            while missing and (found := self._next()) is not None:
                missing.discard(found.instance)
        return {uid: self._paths[uid] for uid in wanted if uid in self._paths}

    def images_for(self, said: Mentioned) -> tuple[str | ArchivedFile, ...]:
        """Return the images that an object refers to, or else those in its frame of reference."""
        found = tuple(self.paths_of(each.instance for each in said.images).values())
        if found:
            return found if said.is_ordered else tuple(sorted(found, key=_order))
        if not said.frames_of_reference:
            return ()
        with self._lock:
            while self._next() is not None:
                pass
        return tuple(
            each.path
            for each in self._known
            if each.is_image and each.frame_of_reference in said.frames_of_reference
        )

    def _next(self) -> _Known | None:
        found = next(self._unread, None)
        if found is not None:
            self._known.append(found)
            self._paths.setdefault(found.instance, found.path)
        return found


def _order(path: str | ArchivedFile) -> tuple[str, int]:
    """Return what files are in order of: their paths, and those of archives their places."""
    return (path, 0) if isinstance(path, str) else (path.archive, path.number)


def _read(places: Sequence[str]) -> Iterator[_Known]:
    for number, path in enumerate(files_in(places)):
        if number >= _MOST_FILES:
            raise LimitExceededError(
                f"there are more than {_MOST_FILES} files to look for images in",
                hint="name the folder that the images are in",
            )
        try:
            with engine.open_instance(readable(path)) as instance:
                yield _Known(
                    path,
                    instance.sop_instance,
                    instance.header.attributes.text(_FRAME_OF_REFERENCE),
                    is_value_map(instance),
                )
        except RendicomError:
            continue
