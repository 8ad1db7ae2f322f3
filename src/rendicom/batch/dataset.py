"""`dataset`: the frames of a folder as arrays with their metadata, for machine learning."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

from rendicom.batch.identity import Filters, InstanceSummary, identity_of
from rendicom.batch.outcomes import Failed, Ignored, failure
from rendicom.batch.output_paths import find
from rendicom.batch.sources import Unit, open_unit, paths_of
from rendicom.engine import open_instance
from rendicom.errors import NotDicomError, OptionError, RendicomError, UnreadableSourceError
from rendicom.options import RenderOptions
from rendicom.views import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Source = str | os.PathLike[str]
    Item = tuple[NDArray[Any], dict[str, Any]]

_DEFAULT_OPTIONS = RenderOptions()


class _Listed(NamedTuple):
    unit: Unit
    identity: InstanceSummary
    frames: int


class FrameDataset(Sequence["Item"]):
    """Frames of DICOM images by position: a map-style dataset, as PyTorch's ``DataLoader`` takes.

    Each item is an array of its own, as `Instance.display` returns it, and a row: a mapping with
    ``source``, ``frame`` (from 1), ``frames``, ``modality``, ``study_instance_uid``,
    ``series_instance_uid`` and ``sop_instance_uid``; no value is a patient's. Items are decoded
    on access, in the accessing process; nothing is kept open, and the dataset can be pickled.

    Attributes
    ----------
    failures
        Files that could not be listed.

    Examples
    --------
    >>> frames = rendicom.dataset("cine.dcm")
    >>> len(frames), frames[29][1]["frame"]
    (30, 30)
    """

    def __init__(
        self, listed: Sequence[_Listed], options: RenderOptions, failures: Sequence[Failed]
    ) -> None:
        self._listed = tuple(listed)
        self._ends = list(accumulate(each.frames for each in listed))
        self._options = options
        self.failures = tuple(failures)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __repr__(self) -> str:
        failed = f", {len(self.failures)} not listed" if self.failures else ""
        return f"<FrameDataset of {len(self)} frames of {len(self._listed)} instances{failed}>"

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        """Return one item, or a list of them for a slice.

        Raises
        ------
        IndexError
        RendicomError
            The frame cannot be decoded.
        """
        if isinstance(index, slice):
            return [self[each] for each in range(len(self))[index]]
        row = self.row(index)
        with open_instance(open_unit(self._at(index)[0].unit), threads=1) as instance:
            array = instance.display(row["frame"], self._options)
            # Stored values may be a view of the bytes of the file, which tensors must not share.
            return array if array.flags.writeable else array.copy(), row

    def row(self, index: int) -> dict[str, Any]:
        """Return the metadata of an item without decoding it."""
        listed, frame = self._at(index)
        return {
            "source": listed.unit.source,
            "frame": frame,
            "frames": listed.frames,
            "modality": listed.identity.modality,
            "study_instance_uid": listed.identity.study,
            "series_instance_uid": listed.identity.series,
            "sop_instance_uid": listed.identity.instance,
        }

    def _at(self, index: int) -> tuple[_Listed, int]:
        try:
            position = range(len(self))[index]
        except IndexError:
            raise IndexError(f"there is no item {index} among {len(self)}") from None
        number = bisect_right(self._ends, position)
        listed = self._listed[number]
        return listed, position - self._ends[number] + listed.frames + 1


def dataset(
    source: Source | Sequence[Source],
    *,
    options: RenderOptions = _DEFAULT_OPTIONS,
    values: Literal["display", "modality", "stored"] | None = None,
    modality: Sequence[str] = (),
    series: Sequence[str] = (),
    skip_burned_in: bool = False,
) -> FrameDataset:
    """List the frames of all images in files, folders and archives.

    Headers are read now, pixels when an item is accessed.

    Parameters
    ----------
    source
        As for `rendicom.convert`.
    options
        How arrays are rendered; with ``max_size`` or ``viewport`` they have bounded sizes.
    values
        ``display`` (uint8), ``modality`` (float32, for CT in HU) or ``stored`` (integers); takes
        the place of ``options.values``.
    modality, series, skip_burned_in
        Filters, as for `rendicom.convert`.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> frames = rendicom.dataset("archive/", values="modality")
    >>> array, row = frames[0]
    >>> array.dtype, row["modality"]
    (dtype('float32'), 'CT')
    """
    paths = paths_of(source)
    if not isinstance(options, RenderOptions):
        raise OptionError(f"options {shown(options)} are not RenderOptions")
    filters = Filters.parse(modality=modality, series=series, skip_burned_in=skip_burned_in)
    if values is not None:
        options = replace(options, values=values)
    listed: list[_Listed] = []
    failures: list[Failed] = []
    for entry in find(paths, os.devnull, extension=""):
        if isinstance(entry, Ignored):
            continue
        if not isinstance(entry, Unit):
            failures.append(failure(entry.source, UnreadableSourceError(entry.reason)))
            continue
        try:
            found = _listed(entry, filters)
        except NotDicomError as error:
            if entry.is_known:
                failures.append(failure(entry.source, error))
        except RendicomError as error:
            failures.append(failure(entry.source, error))
        else:
            listed += found
    return FrameDataset(listed, options, failures)


def _listed(unit: Unit, filters: Filters) -> list[_Listed]:
    with open_instance(open_unit(unit), threads=1) as instance:
        identity = identity_of(instance)
        if not identity.is_image or filters.reason(identity):
            return []
        return [_Listed(unit, identity, instance.description.number_of_frames)]
