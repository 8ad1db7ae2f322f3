"""Renders files in a process of its own, so that a crash or a bomb hits nobody else.

Usage: python child.py OVERLAYS FILE...

Prints a JSON line before and after each file: what became of it, processor seconds and the peak
memory of the process in megabytes. More than 4 GB of address space are refused by the system.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import replace

from rendicom.engine import open_instance
from rendicom.errors import RendicomError
from rendicom.options import RenderOptions

OPTIONS = RenderOptions(max_pixels=20_000_000)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def outcome(path: str, options: RenderOptions) -> dict[str, object]:
    try:
        with open_instance(path) as instance:
            picture = instance.render(1, options, "image/png")
    except RendicomError as error:
        return {"code": error.code, "message": str(error)}
    return {"code": "ok", "size": [picture.width, picture.height], "bytes": len(picture.data)}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    options = replace(OPTIONS, overlays=sys.argv[1] == "yes")
    for path in sys.argv[2:]:
        sys.stdout.write(json.dumps({"start": path}) + "\n")
        sys.stdout.flush()
        before, began = peak(), time.process_time()
        told = outcome(path, options)
        told |= {
            "path": path,
            "seconds": time.process_time() - began,
            "grown": peak() - before,
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
