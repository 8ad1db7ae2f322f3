"""Properties in the headers of compressed streams.

A named tuple and not a dataclass, which takes seven times as long to define.
"""

from __future__ import annotations

from rendicom.records import NamedTuple


class StreamInfo(NamedTuple):
    """Properties in the headers of a stream.

    Attributes
    ----------
    kind
        ``jpeg``, ``jpeg-lossless``, ``jpeg-ls``, ``jpeg2000``, ``htj2k`` or ``jpeg-xl``.
    rows, columns, components, precision
        Size of the image and bits per sample; 0 if unknown.
    signed
        Known for JPEG 2000 only.
    transformed
        JPEG: True for YCbCr, False for RGB, None if unknown.
        JPEG 2000: whether the decoder undoes a colour transform.
    subsampled
        The second and third component are coarser than the first, which only chroma is.
    reversible
        JPEG: the coding is lossless. JPEG 2000: the wavelet is reversible, but the encoder may have
        left out bits (T.800 J.13).
    unsupported
        The name of an unsupported feature, or an empty string.
    start, stop
        Position of the codestream in the bytes.
    is_complete
        The end marker is present.
    halvings
        Number of times the decoder can halve the image without decoding the rest.
    """

    kind: str
    rows: int = 0
    columns: int = 0
    components: int = 0
    precision: int = 0
    signed: bool | None = None
    transformed: bool | None = None
    subsampled: bool = False
    reversible: bool = False
    unsupported: str = ""
    start: int = 0
    stop: int = 0
    is_complete: bool = True
    halvings: int = 0
    icc_profile: bytes | None = None
