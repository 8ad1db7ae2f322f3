"""Deflated Image Frame by zlib: a raw stream of RFC 1951 around native cells (PS3.5 A.4.14)."""

from __future__ import annotations

from rendicom.errors import CorruptDataError
from rendicom.pixels.cells import native_cells
from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.stored_frames import FrameBytes


class _Deflate:
    name = "zlib"
    streams = ("deflate",)
    install = "part of Python"
    rank = 10

    def version(self) -> str | None:
        import zlib

        return zlib.ZLIB_RUNTIME_VERSION

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import zlib

        # One more pixel in each row, as pairs of pixels share chroma.
        pixels = request.rows * (request.columns + request.columns % 2)
        bits = pixels * request.samples_per_pixel * request.bits_allocated
        try:
            # At most the size of the frame, regardless of the length of the stream.
            inflated = zlib.decompressobj(-15).decompress(stream, -(-bits // 8))
        except zlib.error as error:
            raise CorruptDataError(f"the deflated frame is damaged: {error}") from None
        frame = FrameBytes(inflated, encapsulated=False)
        cells, _, warnings = native_cells(frame, request, strict=request.strict)
        return Decoded(cells, warnings=warnings)


CODEC = _Deflate()
