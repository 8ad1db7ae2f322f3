"""Everything that can go wrong, as one tree.

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

``code`` is stable: scripts match on it. A message says what is wrong and never holds a value
of a patient attribute; ``hint`` says what to do about it. The doors turn a class into an exit
code or an HTTP status, each with one table of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

__all__ = [
    "BadRequestError",
    "ConflictError",
    "CorruptDataError",
    "DeletedResourceError",
    "EncodeError",
    "ForbiddenError",
    "LimitExceededError",
    "NoPixelDataError",
    "NoSuchFrameError",
    "NoSuchResourceError",
    "NotAcceptableError",
    "NotDicomError",
    "NotSupportedError",
    "OptionError",
    "OutputCollisionError",
    "OutputExistsError",
    "OverloadedError",
    "RendicomError",
    "TargetInUseError",
    "TimedOutError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnreadableSourceError",
    "UnsupportedImageError",
    "UnsupportedMediaTypeError",
    "UnsupportedTransferSyntaxError",
    "UnwritableOutputError",
    "WireError",
    "WorkerDiedError",
]


class RendicomError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    message
        One sentence without a final stop: what is wrong.
    hint
        What the person can do about it, or an empty string.
    frame
        Frame number, counted from 1, where one frame is to blame.
    """

    code: ClassVar[str] = "error"

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
        return (_rebuild, (type(self), *self._words(), {}))

    def _words(self) -> tuple[str, str, int | None]:
        return self.message, self.hint, self.frame


def _rebuild(
    kind: type[RendicomError],
    message: str,
    hint: str,
    frame: int | None,
    more: Mapping[str, object],
) -> RendicomError:
    return kind(message, hint=hint, frame=frame, **more)


class OptionError(RendicomError):
    """A rendering option is malformed, out of range or clashes with another."""

    code = "bad-option"


class UnreadableSourceError(RendicomError):
    """The source does not exist or cannot be opened."""

    code = "cannot-read"


class NotDicomError(RendicomError):
    """The bytes are not a DICOM data set."""

    code = "not-dicom"


class NoPixelDataError(RendicomError):
    """A sound DICOM object that holds no image."""

    code = "no-pixel-data"


class NoSuchFrameError(RendicomError):
    """A frame number outside 1..Number of Frames."""

    code = "no-such-frame"


class UnsupportedTransferSyntaxError(RendicomError):
    """No installed library decodes this transfer syntax, or none exists."""

    code = "unsupported-transfer-syntax"


class UnsupportedImageError(RendicomError):
    """A pixel layout outside what Rendicom renders (for example four samples a pixel)."""

    code = "unsupported-image"


class CorruptDataError(RendicomError):
    """The header contradicts itself, or the pixel stream is damaged."""

    code = "corrupt-data"


class LimitExceededError(RendicomError):
    """The header asks for more pixels, frames or bytes than the limits allow."""

    code = "limit-exceeded"


class EncodeError(RendicomError):
    """The output format cannot hold this picture."""

    code = "cannot-encode"


class TimedOutError(RendicomError):
    """A picture took longer than it may, and was given up."""

    code = "timed-out"


class WorkerDiedError(RendicomError):
    """The process that made a picture died of it."""

    code = "worker-died"


class OutputExistsError(RendicomError):
    """A picture is not written because of what stands in its place."""

    code = "output-exists"


class OutputCollisionError(RendicomError):
    """Two sources of a run would get the same picture."""

    code = "output-collision"


class UnwritableOutputError(RendicomError):
    """The picture cannot be written where it should go."""

    code = "cannot-write"


class TargetInUseError(RendicomError):
    """Another run is writing to the same place."""

    code = "target-in-use"


class WireError(RendicomError):
    """What is said between a DICOMweb client and a server is wrong or cannot be done."""

    code = "wire-error"


class BadRequestError(WireError):
    """A part of the request is malformed; ``parameter`` is its name, or an empty string."""

    code = "bad-request"

    def __init__(
        self, message: str, *, hint: str = "", frame: int | None = None, parameter: str = ""
    ) -> None:
        super().__init__(message, hint=hint, frame=frame)
        self.parameter = parameter

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with all fields."""
        return (_rebuild, (type(self), *self._words(), {"parameter": self.parameter}))


class UnauthenticatedError(WireError):
    """Nobody knows who asks: no key or token, or one that does not hold."""

    code = "unauthenticated"


class ForbiddenError(WireError):
    """Whoever asks may not do this."""

    code = "forbidden"


class NoSuchResourceError(WireError):
    """There is no such study, series, instance or frame."""

    code = "no-such-resource"


class DeletedResourceError(WireError):
    """The resource was there, and was deleted."""

    code = "deleted-resource"


class NotAcceptableError(WireError):
    """None of the media types asked for can be made; ``available`` lists those that can."""

    code = "not-acceptable"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        frame: int | None = None,
        available: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, hint=hint, frame=frame)
        self.available = available

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with all fields."""
        return (_rebuild, (type(self), *self._words(), {"available": self.available}))


class ConflictError(WireError):
    """Nothing of what was sent can be stored."""

    code = "conflict"


class TooLargeError(WireError):
    """The body sent, or the resource asked for, is larger than the limits allow."""

    code = "too-large"


class UnsupportedMediaTypeError(WireError):
    """The body is of a media type that is not understood here."""

    code = "unsupported-media-type"


class NotSupportedError(WireError):
    """A sound request for what this server does not do."""

    code = "not-supported"


class OverloadedError(WireError):
    """There is too much to do already; ``retry_after`` is in seconds."""

    code = "overloaded"

    def __init__(
        self, message: str, *, hint: str = "", frame: int | None = None, retry_after: float = 1.0
    ) -> None:
        super().__init__(message, hint=hint, frame=frame)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with all fields."""
        return (_rebuild, (type(self), *self._words(), {"retry_after": self.retry_after}))
