"""The one printer: data goes to standard output, everything else to standard error.

A line of ``--json`` is one of these; keys are never removed, new ones may come::

    {"source", "output", "frame", "status": "ok", "width", "height", "media_type", "bytes",
     "voi", "warnings", "warning_codes"}
    {"source", "output", "frame", "status": "skipped"}
    {"source", "output", "frame", "status": "planned", "exists"}
    {"source", "status": "no-pixels", "code", "message", "hint"}
    {"source", "status": "filtered", "reason"}
    {"source", "frame", "status": "failed", "code", "message", "hint"}
    {"source": null, "status": "summary", "written", "skipped", "planned", "done_before",
     "no_pixels", "documents", "ignored", "filtered", "failed"}

The last one ends a run over many sources of which some have no pixels; all of it are counts,
``documents`` of the ``no_pixels``, ``failed`` by code. An ignored file has no line, and a notice
has none. ``frame`` is null for an animation, and in a failure that is not one frame's of several.
``source`` is null if the command line is at fault. ``code`` is one of those in
`rendicom.errors`, or ``internal-error``.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from rendicom.batch.outcomes import (
    Failed,
    Filtered,
    Ignored,
    NoPixels,
    Notice,
    Outcome,
    Planned,
    Skipped,
    Written,
    columns_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rendicom.batch.counters import Counters

_FAILURES_SHOWN = 20
"""Number of failures of one code that are shown; there may be millions."""
_NOTICES_SHOWN = 10
_REASONS_SHOWN = 5
_LONG_RUN = 3.0
"""Shortest run, in seconds, whose speed is reported."""


def printable(text: str) -> str:
    """Return ``text`` on one line, without control characters."""
    if text.isprintable():
        return text
    # Surrogates such as "\udc80" stand for bytes of file names that are not UTF-8.
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def complain(message: str, *, about: str = "", hint: str = "") -> None:
    """Print one line on standard error: ``rendicom: about: message (hint)``."""
    where = f"{about}: " if about else ""
    what_to_do = f" ({hint})" if hint else ""
    print(printable(f"rendicom: {where}{message}{what_to_do}"), file=sys.stderr)  # noqa: T201


def print_json(value: dict[str, Any]) -> None:
    """Print one line of JSON on standard output, and flush it for programs that wait."""
    import json

    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def print_table(rows: Sequence[Sequence[str]], *, indent: str = "") -> None:
    """Print rows with aligned columns on standard output."""
    import click

    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(indent + "  ".join(cells).rstrip())


def counted(number: int, what: str) -> str:
    """Return a number of things, in the plural unless it is one.

    >>> counted(1, "file"), counted(0, "file")
    ('1 file', '0 files')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a duration for people.

    >>> duration(3.2), duration(250), duration(7800)
    ('3 s', '4 min', '2 h 10 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def speed(number: float) -> str:
    """Return a rate per second, or per minute.

    >>> speed(197.2), speed(3.1), speed(0.05)
    ('197/s', '3.1/s', '3.0/min')
    """
    if number >= 0.1:
        return f"{number:.0f}/s" if number >= 10 else f"{number:.1f}/s"
    return f"{number * 60:.1f}/min"


class Console:
    """Reports the outcome of each source, and counts failures.

    A limited number of failures and notices of one kind is shown, then one line about the rest; all
    JSON lines are printed.

    Parameters
    ----------
    is_json
        One JSON line on standard output for each outcome.
    is_verbose
        A line on standard error for each picture, and for each failure and notice.
    is_quiet
        Failures only.
    silenced
        Kinds of notices to suppress.
    manifest
        Path of the manifest, if there is one.
    thing
        Name of the outputs: pictures or documents.
    is_telling
        A line on standard error with the name of each picture.
    """

    def __init__(
        self,
        *,
        is_json: bool = False,
        is_verbose: bool = False,
        is_quiet: bool = False,
        silenced: frozenset[str] = frozenset(),
        manifest: str | None = None,
        thing: str = "picture",
        is_telling: bool = False,
    ) -> None:
        self.is_json = is_json
        self.is_verbose = is_verbose
        self.is_quiet = is_quiet
        self.silenced = silenced
        self.manifest = manifest
        self.thing = thing
        self.is_telling = is_telling
        self.failed = 0
        self._shown: Counter[str] = Counter()
        self._said: tuple[str, set[str]] = ("", set())

    def show(self, outcome: Outcome) -> None:
        """Report and count one outcome."""
        match outcome:
            case Written():
                self._show_written(outcome)
            case Skipped():
                if self.is_verbose or (self.is_telling and not (self.is_quiet or self.is_json)):
                    complain(f"{outcome.source} -> {outcome.output}: exists already, not changed")
            case Failed():
                self.failed += 1
                if self._may_show(f"{outcome.code} failures", most=_FAILURES_SHOWN):
                    frame = f"frame {outcome.frame}: " if outcome.frame is not None else ""
                    complain(f"{frame}{outcome.message}", about=outcome.source, hint=outcome.hint)
            case Planned():
                if not self.is_json:
                    there = " (exists)" if outcome.exists else ""
                    _print(f"{outcome.source} -> {outcome.output}{there}")
            case Notice():
                self._show_notice(outcome)
            case _:
                if self.is_verbose:
                    _explain(outcome)
        if self.is_json and not isinstance(outcome, Ignored) and (line := columns_of(outcome)):
            # Of the manifest alone.
            line.pop("digest", None)
            print_json({"source": outcome.source, **line})

    def _may_show(self, kind: str, *, most: int, is_listed: bool = True) -> bool:
        """Tell whether to show one more of a kind; report once that further ones are hidden."""
        if self.is_verbose:
            return True
        self._shown[kind] += 1
        if self._shown[kind] == most + 1:
            has_list = is_listed and self.manifest is not None
            where = f"see {self.manifest}" if has_list else "-v shows them"
            complain(f"further {kind} are not shown one by one ({where})")
        return self._shown[kind] <= most

    def summarise(self, tally: Counters, *, seconds: float, is_rehearsal: bool = False) -> None:
        """Print a summary of the run, in a few lines."""
        if not self.is_quiet:
            complain(", ".join(self._parts(tally, seconds=seconds, is_rehearsal=is_rehearsal)))
            if tally.no_pixels:
                complain(_without_pixels(tally))
        if tally.failed:
            codes = ", ".join(f"{count} {code}" for code, count in tally.failed.most_common())
            where = f"; see {self.manifest}" if self.manifest else ""
            complain(f"{tally.failed.total()} failed: {codes}{where}")
        if self.is_json and tally.no_pixels:
            print_json({
                "source": None, "status": "summary", "written": tally.written,
                "skipped": tally.skipped, "planned": tally.planned,
                "done_before": tally.done_before, "no_pixels": tally.no_pixels,
                "documents": tally.documents, "ignored": tally.ignored,
                "filtered": tally.filtered.total(), "failed": dict(tally.failed),
            })  # fmt: skip

    def say_sheets(self, sheets: Sequence[str]) -> None:
        """Report the contact sheets."""
        if sheets and not self.is_quiet:
            others = f" and {len(sheets) - 1} more there" if len(sheets) > 1 else ""
            complain(f"{counted(len(sheets), 'contact sheet')} written: {sheets[0]}{others}")

    def _parts(self, tally: Counters, *, seconds: float, is_rehearsal: bool) -> list[str]:
        if is_rehearsal:
            parts = [f"{counted(tally.planned, self.thing)} would be written"]
        else:
            parts = [self._made(tally, seconds)]
        before = tally.done_before
        parts += [f"{tally.skipped} there already"] if tally.skipped else []
        parts += [f"{counted(before, 'file')} done before"] if before else []
        parts += [f"{counted(tally.ignored, 'other file')} ignored"] if tally.ignored else []
        parts += [_left_out(tally.filtered)] if tally.filtered else []
        return parts

    def _made(self, tally: Counters, seconds: float) -> str:
        made = f"{counted(tally.written, self.thing)} written"
        if seconds < _LONG_RUN or not tally.written:
            return made
        time = f"{seconds:.1f} s" if seconds < 60 else duration(seconds)
        files = counted(tally.files, "file")
        return f"{made} from {files} in {time} ({speed(tally.written / seconds)})"

    def _show_written(self, done: Written) -> None:
        for warning in done.warnings:
            self._note(done.source, f"warning: {warning}", kind="warnings")
        if self.is_telling and not (self.is_verbose or self.is_quiet or self.is_json):
            complain(f"{done.output} written")
        if self.is_verbose:
            whole = "all frames" if done.width else done.media_type
            frame = whole if done.frame is None else f"frame {done.frame}"
            size = f"{done.width} x {done.height}" if done.width else ""
            what = ", ".join(part for part in (frame, size, done.voi) if part)
            complain(f"{done.source} -> {done.output or '-'}: {what}")

    def _show_notice(self, notice: Notice) -> None:
        if notice.about not in self.silenced:
            kind = f"notices of {notice.about}"
            most = 1 if notice.about == "presentation" else _NOTICES_SHOWN
            self._note(notice.source, notice.text, kind=kind, most=most, is_listed=False)

    def _note(
        self,
        source: str,
        text: str,
        *,
        kind: str,
        most: int = _NOTICES_SHOWN,
        is_listed: bool = True,
    ) -> None:
        """Print a note on a source, unless its previous frame had the same one."""
        if self.is_quiet:
            return
        if self._said[0] != source:
            self._said = (source, set())
        if text not in self._said[1]:
            self._said[1].add(text)
            if self._may_show(kind, most=most, is_listed=is_listed):
                complain(text, about=source)


def _explain(outcome: Outcome) -> None:
    """Print why a source has no picture."""
    match outcome:
        case NoPixels():
            complain(outcome.message, about=outcome.source, hint=outcome.hint)
        case Filtered():
            complain(f"left out: {outcome.reason}", about=outcome.source)
        case Ignored():
            complain(f"{outcome.what}, ignored", about=outcome.source)


def _print(text: str) -> None:
    """Print one line on standard output, with characters it cannot encode escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    line = printable(text).encode(encoding, "backslashreplace").decode(encoding)
    sys.stdout.write(line + "\n")


def _without_pixels(tally: Counters) -> str:
    """Return the number of objects without pixels, and how to convert them."""
    one, documents = tally.no_pixels == 1, tally.documents
    have = f"{counted(tally.no_pixels, 'object')} {'has' if one else 'have'} no pixels"
    leaves = f"--only-images leaves {'it' if one else 'them'} out"
    if not documents:
        return f"{have} ({leaves})"
    if documents < tally.no_pixels:
        have += f", {documents} of them {'is a document' if documents == 1 else 'are documents'}"
    return f"{have} (--format html writes {'it' if one else 'documents'}, {leaves})"


def _left_out(reasons: Counter[str]) -> str:
    named = reasons.most_common(_REASONS_SHOWN)
    others = reasons.total() - sum(count for _, count in named)
    texts = [f"{reason} {count}" for reason, count in named]
    texts += [f"others {others}"] if others else []
    return f"{reasons.total()} left out ({', '.join(texts)})"
