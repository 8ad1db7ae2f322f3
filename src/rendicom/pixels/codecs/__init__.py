"""One backend library per file; each defines ``CODEC``.

Importing a module here is cheap: it looks for its library with ``importlib.util.find_spec`` and
imports it inside ``decode``. A missing library stays in the table, with instructions to install it.
``rendicom.registry.discover(__name__, "CODEC")`` lists them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rendicom.coded_warnings import CodedWarning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rendicom.dicom.codestreams import StreamInfo


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """Attributes of the header for the frame; a different stream has precedence."""

    transfer_syntax: str
    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric_interpretation: str
    planar_configuration: int
    max_pixels: int
    strict: bool = False
    frame: int = 1
    """Counted from 1; matters for video, where one stream holds all frames."""
    is_float: bool = False
    high_bit: int = -1
    """By default Bits Stored - 1."""
    halvings: int = 0
    """Largest number of halvings of both sides of the image; the codec may do fewer."""
    threads: int = 1
    """Largest number of threads of the codec. The samples do not depend on it."""
    info: StreamInfo | None = None
    """The header of the stream, if it was read."""

    def __post_init__(self) -> None:
        if self.high_bit < 0:
            object.__setattr__(self, "high_bit", self.bits_stored - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """The decoded content of a stream.

    ``samples`` is (rows, columns) or (rows, columns, samples), pixel-interleaved, of the
    smallest integer dtype that holds the stream's precision. ``photometric_interpretation`` is
    the colour model of the returned samples, or ``""`` if the stream does not state it.
    ``bits_stored`` and ``signed`` are ``None`` if the stream does not state them: then the samples
    are pixel cells, whose bits are described by the header. The same applies to a ``lossless``
    stream that is deeper than Bits Stored.

    ``halvings`` is the number of times that the codec halved both sides, rounding up; at most that
    of the request. Sample k is then at pixel ``k * 2**halvings`` along each axis, or, with
    ``is_centered``, represents the ``2**halvings`` pixels from there on.
    """

    samples: NDArray[Any]
    photometric_interpretation: str = ""
    bits_stored: int | None = None
    signed: bool | None = None
    lossless: bool = False
    icc_profile: bytes | None = None
    warnings: tuple[CodedWarning, ...] = ()
    halvings: int = 0
    is_centered: bool = False


class Codec(Protocol):
    """A library that decodes one or more kinds of pixel stream."""

    name: str
    """Name of the library in its own spelling: ``libjpeg-turbo``."""
    streams: Sequence[str]
    """Kinds of stream, most preferred first: ``jpeg``, ``jpeg-lossless``, ``jpeg-ls``,
    ``jpeg2000``, ``htj2k``, ``jpeg-xl``, ``rle``, ``deflate``, ``video``."""
    rank: int
    """Lower is tried first among the codecs of one stream kind."""

    @property
    def install(self) -> str:
        """Return the command that installs it: ``pip install 'rendicom[video]'``."""
        ...

    def version(self) -> str | None:
        """Return the library's version, or None if it is not installed."""
        ...

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        """Decode one frame.

        Raises
        ------
        CorruptDataError, LimitExceededError, UnsupportedImageError,
        UnsupportedTransferSyntaxError
            A codec raises no other exceptions.
        """
        ...
