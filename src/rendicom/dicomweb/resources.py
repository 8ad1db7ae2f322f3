"""Resources by their paths: studies, series, instances and frames (PS3.18 10.1.1)."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal, NamedTuple

from rendicom.dicom.uids import UID_LENGTH, is_uid
from rendicom.errors import BadRequestError

Level = Literal["study", "series", "instance", "frames"]

# Number of Frames is an IS, at most 2**31 - 1.
_FRAME = re.compile(r"[0-9]{1,10}", re.ASCII)

_COLLECTIONS = ("studies", "series", "instances", "frames")
_WORDS = ("study", "series", "instance")


class Resource(NamedTuple):
    """The resource that a path names; a level that is not named is empty.

    ``frames`` are counted from 1, ascending.
    """

    study: str = ""
    series: str = ""
    instance: str = ""
    frames: tuple[int, ...] = ()

    @property
    def level(self) -> Level:
        """Return how far down the path goes."""
        if self.frames:
            return "frames"
        if self.instance:
            return "instance"
        return "series" if self.series else "study"

    @property
    def path(self) -> str:
        """Return the path below the base URI, with a slash in front.

        >>> Resource("1.2", "1.3", "1.4", (1, 2)).path
        '/studies/1.2/series/1.3/instances/1.4/frames/1,2'
        """
        study, series, instance, frames = self
        path = f"/studies/{study}" if study else ""
        if series:
            path = f"{path}/series/{series}"
        if instance:
            path = f"{path}/instances/{instance}"
        return f"{path}/frames/{','.join(map(str, frames))}" if frames else path

    @property
    def parent(self) -> Resource:
        """Return the resource one level up; for a study, the study."""
        if self.frames:
            return Resource(*self[:3])
        if self.instance:
            return Resource(self.study, self.series)
        return Resource(self.study)

    def frame(self, number: int) -> Resource:
        """Return one frame of the instance."""
        return Resource(self.study, self.series, self.instance, (number,))

    def url(self, base: str) -> str:
        """Return the URL below a base URI, as in Content-Location and RetrieveURL."""
        return base.rstrip("/") + self.path


def check_uid(text: str, *, what: str) -> str:
    """Return ``text`` if it is a UID (PS3.5 9.1; leading zeros are allowed).

    Raises
    ------
    BadRequestError
        It is not a UID; the error's ``parameter`` is ``what``.
    """
    if not is_uid(text):
        raise BadRequestError(
            f"the {what} is not a UID",
            hint=f"a UID is numbers with points between them, {UID_LENGTH} characters at most",
            parameter=what,
        )
    return text


def parse_frames(text: str) -> tuple[int, ...]:
    """Return the frame numbers of a list such as ``1,2,7``.

    Raises
    ------
    BadRequestError
        A member is not a number from 1, or the list does not ascend (PS3.18 Table 10.1.2-1).
    """
    parts = text.split(",")
    if not all(map(_FRAME.fullmatch, parts)) or "0" in {part.lstrip("0") or "0" for part in parts}:
        raise BadRequestError(
            "a member of the frame list is not a frame number",
            hint="frames are numbered from 1 and separated by commas",
            parameter="frames",
        )
    frames = tuple(map(int, parts))
    if any(behind <= ahead for ahead, behind in pairwise(frames)):
        raise BadRequestError(
            "the frame list does not ascend",
            hint="name each frame once, the lowest number first",
            parameter="frames",
        )
    return frames


def parse_resource(path: str) -> Resource:
    """Return the resource of a path or URL; the part before ``/studies`` is the base URI.

    Raises
    ------
    BadRequestError
        The path is not one of a study, series, instance or frames, or has an invalid UID.
    """
    _base, found, tail = path.rpartition("/studies/")
    parts = tail.rstrip("/").split("/")
    names, collections = parts[::2], parts[1::2]
    if not found or len(parts) % 2 == 0 or tuple(collections) != _COLLECTIONS[1 : len(names)]:
        raise BadRequestError(
            "the path is not that of a study, series, instance or frame",
            hint="/studies/UID/series/UID/instances/UID/frames/LIST, or less of it",
        )
    uids = [check_uid(name, what=what) for name, what in zip(names[:3], _WORDS, strict=False)]
    study, series, instance = (*uids, "", "")[:3]
    frames = parse_frames(names[3]) if len(names) == 4 else ()
    return Resource(study, series, instance, frames)
