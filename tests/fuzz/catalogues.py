"""One catalogue for a whole process: making one for each case takes too long."""

from __future__ import annotations

import atexit
import tempfile
from functools import cache
from pathlib import Path

from seeds import image_seeds

from rendicom.index.catalogue import Catalogue
from rendicom.index.reading import read_file
from rendicom.index.records import Indexed
from rendicom.testing import dicom_file

__all__ = ["catalogue"]


@cache
def catalogue() -> Catalogue:
    """Return a catalogue that lists the undamaged images."""
    folder = tempfile.TemporaryDirectory(prefix="fuzz-catalogue-")
    made = Catalogue(f"sqlite:///{folder.name}/index.db")
    atexit.register(folder.cleanup)
    atexit.register(made.close)
    listed = []
    for name, tree in image_seeds().items():
        path = Path(folder.name) / f"{name}.dcm"
        path.write_bytes(dicom_file(tree.elements, transfer_syntax=tree.transfer_syntax))
        found = read_file(str(path), "1", path.stat().st_size)
        if isinstance(found, Indexed):
            listed.append(found._replace(instance=f"1.2.3.{len(listed)}"))
    made.put(listed)
    return made
