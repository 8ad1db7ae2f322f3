"""Number of processors that this process may use, even in a container."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import cache

_CGROUPS = "/sys/fs/cgroup"


def default_jobs(*, process: str = "/proc/self/cgroup", root: str = _CGROUPS) -> int:
    """Return the processors this process may use, at least 1.

    The minimum of its CPU affinity and of the CPU quotas of its control groups (version 1 or 2,
    with all parent groups), rounded up. The parameters are for tests.
    """
    shares = [math.ceil(quota) for quota in _quotas(process, root)]
    return max(1, min([_bound_to(), *shares]))


@cache
def usable_cores() -> int:
    """Return the first result of `default_jobs` in this process."""
    return default_jobs()


def _bound_to() -> int:
    counted = getattr(os, "process_cpu_count", os.cpu_count)()
    if hasattr(os, "sched_getaffinity"):
        counted = min(counted or 1, len(os.sched_getaffinity(0)))
    return counted or 1


def _quotas(process: str, root: str) -> Iterator[float]:
    """Yield each limit in processors. In a container its own group is the root of the tree."""
    for line in _lines(process):
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            places = [root]
        elif "cpu" in controllers.split(","):
            places = [os.path.join(root, name) for name in (controllers, "cpu")]
        else:
            continue
        for place in places:
            for folder in _upwards(group):
                yield from _quota(os.path.join(place, folder))


def _upwards(group: str) -> Iterator[str]:
    folder = group.strip("/")
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield ""


def _quota(folder: str) -> Iterator[float]:
    words = " ".join(_lines(os.path.join(folder, "cpu.max"))).split()
    if not words:
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        words = [word for name in names for word in _lines(os.path.join(folder, name))]
    if len(words) == 2 and all(word.isascii() and word.isdigit() for word in words):
        quota, period = map(int, words)
        if quota and period:
            yield quota / period


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().splitlines()
    except OSError:
        return []
