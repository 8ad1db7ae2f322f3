"""A queue of the calls that wait for a worker, fair between requests."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rendicom.server.quarantine import Suspect
    from rendicom.workers.async_worker import Answer


@dataclass(eq=False, slots=True)
class Requester:
    """The request that calls belong to; it may need many pictures."""

    is_admitted: bool = False
    """One of its calls was accepted; later calls are never refused."""
    spool: str = ""
    """Folder of its temporary files; empty for none."""


requester: ContextVar[Requester | None] = ContextVar("requester", default=None)
"""Set for each request by a middleware; a call outside of requests has a separate requester."""


class PoolMetrics(Protocol):
    """Receives the times and counts of a pool."""

    def waited(self, kind: str, seconds: float) -> None:
        """Record how long a call waited for a worker."""

    def worked(self, kind: str, seconds: float) -> None:
        """Record how long a worker took for a call."""

    def worker_lost(self, *, timed_out: bool) -> None:
        """Count a worker that died or was ended at its time limit."""


class CallOwner(Protocol):
    """Receives the outcome of a call, and decides on it."""

    def on_outcome(self, job: PendingCall, outcome: Any) -> None:
        """Note what a worker returned."""

    def on_failure(self, job: PendingCall, error: BaseException) -> None:
        """Note that a worker returned nothing."""

    def on_left(self, job: PendingCall) -> None:
        """Note that nobody waits for the call."""


class PendingCall:
    """A call that waits or runs; it is the `Answer` of a worker, and has one itself."""

    __slots__ = (
        "_owner", "answer", "began", "error", "kind", "lost", "queued", "requester", "seconds",
        "suspect", "task",
    )  # fmt: skip

    def __init__(
        self,
        owner: CallOwner,
        task: Any,
        answer: Answer,
        *,
        seconds: float,
        kind: str,
        whose: Requester,
        suspect: Suspect | None,
    ) -> None:
        self._owner = owner
        self.task = task
        self.answer = answer
        self.seconds = seconds
        self.kind = kind
        self.requester = whose
        self.suspect = suspect
        self.lost = 0
        self.error: BaseException | None = None
        self.queued = self.began = 0.0

    def done(self) -> bool:
        """Tell whether nobody waits for it."""
        return self.answer.done()

    def set_result(self, outcome: Any) -> None:
        """Receive what a worker returned."""
        self._owner.on_outcome(self, outcome)

    def set_exception(self, error: BaseException) -> None:
        """Receive why a worker returned nothing."""
        self.error = error
        self._owner.on_failure(self, error)

    def fail(self, error: BaseException) -> None:
        """End with an error."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def leave(self) -> None:
        """Give up the call, unless it runs already."""
        self._owner.on_left(self)


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
