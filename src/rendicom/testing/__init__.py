"""Helpers for tests: any DICOM file made in memory, and test suites for plugins.

Shipped with the package so that the author of a codec runs the same tests as Rendicom does.
Nothing here is imported by the product.
"""

from __future__ import annotations

from rendicom.testing.images import (
    functional_groups,
    icc_profile,
    image,
    lookup_table,
    overlay,
    pack_bits,
    pack_cells,
    palette,
)
from rendicom.testing.rle_streams import rle
from rendicom.testing.writer import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    Element,
    dicom_file,
    element,
    encapsulate,
    sequence,
    write_elements,
)

__all__ = [
    "BIG_ENDIAN",
    "DEFLATED",
    "EXPLICIT",
    "IMPLICIT",
    "UNDEFINED",
    "Element",
    "dicom_file",
    "element",
    "encapsulate",
    "functional_groups",
    "icc_profile",
    "image",
    "lookup_table",
    "overlay",
    "pack_bits",
    "pack_cells",
    "palette",
    "rle",
    "sequence",
    "write_elements",
]
