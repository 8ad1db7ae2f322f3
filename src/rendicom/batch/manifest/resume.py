"""Finds the frames of a source that an earlier run did not convert."""

from __future__ import annotations

import os
import stat
from collections import Counter
from typing import TYPE_CHECKING

from rendicom.batch.file_names import FRAME_MARK
from rendicom.batch.manifest.earlier import EarlierRecords, RecordedPicture
from rendicom.batch.manifest.record_columns import Terms, below
from rendicom.batch.sources import Unit, is_address
from rendicom.selection import FrameSelection
from rendicom.storage.names import escaped

if TYPE_CHECKING:
    import sqlite3

    from rendicom.batch.shard_names import ShardTemplate


class Resume:
    """Compares the units of this run with the records of earlier ones.

    A picture is done if it was written with the same options and recipe from the same version of
    its source, has the name it would get now, and exists with its recorded size. Uncertain ones are
    made again.

    Parameters
    ----------
    frames
        The frames the recipe asks for; None for all.
    extension
        Of the pictures, with its dot.
    """

    def __init__(
        self,
        earlier: EarlierRecords,
        terms: Terms,
        *,
        frames: FrameSelection | None,
        extension: str,
    ) -> None:
        self.earlier = earlier
        self._terms = terms
        self._frames = frames or FrameSelection()
        self._extension = extension
        self._sizes = PictureSizes(terms.target)
        self.first_shard = self._first_shard()
        """Number of the first shard that is not complete, with its records."""

    def left_to_do(self, unit: Unit) -> Unit | None:
        """Return the unit without the frames that are done; None if all are."""
        source = self._terms.text(unit.source)
        recorded = self.earlier.pictures(source)
        done = [picture for picture in recorded if self._is_done(unit, picture)]
        has_none = any(not picture.output for picture in done)
        left = None if has_none else missing(done, unit.frames or self._frames)
        if left is None:
            if len(done) < len(recorded):
                self.earlier.keep(done)
                self.earlier.drop(source)
            else:
                self.earlier.drop(source, only_stale=True)
            return None
        if not left.ranges:
            return unit
        self.earlier.keep(done)
        return unit._replace(frames=left)

    def settle(self, source: str) -> None:
        """Drop earlier records of a source, which those of this run replace."""
        self.earlier.drop(self._terms.text(source))

    def close(self) -> None:
        """Delete the earlier records."""
        self.earlier.close()
        self._sizes.close()

    def _first_shard(self) -> int:
        if self._terms.shards is None:
            return 0
        from rendicom.batch.shard_names import samples_of

        counts = Counter(
            found[0]
            for output in self.earlier.outputs()
            if (found := self._terms.shards.split(self._terms.path(output))) is not None
        )
        last = max(counts, default=-1)
        # A kill may have separated the records of the last one.
        is_whole = counts and samples_of(self._terms.shards.path(last)) == counts[last]
        return last + 1 if is_whole else max(last, 0)

    def _is_in_shard(self, unit: Unit, picture: RecordedPicture, shards: ShardTemplate) -> bool:
        from rendicom.batch.shard_names import stem_of

        found = shards.split(self._terms.path(picture.output))
        if found is None or not found[1].endswith(self._extension):
            return False
        number, name = found
        if not names_it(unit.place, stem_of(name.removesuffix(self._extension)), picture.frame):
            return False
        return number < self.first_shard and self._sizes.size(shards.path(number)) is not None

    def _is_done(self, unit: Unit, picture: RecordedPicture) -> bool:
        # Without a version it is unknown whether a source has changed.
        if not unit.version or picture.version != unit.version:
            return False
        if not picture.output:
            return True
        if self._terms.shards is not None:
            return self._is_in_shard(unit, picture, self._terms.shards)
        path = self._terms.path(picture.output)
        name = below(path, self._terms.target)
        if name is None or not name.endswith(self._extension):
            return False
        # Characters that the store does not allow are escaped there.
        place = escaped(unit.place) if "://" in self._terms.target else unit.place
        if not names_it(place, name.removesuffix(self._extension), picture.frame):
            return False
        return picture.size is not None and self._sizes.size(path) == picture.size


def missing(done: list[RecordedPicture], frames: FrameSelection) -> FrameSelection | None:
    """Return the frames of a source that are not done; None for none, all if uncertain."""
    counts = {picture.pictures for picture in done}
    if len(counts) != 1:
        return FrameSelection()
    count = counts.pop()
    have = {picture.frame for picture in done}
    if None in have:
        # A loop is one picture of all its frames.
        return None if have == {None} and count == 1 else FrameSelection()
    highest = max((last for _, last in frames.ranges), default=count)
    wanted = frames.resolve(highest)
    if len(wanted) != count or not have.issubset(wanted):
        return FrameSelection()
    left = [frame for frame in wanted if frame not in have]
    return FrameSelection.of(left) if left else None


def names_it(place: str, stem: str, frame: int | None) -> bool:
    r"""Tell whether `picture_name` makes a name, without extension, from a `Unit.place`.

    >>> names_it("a/b", "a/b", 1), names_it("a/b", "a/b-0012", 12), names_it("a/b", "a/c", 1)
    (True, True, False)
    >>> names_it("a\0/b", "a12/b", 12), names_it("a\0/b", "aall/b", None)
    (True, True)
    """
    before, mark, after = place.partition(FRAME_MARK)
    if not mark:
        dash, number = stem[len(place) : len(place) + 1], stem[len(place) + 1 :]
        is_numbered = dash == "-" and frame is not None and _is_frame(number, frame)
        return stem.startswith(place) and (not dash or is_numbered)
    # A run of marks is replaced by one number.
    after = after.lstrip(FRAME_MARK)
    number = stem[len(before) : len(stem) - len(after)]
    if f"{before}{number}{after}" != stem:
        return False
    return number == "all" if frame is None else _is_frame(number, frame)


def _is_frame(digits: str, frame: int) -> bool:
    return digits.isascii() and digits.isdigit() and int(digits) == frame


class PictureSizes:
    """Sizes of pictures below a target.

    An object store is listed once: a request for each picture would take longer than to make it.
    The list may be long, so it goes to a scratch database.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._is_remote = is_address(target)
        self._listed: sqlite3.Connection | None = None

    def size(self, path: str) -> int | None:
        """Return the size of a picture in bytes, None if it does not exist.

        Raises
        ------
        UnreadableSourceError
            The target cannot be listed.
        """
        if self._is_remote:
            return self._listed_size(path)
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def close(self) -> None:
        """Delete the list."""
        if self._listed is not None:
            self._listed.close()

    def _listed_size(self, location: str) -> int | None:
        if self._listed is None:
            self._listed = _listing(self._target)
        found = self._listed.execute(
            "SELECT size FROM object WHERE location = ?", (escaped(location),)
        )
        row = found.fetchone()
        return None if row is None else int(row[0])


def _listing(target: str) -> sqlite3.Connection:
    from rendicom.batch.scratch import scratch_database
    from rendicom.storage import list_folder

    database = scratch_database(
        "CREATE TABLE object (location TEXT PRIMARY KEY, size INT) WITHOUT ROWID"
    )
    objects = ((escaped(stored.location), stored.size) for stored in list_folder(target))
    database.executemany("INSERT OR REPLACE INTO object VALUES (?, ?)", objects)
    return database
