"""The one printer: data goes to standard output, everything else to standard error.

A line of ``--json`` is one of these; keys are never removed, new ones may come::

    {"source", "output", "frame", "status": "ok", "width", "height", "media_type", "bytes",
     "voi", "warnings"}
    {"source", "output", "frame", "status": "skipped"}
    {"source", "frame", "status": "failed", "code", "message", "hint"}

``frame`` is null for an animation, and in a failure that is not one frame's of several.
``source`` is null where the command line itself is at fault. ``code`` is one of those in
`rendicom.errors`, or ``internal-error``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from rendicom.batch.job import Failed, Notice, Outcome, Skipped, Written

__all__ = ["Console", "complain", "print_json", "printable"]


def printable(text: str) -> str:
    """Return ``text`` on one line, with nothing in it that could steer a terminal."""
    if text.isprintable():
        return text
    # "\udc80" and the like stand for bytes of a file name that are no UTF-8.
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def complain(message: str, *, about: str = "", hint: str = "") -> None:
    """Print one line on standard error: ``rendicom: about: message (hint)``."""
    where = f"{about}: " if about else ""
    what_to_do = f" ({hint})" if hint else ""
    print(printable(f"rendicom: {where}{message}{what_to_do}"), file=sys.stderr)  # noqa: T201


def print_json(value: dict[str, Any]) -> None:
    """Print one line of JSON on standard output, at once: others may be waiting for it."""
    import json

    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@dataclass(slots=True)
class Console:
    """Says what came of each source, and counts.

    Parameters
    ----------
    is_json
        One JSON line on standard output for each outcome.
    is_verbose
        A line on standard error for each picture.
    is_quiet
        Failures only.
    """

    is_json: bool = False
    is_verbose: bool = False
    is_quiet: bool = False
    silenced: frozenset[str] = frozenset()
    """Notices not wanted, by what they are about."""
    written: int = field(default=0, init=False)
    skipped: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    ignored: int = field(default=0, init=False)
    _said: tuple[str, set[str]] = field(default=("", set()), init=False)

    def show(self, outcome: Outcome) -> None:
        """Say and count one outcome."""
        match outcome:
            case Written():
                self.written += 1
                self._show_written(outcome)
            case Skipped():
                self.skipped += 1
                self._show_skipped(outcome)
            case Failed():
                self.failed += 1
                self._show_failed(outcome)
            case Notice():
                if outcome.about not in self.silenced:
                    self._note(outcome.source, outcome.text)

    def summarise(self) -> None:
        """Say on one line what came of a folder."""
        if self.is_quiet:
            return
        parts = [f"{_count(self.written, 'picture')} written"]
        parts += [f"{self.skipped} there already"] if self.skipped else []
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{_count(self.ignored, 'other file')} ignored"] if self.ignored else []
        complain(", ".join(parts))

    def _show_written(self, done: Written) -> None:
        for warning in done.warnings:
            self._note(done.source, f"warning: {warning}")
        if self.is_verbose:
            frame = "all frames" if done.frame is None else f"frame {done.frame}"
            size = f"{done.width} x {done.height}"
            what = ", ".join(part for part in (frame, size, done.voi) if part)
            complain(f"{done.source} -> {done.output or '-'}: {what}")
        if self.is_json:
            print_json(
                {
                    "source": done.source, "output": done.output, "frame": done.frame,
                    "status": "ok", "width": done.width, "height": done.height,
                    "media_type": done.media_type, "bytes": done.size, "voi": done.voi,
                    "warnings": list(done.warnings),
                }
            )  # fmt: skip

    def _show_skipped(self, skipped: Skipped) -> None:
        if self.is_verbose:
            complain(f"{skipped.source} -> {skipped.output}: there already, left as it is")
        if self.is_json:
            print_json(
                {
                    "source": skipped.source, "output": skipped.output, "frame": skipped.frame,
                    "status": "skipped",
                }
            )  # fmt: skip

    def _show_failed(self, failed: Failed) -> None:
        frame = f"frame {failed.frame}: " if failed.frame is not None else ""
        complain(f"{frame}{failed.message}", about=failed.source, hint=failed.hint)
        if self.is_json:
            print_json(
                {
                    "source": failed.source, "frame": failed.frame, "status": "failed",
                    "code": failed.code, "message": failed.message, "hint": failed.hint,
                }
            )  # fmt: skip

    def _note(self, source: str, text: str) -> None:
        """Say something about a source, unless it was said already of its last frame."""
        if self.is_quiet:
            return
        if self._said[0] != source:
            self._said = (source, set())
        if text not in self._said[1]:
            self._said[1].add(text)
            complain(text, about=source)
