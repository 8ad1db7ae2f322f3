"""Transfer syntax UIDs and their meaning for the pixel data (PS3.5 section 10, PS3.6 A)."""

from __future__ import annotations

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
DEFLATED_EXPLICIT = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"
DEFLATED_IMAGE_FRAME = "1.2.840.10008.1.2.8.1"
GE_PRIVATE = "1.2.840.113619.5.2"
"""Implicit little endian data set with big endian pixel data, from old GE scanners."""
_PAPYRUS = "1.2.840.10008.1.20"

_NATIVE = frozenset(
    (IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, DEFLATED_EXPLICIT, EXPLICIT_BIG_ENDIAN,
     GE_PRIVATE, _PAPYRUS, "")
)  # fmt: skip
_JPIP = frozenset(f"1.2.840.10008.1.2.4.{last}" for last in ("94", "95", "204", "205"))
_VIDEO = tuple(f"1.2.840.10008.1.2.4.{last}" for last in range(100, 109))

_KINDS = {
    RLE_LOSSLESS: "rle",
    DEFLATED_IMAGE_FRAME: "deflate",
    **{f"1.2.840.10008.1.2.4.{last}": kind for kind, syntaxes in {
        "jpeg": ("50", "51", "53", "55"), "jpeg-lossless": ("57", "70"), "jpeg-ls": ("80", "81"),
        "jpeg2000": ("90", "91", "92", "93"), "jpeg-xl": ("110", "111", "112"),
        "htj2k": ("201", "202", "203"),
    }.items() for last in syntaxes},
}  # fmt: skip

_NAMES = {
    IMPLICIT_LITTLE_ENDIAN: "Implicit VR Little Endian",
    EXPLICIT_LITTLE_ENDIAN: "Explicit VR Little Endian",
    ENCAPSULATED_UNCOMPRESSED: "Encapsulated Uncompressed",
    DEFLATED_EXPLICIT: "Deflated Explicit VR Little Endian",
    EXPLICIT_BIG_ENDIAN: "Explicit VR Big Endian",
    RLE_LOSSLESS: "RLE Lossless",
    DEFLATED_IMAGE_FRAME: "Deflated Image Frame",
    GE_PRIVATE: "GE private, big endian pixel data",
    **{f"1.2.840.10008.1.2.4.{last}": name for last, name in {
        "50": "JPEG Baseline", "51": "JPEG Extended", "53": "JPEG Spectral Selection (retired)",
        "55": "JPEG Full Progression (retired)", "57": "JPEG Lossless",
        "70": "JPEG Lossless, first-order prediction", "80": "JPEG-LS Lossless",
        "81": "JPEG-LS Near-Lossless", "90": "JPEG 2000 Lossless", "91": "JPEG 2000",
        "92": "JPEG 2000 Part 2 Lossless", "93": "JPEG 2000 Part 2", "94": "JPIP Referenced",
        "95": "JPIP Referenced Deflate", "100": "MPEG-2 Main Profile Main Level",
        "101": "MPEG-2 Main Profile High Level", "102": "H.264 High Profile 4.1",
        "103": "H.264 BD-compatible", "104": "H.264 High Profile 4.2 2D",
        "105": "H.264 High Profile 4.2 3D", "106": "H.264 Stereo High Profile",
        "107": "HEVC Main Profile", "108": "HEVC Main 10 Profile", "110": "JPEG XL Lossless",
        "111": "JPEG XL JPEG Recompression", "112": "JPEG XL", "201": "HTJ2K Lossless",
        "202": "HTJ2K Lossless RPCL", "203": "HTJ2K", "204": "JPIP HTJ2K Referenced",
        "205": "JPIP HTJ2K Referenced Deflate",
    }.items()},
}  # fmt: skip


def is_native(uid: str) -> bool:
    """Tell whether pixel data is stored uncompressed and not in fragments."""
    return uid in _NATIVE


def is_encapsulated(uid: str) -> bool:
    """Tell whether pixel data is stored in fragments; private syntaxes are taken to be native."""
    return uid not in _NATIVE and uid not in _JPIP and uid.startswith("1.2.840.10008.1.2.")


def is_decoded(uid: str) -> bool:
    """Tell whether codecs exist for the pixel data; the stream may have unsupported features."""
    return uid not in _JPIP and (uid in _NATIVE or is_video(uid) or uid in _NAMES)


def is_jpip(uid: str) -> bool:
    """Tell whether the pixels are on another server, named by a URL in the data set."""
    return uid in _JPIP


def is_video(uid: str) -> bool:
    """Tell whether all frames form one MPEG-2, H.264 or HEVC stream."""
    return uid in _VIDEO or uid.removesuffix(".1") in _VIDEO  # .1: fragmentable


def stream_kind(uid: str) -> str:
    """Return the kind of stream a transfer syntax has, as codecs name it; empty for raw data."""
    return "video" if is_video(uid) else _KINDS.get(uid, "")


def syntax_name(uid: str) -> str:
    """Return a short name for display, or the UID if it is unknown."""
    return _NAMES.get(uid) or _NAMES.get(uid.removesuffix(".1")) or uid
