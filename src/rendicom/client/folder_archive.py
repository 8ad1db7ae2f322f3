"""A folder of DICOM files as an archive."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rendicom import storage
from rendicom.client.archive import Archive
from rendicom.client.matching import check_keys
from rendicom.dicomweb.query import parse_query
from rendicom.dicomweb.resources import Resource
from rendicom.dicomweb.search_parameters import SearchLevel
from rendicom.engine import Instance, PictureRequest, open_instance
from rendicom.errors import NoSuchResourceError, OptionError
from rendicom.extras import install_command

if TYPE_CHECKING:
    from rendicom.client.response_models import Model
    from rendicom.engine.rendered_image import RenderedImage

_PAGE = 500
_UIDS = ("0020000D", "0020000E", "00080018")
_PULSE = 0.02
"""Seconds between checks of the index's progress."""


def open_folder(path: str | Path) -> FolderArchive:
    """Return the archive of the DICOM files in a folder, after reading all their headers.

    Attributes are kept in a temporary database, which is removed when the archive is closed. Needs
    the extra ``server``.

    Raises
    ------
    OptionError
        The folder does not exist, or the extra is not installed.

    Examples
    --------
    >>> with rendicom.open_folder("studies") as archive:
    ...     len(list(archive.instances()))
    1
    """
    if find_spec("sqlalchemy") is None:
        raise OptionError("open_folder needs sqlalchemy", hint=install_command("server"))
    if not storage.is_uri(str(path)) and not Path(path).exists():
        raise OptionError(f"there is no folder {path}")
    return FolderArchive(str(path))


class FolderArchive(Archive):
    """An archive in a folder; made by `rendicom.open_folder`. See `Archive`."""

    def __init__(self, path: str) -> None:
        from rendicom.index.catalogue import Catalogue
        from rendicom.index.scan_scheduler import Scanner

        self._catalogue = Catalogue("sqlite://")
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="rendicom-index") as executor:
                scanner = Scanner(
                    self._catalogue, [path], submit=executor.submit, interval_seconds=0
                )
                scanner.start()
                try:
                    pause = threading.Event()
                    while not scanner.progress().is_complete:
                        pause.wait(_PULSE)
                finally:
                    scanner.stop()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove the temporary database."""
        self._catalogue.close()

    def search(
        self,
        level: SearchLevel = "studies",
        *,
        study: str = "",
        series: str = "",
        match: Mapping[str, str] | None = None,
        include: Sequence[str] = (),
        limit: int | None = None,
        fuzzy: bool = False,
    ) -> Iterator[Model]:
        """Yield what matches, in the DICOM JSON model; see `Archive.search`."""
        pairs = [*(match or {}).items(), *(("includefield", name) for name in include)]
        check_keys(tuple((match or {}).items()))
        pairs += [("fuzzymatching", "true")] if fuzzy else []
        query = parse_query(pairs, level=level)
        _refuse_if_left_out(query.warnings)

        def found() -> Iterator[Model]:
            offset = 0
            while True:
                page = self._catalogue.search(
                    level, query._replace(limit=_PAGE, offset=offset), study, series
                )
                _refuse_if_left_out(page.warnings)
                yield from page.models
                offset += len(page.models)
                if not page.models or not page.remaining:
                    return

        return islice(found(), limit)

    def instances(
        self,
        study: str = "",
        series: str = "",
        *,
        match: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> Iterator[Resource]:
        """Yield the instances by series, in the order of their numbers."""
        return islice(self._instances(study, series, match), limit)

    def _instances(
        self, study: str, series: str, match: Mapping[str, str] | None
    ) -> Iterator[Resource]:
        if match:
            for model in self.search("instances", study=study, series=series, match=match):
                yield Resource(*(model[tag]["Value"][0] for tag in _UIDS))
            return
        studies = [study] if study else [each[_UIDS[0]]["Value"][0] for each in self.search()]
        for each in studies:
            for entry in self._catalogue.entries(each, series):
                yield entry.resource

    def open(self, study: str, series: str, instance: str) -> Instance:
        """Return an instance; close it in the end.

        Raises
        ------
        NoSuchResourceError
        """
        entry = self._catalogue.entry(study, series, instance)
        if entry is None:
            raise NoSuchResourceError("there is no such instance in the folder")
        return open_instance(storage.open_bytes(entry.location))

    def picture(
        self, study: str, series: str, instance: str, request: PictureRequest
    ) -> RenderedImage:
        """Return the requested picture."""
        with self.open(study, series, instance) as opened:
            return opened.picture(request)


def _refuse_if_left_out(warnings: Sequence[str]) -> None:
    """Raise an error if conditions were left out, as there would be too many results."""
    if warnings:
        raise OptionError(warnings[0])
