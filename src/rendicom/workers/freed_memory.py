"""Memory that is freed after a picture, and needed again for the next one."""

from __future__ import annotations

from functools import cache

_LARGEST = (32 << 20) - (64 << 10)
"""Bytes of a block just below the largest that the C library learns from."""


@cache
def keep_freed_memory() -> None:
    """Let the C library keep up to 64 MiB of freed memory, as worker processes do.

    By default glibc returns it to the system above a threshold that rises with the blocks freed
    so far ("dynamic mmap threshold" in mallopt(3)); the next picture then costs a page fault for
    every 4 KiB. One freed block, which is never touched, sets the threshold. Variables such as
    ``MALLOC_TRIM_THRESHOLD_`` win; other C libraries are not affected.
    """
    import numpy as np

    np.empty(_LARGEST, np.uint8)
