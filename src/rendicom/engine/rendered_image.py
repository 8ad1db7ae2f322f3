"""`RenderedImage`: an encoded picture to save, to show in a notebook or to compute with.

`Explanation` says how it would be made and why, in words and numbers.
"""

from __future__ import annotations

import os
from dataclasses import field
from typing import TYPE_CHECKING, Any

from rendicom.coded_warnings import CodedWarning
from rendicom.errors import OptionError
from rendicom.records import NamedTuple, frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.values import DrawnLayer

_DECODERS = {
    "image/apng": "apng", "image/avif": "avif", "image/bmp": "bmp", "image/gif": "gif",
    "image/jls": "jpegls", "image/jp2": "jpeg2k", "image/jpeg": "jpeg8", "image/jxl": "jpegxl",
    "image/png": "png", "image/tiff": "tiff", "image/webp": "webp",
}  # fmt: skip
"""Function of imagecodecs by media type; its `imread`, which guesses, takes JPEG-LS for another."""


@frozen(repr=False)
class RenderedImage:
    """An encoded picture. Notebooks display PNG and JPEG pictures.

    Attributes
    ----------
    data
        The encoded bytes; also ``bytes(image)``.
    media_type
        For example ``image/png``.
    width, height
        Size in pixels.
    frame
        Frame number, counted from 1; ``None`` for an animation of several frames.
    voi
        The transform from gray values to display values, for people: ``window 40,400,linear``.
    warnings
        Faults of the input, one sentence each.
    layers
        The layers that were drawn over the image.
    seconds
        Duration of decoding, rendering and encoding. Empty for an animation.

    Examples
    --------
    >>> picture = rendicom.render("ct.dcm", media_type="image/png")
    >>> picture.array.shape, picture.array.dtype
    ((128, 128), dtype('uint8'))
    """

    data: bytes
    media_type: str
    width: int
    height: int
    frame: int | None = 1
    voi: str = ""
    warnings: tuple[CodedWarning, ...] = ()
    layers: tuple[DrawnLayer, ...] = ()
    seconds: tuple[float, ...] = field(default=(), compare=False)

    def __bytes__(self) -> bytes:
        return self.data

    def __repr__(self) -> str:
        """Describe the picture without its bytes."""
        size = f"{self.width} x {self.height}, {len(self.data)} bytes"
        return f"<RenderedImage {self.media_type}, {size}>"

    @property
    def array(self) -> NDArray[Any]:
        """Return the samples of the picture, decoded from its bytes.

        (rows, columns) gray or (rows, columns, 3) RGB, uint8 or as the format stores them; for an
        animation the first dimension is the frame. `Instance.display` returns samples without lossy
        compression.

        Raises
        ------
        OptionError
            The media type has no decoder.
        """
        import imagecodecs

        name = _DECODERS.get(self.media_type)
        if name is None:
            raise OptionError(f"no decoder reads {self.media_type}")
        samples: NDArray[Any] = getattr(imagecodecs, f"{name}_decode")(self.data)
        return samples

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file or an address such as ``s3://``, whole or not at all.

        An existing picture is replaced, a DICOM file never is.

        Raises
        ------
        OptionError
            The extension is not one of the media type.
        OutputExistsError, UnwritableOutputError

        Examples
        --------
        >>> render("ct.dcm", media_type="image/png").save("ct.png")  # doctest: +SKIP
        """
        from pathlib import PurePath

        from rendicom.encode import format_of_extension, format_of_media_type
        from rendicom.engine.picture_file import may_write
        from rendicom.storage import write

        location = os.fspath(path)
        suffix = PurePath(location).suffix
        own, named = format_of_media_type(self.media_type), format_of_extension(suffix)
        # A UID ends in a number, which is no extension.
        if named is not own and not suffix[1:].isdecimal() and suffix:
            says = f"render it with media_type={named.media_type!r}" if named else ""
            raise OptionError(
                f"{location} is not a name for {self.media_type}",
                hint=says or f"the extension of {self.media_type} is {own.extensions[0]}",
            )
        may_write(location, "overwrite")
        write(location, self.data)

    def _repr_png_(self) -> bytes | None:
        return self.data if self.media_type == "image/png" else None

    def _repr_jpeg_(self) -> bytes | None:
        return self.data if self.media_type == "image/jpeg" else None


class Explanation(NamedTuple):
    """Description of a picture before it is rendered, for users.

    Attributes
    ----------
    voi
        The chosen VOI transform.
    photometric_interpretation, bits_stored, signed
        Of the decoded frame; a compressed stream wins over the header.
    width, height
        Of the picture.
    warnings
        One sentence each.
    """

    voi: str
    photometric_interpretation: str
    bits_stored: int
    signed: bool
    width: int
    height: int
    warnings: tuple[CodedWarning, ...]
