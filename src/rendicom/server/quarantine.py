"""Files that killed or hung workers: not tried again for some time, unless they change."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from time import monotonic
from typing import Any, NamedTuple

from rendicom import storage
from rendicom.engine import InstanceLocation, PictureRequest
from rendicom.errors import RendicomError, WorkerDiedError

_log = logging.getLogger("rendicom.server")

_SECONDS = 300.0
_LOSSES = 2
"""The first worker may have died, or been slow, for another reason."""
_MOST = 1000


class Suspect(NamedTuple):
    """A file, and the kind of work done with it: metadata may be fine where pixels are not."""

    kind: str
    location: str


def suspect_of(kind: str, arguments: tuple[Any, ...]) -> Suspect | None:
    """Return the file that a call reads; None for calls about something else."""
    for each in arguments:
        place = each.instance if isinstance(each, PictureRequest) else each
        if isinstance(place, InstanceLocation):
            return Suspect(kind, place.location)
    return None


class _Held(NamedTuple):
    version: str
    until: float
    losses: int


class Quarantine:
    """Records files, with their version, on which workers died or hung. For one event loop."""

    def __init__(self) -> None:
        self._held: OrderedDict[Suspect, _Held] = OrderedDict()

    def __contains__(self, suspect: Suspect) -> bool:
        """Tell whether a worker was lost on a file; if so, call `check`."""
        return suspect in self._held

    async def check(self, suspect: Suspect) -> None:
        """Refuse a file that two workers were lost on and that has not changed since.

        Raises
        ------
        WorkerDiedError
        """
        held = self._held.get(suspect)
        if held is None or held.losses < _LOSSES:
            return
        if monotonic() < held.until and await _version_of(suspect) == held.version:
            raise refusal()
        self._held.pop(suspect, None)

    async def lost(self, suspect: Suspect, by_this_call: int) -> bool:
        """Count a worker; return whether its file is refused from now on.

        The oldest is forgotten where there are too many.
        """
        version = await _version_of(suspect)
        before = self._held.pop(suspect, None)
        is_again = before is not None and monotonic() < before.until and before.version == version
        losses = max(by_this_call, before.losses + 1 if before is not None and is_again else 1)
        self._held[suspect] = _Held(version, monotonic() + _SECONDS, losses)
        if len(self._held) > _MOST:
            self._held.popitem(last=False)
        if losses == _LOSSES:
            _log.warning("a file is not tried for %.0f s: two workers died or hung", _SECONDS)
        return losses >= _LOSSES

    def forget(self, suspect: Suspect | None) -> None:
        """Clear the record of a file that was read."""
        if suspect is not None:
            self._held.pop(suspect, None)


async def _version_of(suspect: Suspect) -> str:
    try:
        return await asyncio.to_thread(storage.version_of, suspect.location)
    except RendicomError:
        return ""


def refusal() -> WorkerDiedError:
    """Return the error for a file that workers were lost on."""
    return WorkerDiedError(
        "two workers died or hung on this file",
        hint=f"it is tried again when it has changed, or after {_SECONDS:.0f} s",
    )
