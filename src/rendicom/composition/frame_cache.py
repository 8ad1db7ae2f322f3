"""Caches decoded frames of an instance."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from rendicom.engine import Instance

_MOST_BYTES = 64 << 20


class KeptFrames:
    """Stored values of frames; those requested last are cached, up to 64 MB."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._kept: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        self._notes: dict[int, str] = {}

    def note(self, frames: Iterable[int]) -> str:
        """Return what the first of some frames lacks, if its bytes were read and are too few."""
        return next((self._notes[each] for each in frames if each in self._notes), "")

    def samples(self, frame: int) -> NDArray[Any]:
        """Return the stored values of a frame, counted from 1; the caller must not modify them."""
        with self._lock:
            if frame in self._kept:
                self._kept.move_to_end(frame)
                return self._kept[frame]
        decoded = self._instance.frame(frame)
        samples = decoded.samples
        with self._lock:
            lacking = [each for each in decoded.warnings if each.code == "incomplete-data"]
            if lacking:
                many = self._instance.description.number_of_frames > 1
                self._notes[frame] = f"frame {frame}: {lacking[0]}" if many else str(lacking[0])
            if frame not in self._kept:
                self._kept[frame] = samples
                self._bytes += samples.nbytes
            while self._bytes > _MOST_BYTES and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return samples
