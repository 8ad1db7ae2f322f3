"""PNM: binary PGM for gray and PPM for RGB, 8 and 16 bit."""

from __future__ import annotations

from rendicom.encode.formats import EncodeSettings, Format
from rendicom.values import DisplayImage


def _encode(image: DisplayImage, _settings: EncodeSettings) -> bytes:
    samples = image.samples
    height, width = samples.shape[:2]
    kind = "P6" if samples.ndim == 3 else "P5"
    most = 255 if samples.itemsize == 1 else 65535
    ordered = samples if samples.itemsize == 1 else samples.astype(">u2")
    return b"".join((f"{kind}\n{width} {height}\n{most}\n".encode(), ordered.data))


FORMAT = Format(
    name="pnm",
    title="PNM (PGM, PPM)",
    media_type="image/x-portable-anymap",
    extensions=(".pnm", ".pgm", ".ppm"),
    gray=("uint8", "uint16"),
    colour=("uint8", "uint16"),
    max_side=2**31 - 1,
    library="numpy",
    encode=_encode,
)
