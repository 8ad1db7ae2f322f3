"""All errors, as one class tree.

::

    RendicomError
    ├── OptionError                      bad-option
    ├── UnreadableSourceError            cannot-read
    ├── NotDicomError                    not-dicom
    ├── NoPixelDataError                 no-pixel-data
    ├── NoSuchFrameError                 no-such-frame
    ├── UnsupportedTransferSyntaxError   unsupported-transfer-syntax
    ├── UnsupportedImageError            unsupported-image
    ├── CorruptDataError                 corrupt-data
    ├── LimitExceededError               limit-exceeded
    ├── EncodeError                      cannot-encode
    ├── TimedOutError                    timed-out
    ├── WorkerDiedError                  worker-died
    ├── OutputExistsError                output-exists
    ├── OutputCollisionError             output-collision
    ├── UnwritableOutputError            cannot-write
    ├── TargetInUseError                 target-in-use
    └── WireError                        wire-error
        ├── BadRequestError              bad-request
        ├── UnauthenticatedError         unauthenticated
        ├── ForbiddenError               forbidden
        ├── NoSuchResourceError          no-such-resource
        ├── DeletedResourceError         deleted-resource
        ├── NotAcceptableError           not-acceptable
        ├── ConflictError                conflict
        ├── TooLargeError                too-large
        ├── UnsupportedMediaTypeError    unsupported-media-type
        ├── NotSupportedError            not-supported
        └── OverloadedError              overloaded

``code`` is stable: scripts match on it. A message states the fault and never holds a value
of a patient attribute; ``hint`` says what to do about it. The doors turn a class into an exit
code or an HTTP status, each with one table.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ClassVar, ParamSpec, TypeVar

__all__ = [
    "BadRequestError", "ConflictError", "CorruptDataError", "DeletedResourceError", "EncodeError",
    "ForbiddenError", "LimitExceededError", "NoPixelDataError", "NoSuchFrameError",
    "NoSuchResourceError", "NotAcceptableError", "NotDicomError", "NotSupportedError",
    "OptionError", "OutputCollisionError", "OutputExistsError", "OverloadedError", "RendicomError",
    "TargetInUseError", "TimedOutError", "TooLargeError", "UnauthenticatedError",
    "UnreadableSourceError", "UnsupportedImageError", "UnsupportedMediaTypeError",
    "UnsupportedTransferSyntaxError", "UnwritableOutputError", "WireError", "WorkerDiedError",
]  # fmt: skip

_P = ParamSpec("_P")
_R = TypeVar("_R")


class RendicomError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    message
        The fault, in one sentence without a final stop.
    hint
        What users can do about it, or an empty string.
    frame
        Frame number, counted from 1, if one frame is at fault.

    Examples
    --------
    >>> try:
    ...     rendicom.render("missing.dcm")
    ... except rendicom.RendicomError as error:
    ...     print(error.code)
    cannot-read
    """

    code: ClassVar[str] = "error"
    _own_fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, message: str, *, hint: str = "", frame: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.frame = frame

    def __str__(self) -> str:
        """Return what, where and what to do, on one line."""
        where = f"frame {self.frame}: " if self.frame is not None else ""
        what_to_do = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{what_to_do}"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with all fields: errors travel between worker processes."""
        named = {name: getattr(self, name) for name in ("hint", "frame", *self._own_fields)}
        return partial(type(self), **named), (self.message,)


class OptionError(RendicomError):
    """A rendering option is malformed, out of range or contradicts another.

    Examples
    --------
    >>> rendicom.RenderOptions(quality=0)
    Traceback (most recent call last):
        ...
    rendicom.errors.OptionError: quality 0 is not a whole number from 1 to 100
    """

    code = "bad-option"


class UnreadableSourceError(RendicomError):
    """The source does not exist or cannot be opened.

    Examples
    --------
    >>> rendicom.render(None)
    Traceback (most recent call last):
        ...
    rendicom.errors.UnreadableSourceError: a source of type NoneType cannot be read: give a...
    """

    code = "cannot-read"


class NotDicomError(RendicomError):
    """The bytes are not a DICOM data set.

    Examples
    --------
    >>> rendicom.render(b"GIF89a")
    Traceback (most recent call last):
        ...
    rendicom.errors.NotDicomError: the bytes are not DICOM
    """

    code = "not-dicom"


class NoPixelDataError(RendicomError):
    """A valid DICOM object without an image.

    Examples
    --------
    >>> rendicom.render("report.dcm")
    Traceback (most recent call last):
        ...
    rendicom.errors.NoPixelDataError: the object is of class Comprehensive SR and...
    """

    code = "no-pixel-data"


class NoSuchFrameError(RendicomError):
    """A frame number outside 1..Number of Frames.

    Examples
    --------
    >>> rendicom.render(pathlib.Path("ct.dcm").read_bytes(), 2)
    Traceback (most recent call last):
        ...
    rendicom.errors.NoSuchFrameError: there is no frame 2: the instance has 1 frame
    """

    code = "no-such-frame"


class UnsupportedTransferSyntaxError(RendicomError):
    """No installed library decodes this transfer syntax, or none exists.

    Examples
    --------
    >>> from rendicom.testing import image
    >>> pixels = numpy.zeros((4, 4), numpy.uint8)
    >>> rendicom.render(image(pixels, transfer_syntax="1.2.840.10008.1.2.4.94"))
    Traceback (most recent call last):
        ...
    rendicom.errors.UnsupportedTransferSyntaxError: the pixel data is on another server (JPIP)...
    """

    code = "unsupported-transfer-syntax"


class UnsupportedImageError(RendicomError):
    """A pixel layout outside what Rendicom renders (for example four samples a pixel).

    Examples
    --------
    >>> rendicom.open_presentation("ct.dcm")
    Traceback (most recent call last):
        ...
    rendicom.errors.UnsupportedImageError: the object is of class CT Image, which is no...
    """

    code = "unsupported-image"


class CorruptDataError(RendicomError):
    """The header contradicts itself, or the pixel stream is damaged.

    Examples
    --------
    >>> data = pathlib.Path("ct.dcm").read_bytes()
    >>> rendicom.render(data[:-2000], options=rendicom.RenderOptions(strict=True))
    Traceback (most recent call last):
        ...
    rendicom.errors.CorruptDataError: pixel data is short: 30906 of 32768 bytes
    """

    code = "corrupt-data"


class LimitExceededError(RendicomError):
    """The header declares more pixels, frames or bytes than the limits allow.

    Examples
    --------
    >>> rendicom.render("ct.dcm", options=rendicom.RenderOptions(max_pixels=100))
    Traceback (most recent call last):
        ...
    rendicom.errors.LimitExceededError: the image is 128 x 128 pixels...
    """

    code = "limit-exceeded"


def out_of_memory() -> LimitExceededError:
    """Return the error that is raised instead of MemoryError."""
    return LimitExceededError(
        "there is not enough memory", hint="a smaller --max-pixels refuses such images earlier"
    )


def typed_memory_error(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return a function that raises `LimitExceededError` instead of MemoryError."""

    @wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except MemoryError:
            raise out_of_memory() from None

    return called


class EncodeError(RendicomError):
    """The output format does not support this picture.

    Examples
    --------
    >>> rendicom.EncodeError("GIF holds at most 65535 rows").code
    'cannot-encode'
    """

    code = "cannot-encode"


class TimedOutError(RendicomError):
    """A picture exceeded its time limit."""

    code = "timed-out"


class WorkerDiedError(RendicomError):
    """The worker process ended during a picture."""

    code = "worker-died"


class OutputExistsError(RendicomError):
    """A picture is not written because its path exists."""

    code = "output-exists"


class OutputCollisionError(RendicomError):
    """Two sources of a run have the same output path."""

    code = "output-collision"


class UnwritableOutputError(RendicomError):
    """The picture cannot be written."""

    code = "cannot-write"


class TargetInUseError(RendicomError):
    """Another run is writing to the same place."""

    code = "target-in-use"


class WireError(RendicomError):
    """A request or response between a DICOMweb client and a server failed."""

    code = "wire-error"


class BadRequestError(WireError):
    """A part of the request is malformed; ``parameter`` is its name, or an empty string."""

    code = "bad-request"
    _own_fields = ("parameter",)

    def __init__(self, message: str, *, parameter: str = "", **more: Any) -> None:
        super().__init__(message, **more)
        self.parameter = parameter


class UnauthenticatedError(WireError):
    """The client is not authenticated: no key or token, or an invalid one."""

    code = "unauthenticated"


class ForbiddenError(WireError):
    """The client is not authorised for this request."""

    code = "forbidden"


class NoSuchResourceError(WireError):
    """The study, series, instance or frame does not exist."""

    code = "no-such-resource"


class DeletedResourceError(WireError):
    """The resource was deleted."""

    code = "deleted-resource"


class NotAcceptableError(WireError):
    """None of the requested media types is available; ``available`` lists those that are."""

    code = "not-acceptable"
    _own_fields = ("available",)

    def __init__(self, message: str, *, available: tuple[str, ...] = (), **more: Any) -> None:
        super().__init__(message, **more)
        self.available = available


class ConflictError(WireError):
    """None of the instances can be stored."""

    code = "conflict"


class TooLargeError(WireError):
    """The request body or the requested resource exceeds the limits."""

    code = "too-large"


class UnsupportedMediaTypeError(WireError):
    """The media type of the body is not supported."""

    code = "unsupported-media-type"


class NotSupportedError(WireError):
    """A valid request that this server does not support."""

    code = "not-supported"


class OverloadedError(WireError):
    """The server is overloaded; ``retry_after`` is in seconds."""

    code = "overloaded"
    _own_fields = ("retry_after",)

    def __init__(self, message: str, *, retry_after: float = 1.0, **more: Any) -> None:
        super().__init__(message, **more)
        self.retry_after = retry_after
