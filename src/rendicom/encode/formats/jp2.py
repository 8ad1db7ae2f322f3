"""JPEG 2000 in a JP2 file, always lossless: for lossy pictures other formats are better."""

from __future__ import annotations

from rendicom.encode.formats import EncodeSettings, Format
from rendicom.values import DisplayImage


def _encode(image: DisplayImage, _settings: EncodeSettings) -> bytes:
    import imagecodecs

    # No profile is embedded: JP2 allows only matrix profiles (ISO/IEC 15444-1 I.5.3.3), and those
    # of scanners and microscopes mostly are tables.
    data = imagecodecs.jpeg2k_encode(
        image.samples, level=0, codecformat="jp2", reversible=True, numthreads=1
    )
    return bytes(data)


FORMAT = Format(
    name="jp2",
    title="JPEG 2000, lossless",
    media_type="image/jp2",
    extensions=(".jp2",),
    gray=("uint8", "uint16"),
    colour=("uint8", "uint16"),
    max_side=2**31 - 1,
    library="imagecodecs",
    encode=_encode,
)
