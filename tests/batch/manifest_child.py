"""A run in a process of its own, to be killed, starved or measured.

Usage: python -m batch.manifest_child WHAT TABLE NUMBER
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from batch.manifests import good, opened, report, unit, written
from rendicom.errors import RendicomError


def say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def add(table: str, count: int) -> None:
    """Do what is left of ``count`` units, and say how many that were."""
    manifest = opened(table)
    say("open")
    done = 0
    for number in range(count):
        if manifest.left_to_do(unit(str(number))) is not None:
            manifest.add(good(unit(str(number))))
            done += 1
            if number % 7 == 0:
                manifest.flush()
    manifest.close()
    say(done)


def hold(table: str, seconds: int) -> None:
    """Hold a table, with a worker process that was forked, for a while."""
    manifest = opened(table)
    worker = os.fork()
    if worker:
        say(worker)
    time.sleep(seconds)
    manifest.close()


def many(table: str, count: int) -> None:
    """Record ``count`` units, then resume; say the growth of the peak memory in MB of each."""
    import resource

    scale = 2**20 if sys.platform == "darwin" else 2**10

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale

    def reports():
        one = report(unit("0"), written(unit("0")))
        for number in range(count):
            yield one._replace(unit=unit(str(number)))

    opened(table).close()
    for resume in (False, True):
        before = peak()
        manifest = opened(table, resume=resume)
        for one in reports():
            if not resume or manifest.left_to_do(one.unit) is not None:
                manifest.add(one)
        manifest.close()
        say(peak() - before)


def _is_refused(action: Callable[[], None]) -> bool:
    """Tell whether an error of ours comes out, and say which."""
    try:
        action()
    except RendicomError as error:
        say(f"{error.code}: {error}")
        return True
    return False


def _limit(size: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def starve(table: str, size: int) -> None:
    """Record units until files of ``size`` bytes are full."""
    _limit(size)
    manifest = opened(table)
    for number in range(10_000):
        manifest.left_to_do(unit(str(number)))
        manifest.add(good(unit(str(number))))
        if _is_refused(manifest.flush):
            break
    # It was said once.
    manifest.flush()
    manifest.close()
    say("end")


def finish(table: str, size: int) -> None:
    """Do nothing but bring a table into its final form, in files of ``size`` bytes at most."""
    _limit(size)
    _is_refused(opened(table).close)


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
