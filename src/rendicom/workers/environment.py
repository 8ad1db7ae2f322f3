"""Variables of processes that make pictures, and the memory that they keep."""

from __future__ import annotations

import os
from functools import cache

_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}

WORKER_ENVIRONMENT = _ONE_THREAD | {
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
}
"""Variables of worker processes, if the user does not set them.

Several codecs free all memory after each frame. The C library would return it to the system and
request it again page by page: a fifth to a third of the time of HTJ2K and JPEG Lossless pictures.
"""


def spare_threads() -> None:
    """Let the library of linear algebra start no threads in this process, unless the user did.

    It starts one for each processor when numpy is imported. They wait in a loop, and cost more
    processor time than the small products of a picture take. Without effect after that import.
    """
    for name, value in _ONE_THREAD.items():
        os.environ.setdefault(name, value)


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
