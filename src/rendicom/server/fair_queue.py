"""A queue of the calls that wait for a worker, fair between requests."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rendicom.server.quarantine import Suspect


@dataclass(eq=False, slots=True)
class Requester:
    """The request that calls belong to; it may need many pictures.

    Attributes
    ----------
    is_admitted
        One of its calls was accepted; later calls are never refused.
    spool
        Folder of its temporary files; empty for none.
    """

    is_admitted: bool = False
    spool: str = ""


requester: ContextVar[Requester | None] = ContextVar("requester", default=None)
"""Set for each request by a middleware; a call outside of requests has a separate requester."""


class PendingCall:
    """A call that waits or runs."""

    __slots__ = ("began", "kind", "queued", "requester", "result", "seconds", "suspect", "task")

    def __init__(
        self, task: Any, seconds: float, kind: str, whose: Requester, suspect: Suspect | None
    ) -> None:
        self.task = task
        self.suspect = suspect
        self.seconds = seconds
        self.kind = kind
        self.requester = whose
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.queued = monotonic()
        self.began = 0.0


class FairQueue:
    """Waiting calls; requesters take turns, independent of their number of calls."""

    def __init__(self) -> None:
        self._queues: OrderedDict[Requester, deque[PendingCall]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, job: PendingCall, *, is_retry: bool) -> None:
        """Add a call at the end, or in front if its worker died: it has waited already."""
        queue = self._queues.setdefault(job.requester, deque())
        self._length += 1
        if is_retry:
            queue.appendleft(job)
            self._queues.move_to_end(job.requester, last=False)
        else:
            queue.append(job)

    def next(self) -> PendingCall:
        """Remove and return the next call."""
        whose, queue = self._queues.popitem(last=False)
        job = queue.popleft()
        self._length -= 1
        if queue:
            self._queues[whose] = queue
        return job

    def __iter__(self) -> Iterator[PendingCall]:
        return (job for queue in self._queues.values() for job in queue)

    def drop(self, job: PendingCall) -> None:
        """Remove a call that no longer waits."""
        queue = self._queues.get(job.requester)
        if queue is None or job not in queue:
            return
        queue.remove(job)
        self._length -= 1
        if not queue:
            del self._queues[job.requester]
