"""Whether pictures are still there."""

from __future__ import annotations

import os
import stat

__all__ = ["Outputs"]


class Outputs:
    """Sizes of pictures."""

    def size(self, path: str) -> int | None:
        """Return the bytes a picture takes, None where there is none."""
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None
