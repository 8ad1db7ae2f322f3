"""Variables of processes that make pictures."""

from __future__ import annotations

import os

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
