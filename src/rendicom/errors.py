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
    └── TargetInUseError                 target-in-use

``code`` is stable: scripts match on it. A message says what is wrong and never holds a value
of a patient attribute; ``hint`` says what to do about it. The doors turn a class into an exit
code or an HTTP status, each with one table of its own.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "CorruptDataError",
    "EncodeError",
    "LimitExceededError",
    "NoPixelDataError",
    "NoSuchFrameError",
    "NotDicomError",
    "OptionError",
    "OutputCollisionError",
    "OutputExistsError",
    "RendicomError",
    "TargetInUseError",
    "TimedOutError",
    "UnreadableSourceError",
    "UnsupportedImageError",
    "UnsupportedTransferSyntaxError",
    "UnwritableOutputError",
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
        return (_rebuild, (type(self), self.message, self.hint, self.frame))


def _rebuild(
    kind: type[RendicomError], message: str, hint: str, frame: int | None
) -> RendicomError:
    return kind(message, hint=hint, frame=frame)


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
