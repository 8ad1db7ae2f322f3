"""Warnings of pictures: each is a sentence with a stable code.

`WARNINGS` is the one table of the codes; the documentation is generated from it. A warning is a
string, so that it can be printed, compared and sent as one; scripts match on its ``code``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Self

WARNINGS: Final[dict[str, tuple[str, str]]] = {
    "incomplete-data": (
        (
            "The file or the stream of a frame ends before its last pixel, or the file has fewer "
            "frames than Number of Frames. Missing pixels are black."
        ),
        "Copy the file again from its source.",
    ),
    "stream-repaired": (
        (
            "The compressed stream breaks a rule of its format in a known way, or is not stored "
            "in fragments."
        ),
        "None is needed: the pixels are right. The program that wrote the file is at fault.",
    ),
    "stream-differs": (
        (
            "The compressed stream contradicts the header in size, samples or "
            "compression. The values of the stream are used."
        ),
        "Compare the picture with the one of another program; correct the header at its source.",
    ),
    "color-model-replaced": (
        (
            "Photometric Interpretation cannot be true for these pixels: the number of samples or "
            "the markers of the stream say otherwise."
        ),
        "If the colors are wrong, report the output of `rendicom info`.",
    ),
    "offset-table-ignored": (
        "An offset table points to the wrong bytes. The frames were found by their fragments.",
        "None is needed.",
    ),
    "syntax-guessed": (
        "The file has no Transfer Syntax UID; it was guessed from its first data elements.",
        "None is needed if the picture is right. Store the file with a File Meta header.",
    ),
    "unknown-vr": (
        "A data element has a VR that is not in the standard.",
        "None is needed: the element was skipped.",
    ),
    "attribute-repaired": (
        (
            "An attribute that the picture needs is missing or invalid. The message says what "
            "is used instead."
        ),
        "Correct the attribute at its source, or refuse such files with `--strict`.",
    ),
    "values-clamped": (
        "Lossy compression produced values outside the range of Bits Stored.",
        "None is needed.",
    ),
    "lut-repaired": (
        (
            "A lookup table or palette is damaged and was left out, or its entries have another "
            "number of bits than its descriptor says."
        ),
        "Choose another with `--voi`, or a window with `--window`.",
    ),
    "window-replaced": (
        "No window of the file can be used, or its function cannot be evaluated as written.",
        "Choose a window with `--window` or `--voi`.",
    ),
    "range-estimated": (
        (
            "The range from black to white was not measured on every pixel: on some frames only, "
            "on a smaller image, or without frames that cannot be decoded."
        ),
        "`--voi minmax` measures all frames; leave out `--fast`.",
    ),
    "uniform-image": (
        "All pixels have the same value, so there is nothing to see.",
        "None: the image is empty.",
    ),
    "option-without-effect": (
        (
            "An option does not apply to this image, such as a window to a color image or a CT "
            "preset to an MR."
        ),
        "Leave the option out.",
    ),
    "overlay-lost": (
        "Overlay planes were stored in unused bits of the pixels, and compression removed them.",
        "Get the image uncompressed from its source.",
    ),
    "profile-unusable": (
        "The ICC profile of the image is damaged, or is not for its color space.",
        "`--icc srgb` treats the image as sRGB.",
    ),
    "values-converted": (
        "The format cannot hold the stored values unchanged: they were shifted or narrowed.",
        "Choose another `--format`; the message says how to undo the change.",
    ),
    "shutter-unusable": (
        "The display shutter of the image is incomplete, and was not applied.",
        "None.",
    ),
    "presentation-incomplete": (
        "A part of the presentation state cannot be shown, or was made for images of another kind.",
        "Compare with the program that made the presentation state.",
    ),
    "layer-not-drawn": (
        "An object given with `--layer`, or a part of it, is not drawn; the message says why.",
        "Choose an image of the same study and frame of reference, or other `--layer-items`.",
    ),
    "legend-cut": (
        "The legend, or a bar with its figures, does not fit in the picture.",
        "Make the picture larger: `--scale 4`.",
    ),
    "letters-missing": (
        "No installed font has the letters of a text.",
        "Install a font for the script, or name one in `RENDICOM_FONTS`.",
    ),
    "said-by-server": (
        "The server that rendered the picture sent this text in a Warning header.",
        "`--render local` renders the picture here, with the codes of this table.",
    ),
}
"""Cause and cure of each warning, in sentences of Markdown."""


class CodedWarning(str):
    """A warning: a sentence without a final stop, and its code.

    Parameters
    ----------
    code
        A key of `WARNINGS`.
    text
        The sentence. It never holds a value of a patient attribute.

    Examples
    --------
    >>> warning = rendicom.CodedWarning("uniform-image", "all pixels have the value 3")
    >>> warning.code, warning
    ('uniform-image', 'all pixels have the value 3')
    """

    __slots__ = ("code",)

    code: str

    def __new__(cls, code: str, text: str) -> Self:
        """Return the sentence with its code."""
        warning = super().__new__(cls, text)
        warning.code = code
        return warning

    def __reduce__(self) -> tuple[type[CodedWarning], tuple[str, str]]:
        """Pickle with the code: warnings travel between worker processes."""
        return CodedWarning, (self.code, str(self))


class Notes(list[CodedWarning]):
    """Warnings as they are found."""

    def add(self, code: str, text: str) -> None:
        """Append a warning."""
        self.append(CodedWarning(code, text))


def codes_of(warnings: Iterable[str]) -> list[str]:
    """Return the codes of warnings, in their order, each as often as it occurs."""
    return [warning.code for warning in warnings if isinstance(warning, CodedWarning)]
