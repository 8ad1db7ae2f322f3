"""The instances in files, folders and archives by their UIDs: headers are read when needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from rendicom import engine
from rendicom.composition.folders import ArchivedFile, files_in, readable
from rendicom.composition.kinds import is_value_map
from rendicom.errors import LimitExceededError, RendicomError

if TYPE_CHECKING:
    from rendicom.composition.references import Mentioned


_FRAME_OF_REFERENCE = 0x00200052
_MOST_FILES = 100_000


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
