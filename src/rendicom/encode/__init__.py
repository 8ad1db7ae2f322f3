"""Encodes display samples as picture files.

`encode` and `encode_animation` are the only entry points: they check a picture against the
capabilities of its format before they call a module in ``formats``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, cast, overload

from rendicom import registry
from rendicom.encode.formats import EncodeSettings, Format, name_of
from rendicom.errors import EncodeError, OptionError
from rendicom.values import DisplayImage
from rendicom.views import shown

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

_ROOM = "rendicom.encode.formats"


def formats() -> Mapping[str, Format]:
    """Return all output formats by name, including those of plugins."""
    return registry.discover(_ROOM, "FORMAT")


def format_named(name: str) -> Format:
    """Return the format with this name; raise OptionError if there is none."""
    try:
        return _load(name)
    except KeyError:
        raise OptionError(f"format {name!r} is not one of {', '.join(formats())}") from None


def format_of_media_type(media_type: str) -> Format:
    """Return the format of a media type such as ``image/png``, in any case.

    Names and extensions are accepted too: ``png``, ``jpg``, ``image/jpg``.

    Raises
    ------
    OptionError
        No format has it; the message lists the available ones.
    """
    if not isinstance(media_type, str):
        raise OptionError(f"media type {shown(media_type)} is not text, such as image/png")
    return _of_media_type(media_type)


@lru_cache(maxsize=64)
def _of_media_type(media_type: str) -> Format:
    wanted = media_type.lower()
    for name, declared in registry.declared(_ROOM, "FORMAT", "media_type").items():
        if declared == wanted:
            return _load(name)
    for found in formats().values():
        if found.media_type == wanted:
            return found
    name = wanted.removeprefix("image/")
    named = format_of_extension(f".{name}") or formats().get(name)
    if named is not None:
        return named
    known = ", ".join(found.media_type for found in formats().values())
    raise OptionError(f"media type {shown(media_type)} is not one of {known}")


def format_of_extension(extension: str) -> Format | None:
    """Return the format of an extension such as ``.jpg`` in any case, or ``None``."""
    wanted = extension.lower()
    for name, declared in registry.declared(_ROOM, "FORMAT", "extensions").items():
        if wanted in declared:
            return _load(name)
    return next((item for item in formats().values() if wanted in item.extensions), None)


def _load(name: str) -> Format:
    return cast("Format", registry.load(_ROOM, name, "FORMAT"))


def encode(image: DisplayImage, format: Format, settings: EncodeSettings) -> bytes:
    """Return the bytes of one picture; equal input gives equal bytes.

    Parameters
    ----------
    image
        Samples of a dtype the format declares. An ICC profile is embedded if the format supports
        it and its color space has as many channels, and is left out otherwise.
    format
        One of `formats`.
    settings
        Quality and effort.

    Raises
    ------
    EncodeError
        The format cannot hold these samples or a side this long, the library it needs is not
        installed, or that library refused.
    """
    checked = _checked(image, format)
    with _typed_errors(format):
        return format.encode(checked, settings)


def encode_animation(
    images: Sequence[DisplayImage],
    durations: Sequence[float],
    format: Format,
    settings: EncodeSettings,
) -> bytes:
    """Return an animation that shows ``images[i]`` for ``durations[i]`` milliseconds.

    ``images`` may be lazy: frames are read in order and, except for the first, once.

    Raises
    ------
    EncodeError
        As for `encode`; also when the format is not animated, when frames differ in size or
        type, and when durations do not fit the frames.
    """
    if format.encode_animation is None:
        hint = _names_of(lambda other: other.encode_animation is not None)
        raise EncodeError(f"{format.name} holds one picture, not a loop", hint=hint)
    if len(images) == 0 or len(images) != len(durations):
        raise EncodeError(f"{len(durations)} durations do not fit {len(images)} frames")
    if not all(math.isfinite(duration) and duration >= 0 for duration in durations):
        raise EncodeError("a frame's duration is negative or not finite")
    with _typed_errors(format):
        return format.encode_animation(_CheckedFrames(images, format), durations, settings)


class _CheckedFrames(Sequence[DisplayImage]):
    """Frames of one size and type, checked when they are read."""

    def __init__(self, images: Sequence[DisplayImage], format: Format) -> None:
        self._images = images
        self._format = format
        self._first = _checked(images[0], format)

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[DisplayImage]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> DisplayImage: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[DisplayImage]: ...
    def __getitem__(self, index: int | slice) -> DisplayImage | Sequence[DisplayImage]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index == 0:
            return self._first
        image = _checked(self._images[index], self._format)
        samples, first = image.samples, self._first.samples
        if samples.shape != first.shape or samples.dtype != first.dtype:
            raise EncodeError("the frame differs in size or type from the first", frame=index + 1)
        return image


@contextmanager
def _typed_errors(format: Format) -> Iterator[None]:
    """Convert a missing library and errors of the library to EncodeError."""
    try:
        yield
    except ImportError:
        raise EncodeError(
            f"{format.name} needs {format.library}, which is not installed",
            hint=f"pip install {format.library}",
        ) from None
    except (RuntimeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise EncodeError(f"{format.name} encoder: {reason}") from error


def _checked(image: DisplayImage, format: Format) -> DisplayImage:
    """Return the image as the encoder of the format expects it, or raise EncodeError."""
    samples = image.samples
    is_colour = samples.ndim == 3
    if samples.ndim not in (2, 3) or (is_colour and samples.shape[2] != 3) or samples.size == 0:
        raise EncodeError(f"samples of shape {samples.shape} are neither gray nor RGB")
    dtype = name_of(samples.dtype)
    if dtype not in (format.colour if is_colour else format.gray):
        kind = "colour" if is_colour else "gray"
        hint = _names_of(lambda other: dtype in (other.colour if is_colour else other.gray))
        raise EncodeError(f"{format.name} cannot hold {kind} samples of {dtype}", hint=hint)
    height, width = samples.shape[:2]
    if max(height, width) > format.max_side:
        raise EncodeError(
            f"{width} x {height} pixels are too many for {format.name}, "
            f"which allows {format.max_side} a side",
            hint=_names_of(lambda other: max(height, width) <= other.max_side),
        )
    profile = image.icc_profile if format.icc else None
    if profile is not None and not _describes(profile, is_colour=is_colour):
        profile = None
    return DisplayImage(_contiguous(samples), profile)


def _describes(profile: bytes, *, is_colour: bool) -> bool:
    """Return whether a profile fits the channels (ICC.1 7.2.6), as PNG and JPEG require."""
    return profile[16:20] == (b"RGB " if is_colour else b"GRAY")


def _contiguous(samples: NDArray[Any]) -> NDArray[Any]:
    if samples.flags.c_contiguous and samples.dtype.isnative:
        return samples
    return samples.astype(samples.dtype.newbyteorder("="), order="C")


def _names_of(can: Any) -> str:
    names = ", ".join(name for name, other in formats().items() if can(other))
    return f"formats that can: {names}" if names else ""
