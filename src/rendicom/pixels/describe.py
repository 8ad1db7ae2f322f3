"""Header to `PixelDescription`: attributes of the pixel matrix (PS3.3 C.7.6.3).

Facts only: the plan decides which of them count for a picture.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rendicom.coded_warnings import Notes
from rendicom.dicom.fragments import Fragments
from rendicom.dicom.transfer_syntaxes import is_jpip, is_native, is_video
from rendicom.errors import CorruptDataError, NoPixelDataError, UnsupportedTransferSyntaxError
from rendicom.pixels.framesize import native_samples
from rendicom.values import PixelDescription

if TYPE_CHECKING:
    from rendicom.dicom.attributes import Attributes
    from rendicom.dicom.header import Header
    from rendicom.dicom.picture_tags import PixelElement

_IMAGE_PIXEL_MACRO = (0x00280002, 0x00280004, 0x00280100)
_LONGEST = 1e9
"""Milliseconds that a frame may be shown."""
_OF_PRESENTATION_STATES = "it says how images are shown: --presentation-state shows them so"
_SMALLEST_STREAM = 64
"""Bytes of a frame: the size of an RLE header; other coders write more."""


def describe(header: Header) -> PixelDescription:
    """Return the description of the pixel matrix in the header (PS3.3 C.7.6.3).

    Missing or contradictory attributes are repaired if only one reading makes sense; each repair is
    a warning.

    Raises
    ------
    NoPixelDataError
        The pixel data element or all attributes of an image are missing.
    CorruptDataError
        Rows, Columns or the bits are invalid.
    """
    attributes, notes = header.attributes, Notes(header.warnings)
    if is_jpip(header.transfer_syntax):
        raise UnsupportedTransferSyntaxError(
            "the pixel data is on another server (JPIP), which is not contacted"
        )
    if header.pixel is None:
        name = _object_name(header.sop_class)
        hint = _OF_PRESENTATION_STATES if "Presentation State" in name else ""
        raise NoPixelDataError(f"{name} holds no pixel data", hint=hint)
    rows, columns = _size(attributes)
    samples = _samples_per_pixel(attributes, notes)
    photometric = _photometric(attributes, samples, notes)
    allocated, stored, high_bit = _bits(header, rows * columns * samples, notes)
    is_native_value = is_native(header.transfer_syntax) and header.pixel.length is not None
    frame_samples = native_samples(
        rows,
        columns,
        samples,
        photometric,
        cell_bits=allocated,
        held_bytes=header.pixel.length if is_native_value else None,
        frames=max(1, attributes.integer(0x00280008) or 1),
    )
    return PixelDescription(
        sop_class=header.sop_class,
        transfer_syntax=header.transfer_syntax,
        modality=attributes.text(0x00080060),
        rows=rows,
        columns=columns,
        samples_per_pixel=samples,
        photometric_interpretation=photometric,
        planar_configuration=int(attributes.integer(0x00280006, 0) == 1),
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        signed=attributes.integer(0x00280103, 0) == 1,
        number_of_frames=_number_of_frames(header, frame_samples * allocated, notes),
        pixel_keyword=header.pixel.keyword,
        representative_frame=attributes.integer(0x00286010, 1) or 1,
        frame_durations=_frame_durations(attributes),
        segmentation_type=attributes.text(0x00620001),
        is_tiled=0x00480006 in attributes,
        frame_samples=frame_samples,
        warnings=tuple(notes),
    )


def is_image(header: Header) -> bool:
    """Tell whether an object is an image, even without its pixel data.

    Without pixel data an image is recognized by its class, or by attributes of the Image Pixel
    Macro only (PS3.3 C.7.6.3): spectra have Rows and Columns as well.
    """
    if header.pixel is not None or any(tag in header.attributes for tag in _IMAGE_PIXEL_MACRO):
        return True
    from rendicom.dicom.uids import class_name

    return "Image" in class_name(header.sop_class).split()


def _object_name(sop_class: str) -> str:
    """Return the kind of the object, for the message that it is not an image."""
    from rendicom.dicom.uids import class_name

    name = class_name(sop_class)
    return f"the object is of class {name} and" if name else "the object"


def _size(attributes: Attributes) -> tuple[int, int]:
    """Return Rows and Columns."""
    rows, columns = attributes.integer(0x00280010), attributes.integer(0x00280011)
    sides = {"Rows": rows, "Columns": columns}
    missing = [name for name, value in sides.items() if value is None]
    if len(missing) == 2:
        raise NoPixelDataError("the object has no image: Rows and Columns are missing")
    if missing:
        raise CorruptDataError(
            f"{missing[0]} is missing", hint="without it the size of the image is unknown"
        )
    wrong = [f"{name} is {value}" for name, value in sides.items() if value is None or value <= 0]
    if rows is None or columns is None or wrong:
        raise CorruptDataError(f"{' and '.join(wrong)}: an image has at least one of each")
    return rows, columns


def _samples_per_pixel(attributes: Attributes, notes: Notes) -> int:
    samples = attributes.integer(0x00280002)
    if samples is not None and 0 < samples <= 0xFFFF:
        return samples
    colour = attributes.text(0x00280004).startswith(("RGB", "YBR"))
    notes.add("attribute-repaired", "Samples per Pixel is missing")
    return 3 if colour else 1


def _photometric(attributes: Attributes, samples: int, notes: Notes) -> str:
    photometric = attributes.text(0x00280004).upper()
    if photometric:
        return photometric
    photometric = "RGB" if samples == 3 else "MONOCHROME2"
    notes.add(
        "attribute-repaired", f"Photometric Interpretation is missing and taken to be {photometric}"
    )
    return photometric


def _bits(header: Header, frame_samples: int, notes: Notes) -> tuple[int, int, int]:
    """Return Bits Allocated, Bits Stored and High Bit."""
    attributes, pixel = header.attributes, header.pixel
    if pixel is not None and pixel.keyword != "PixelData":
        width = 64 if pixel.keyword == "DoubleFloatPixelData" else 32
        return width, width, width - 1
    allocated = attributes.integer(0x00280100)
    stored = attributes.integer(0x00280101)
    if allocated is None:
        bits = (pixel.length or 0) * 8 if pixel else 0
        a_sample = bits // (frame_samples * (attributes.integer(0x00280008) or 1))
        allocated = next((width for width in (32, 16, 8) if a_sample >= width), stored or 8)
        notes.add("attribute-repaired", f"Bits Allocated is missing and taken to be {allocated}")
    if not 1 <= allocated <= 64:
        raise CorruptDataError(f"Bits Allocated is {allocated}")
    if stored is None or not 1 <= stored <= allocated:
        if stored is not None:
            notes.add("attribute-repaired", f"Bits Stored is {stored} of {allocated} allocated")
        stored = allocated
    high_bit = attributes.integer(0x00280102)
    if high_bit is None:
        high_bit = stored - 1
    elif not stored - 1 <= high_bit < allocated:
        notes.add("attribute-repaired", f"High Bit is {high_bit} with {stored} bits stored")
        high_bit = stored - 1
    return allocated, stored, high_bit


def _number_of_frames(header: Header, frame_bits: int, notes: Notes) -> int:
    """Return Number of Frames, but no more than the bytes of the file can hold."""
    attributes, pixel = header.attributes, header.pixel
    said = attributes.integer(0x00280008)
    if pixel is None:
        return 0
    left = max(0, header.source.size - pixel.offset)
    if said is None and 0x00280008 in attributes:
        notes.add("attribute-repaired", "Number of Frames is not a number")
        said = min(pixel.length or 0, left) * 8 // frame_bits
    count = max(1, said or 1)
    held = max(1, _most_frames(header, pixel, count, left, frame_bits)) if count > 1 else 1
    if count > held:
        notes.add("incomplete-data", f"the header declares {count} frames, the file holds {held}")
    return min(count, held)


def _most_frames(
    header: Header, pixel: PixelElement, count: int, left: int, frame_bits: int
) -> int:
    """Return the number of frames that fit in the ``left`` bytes after the header."""
    native = -(-min(pixel.length or 0, left) * 8 // frame_bits)  # a frame cut short counts
    if is_native(header.transfer_syntax) and pixel.length is not None:
        return native
    if is_video(header.transfer_syntax) or left // count >= _SMALLEST_STREAM:
        return left // 8
    # A larger number is implausible: each frame needs a fragment.
    try:
        return len(Fragments(header.source, pixel).all)
    except CorruptDataError:
        return native


def _frame_durations(attributes: Attributes) -> tuple[float, ...]:
    """Return the milliseconds each frame is shown: one for all, or one for each.

    Frame Time Vector holds the time between a frame and the one before it (PS3.3 C.7.6.5.1.2).
    """
    vector = [value for value in attributes.numbers(0x00181065) if math.isfinite(value)]
    if len(vector) > 1 and attributes.integer(0x00280009, 0x00181065) != 0x00181063:
        shown = vector[1:]
        if min(shown) > 0 and max(shown) <= _LONGEST:
            return (*shown, sum(shown) / len(shown))
    frame_time = attributes.number(0x00181063)
    if frame_time and 0 < frame_time <= _LONGEST:
        return (frame_time,)
    for rate_tag in (0x00180040, 0x00082144):  # Cine Rate, Recommended Display Frame Rate
        rate = attributes.number(rate_tag)
        if rate and rate >= 1000 / _LONGEST:
            return (1000 / rate,)
    return ()
