"""``rendicom info``: the contents of a file, and how it would be rendered."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from rendicom.cli import exitcodes
from rendicom.cli.console import print_json, print_table, printable
from rendicom.cli.flags import Flag, FlagCommand, paths_argument
from rendicom.cli.target import STREAM

if TYPE_CHECKING:
    from collections.abc import Sequence

_HELP = """\
Show what a DICOM file contains, what would be rendered, and why.

No patient data is shown. - is standard input. Exit status: 0 if every file gives a picture or a
document, else 1.
"""

_EXAMPLES = """\
\b
Examples:
  rendicom info ct.dcm
  rendicom info study/*.dcm --json > study.jsonl
"""
_Rows = Iterator[tuple[str, str]]


def info(files: Sequence[str], *, is_json: bool) -> int:
    """Print a report on each file and return the exit status."""
    status = exitcodes.OK
    for position, name in enumerate(files):
        report = _report(name)
        if not (report["renderable"] or "documents" in report):
            status = exitcodes.FAILED
        if is_json:
            print_json(report)
        else:
            if position:
                click.echo()
            print_table([(label, printable(text)) for label, text in _rows(report)])
    return status


def _report(name: str) -> dict[str, Any]:
    from rendicom.cli.inspection import inspect

    try:
        return inspect(sys.stdin.buffer if name == STREAM else name, name=name)
    except Exception as error:
        # As in convert: messages of libraries may quote values of the file.
        message = f"unexpected {type(error).__name__} inside Rendicom"
        failure = {"code": "internal-error", "message": message, "hint": "a fault to report"}
        return {"source": name, "renderable": False, "error": failure}


def _rows(report: dict[str, Any]) -> _Rows:
    yield "file", report["source"]
    if "sop_class" in report:
        yield from _identity_rows(report)
    if "rows" in report:
        yield from _matrix_rows(report)
    if "windows" in report:
        yield from _display_rows(report)
    yield from _picture_rows(report)


def _identity_rows(report: dict[str, Any]) -> _Rows:
    yield "class", _named(report["sop_class"])
    yield "transfer syntax", _named(report["transfer_syntax"])
    if report["compressed"] and not report["decoders"]:
        yield "decoder", "none that Rendicom knows of"
    for position, decoder in enumerate(report["decoders"]):
        version = decoder["version"] or f"missing: {decoder['install']}"
        yield "decoder" if position == 0 else "", f"{decoder['name']} {version}"
    yield "header read by", "fast reader" if report["reader"] == "fast" else report["reader"]
    if report["burned_in"]:
        yield "burned in names", f"YES: {report['burned_in']}"
    elif report["burned_in_annotation"]:
        yield "burned in names", report["burned_in_annotation"]


def _named(entry: dict[str, str]) -> str:
    return entry["name"] if entry["name"] == entry["uid"] else f"{entry['name']}  {entry['uid']}"


def _matrix_rows(report: dict[str, Any]) -> _Rows:
    yield "size", f"{report['columns']} x {report['rows']}"
    frames = str(report["frames"])
    if durations := report["frame_durations_ms"]:
        frames += f", {' to '.join(f'{each:g}' for each in durations)} ms each"
    yield "frames", frames
    samples = report["samples_per_pixel"]
    photometric = report["photometric_interpretation"]
    yield "photometric", f"{photometric}, {samples} sample{'s' if samples > 1 else ''} a pixel"
    if report["float"]:
        yield "bits", f"{report['bits_allocated']}, floating point"
    else:
        sign = "signed" if report["signed"] else "unsigned"
        stored = f"{report['bits_stored']} stored of {report['bits_allocated']}"
        yield "bits", f"{stored}, high bit {report['high_bit']}, {sign}"


def _display_rows(report: dict[str, Any]) -> _Rows:
    if report["modality_lut"]:
        yield "modality LUT", _table_text(report["modality_lut"])
    elif report["rescale"] != {"slope": 1, "intercept": 0}:
        rescale = report["rescale"]
        yield "rescale", f"slope {rescale['slope']:g}, intercept {rescale['intercept']:g}"
    for number, window in enumerate(report["windows"], 1):
        yield f"window {number}", _explained(window["window"], window["explanation"])
    for number, table in enumerate(report["voi_luts"], 1):
        yield f"VOI LUT {number}", _table_text(table)
    if report["padding"]:
        low, high = report["padding"]
        yield "padding", f"{low:g}" if low == high else f"{low:g} to {high:g}"
    if report["palette"]:
        yield "palette", "yes"
    vertical, horizontal = report["pixel_aspect_ratio"]
    if vertical != horizontal:
        yield "pixels", f"not square, {vertical:g} high to {horizontal:g} wide (--square-pixels)"
    if report["overlays"]:
        yield "overlay planes", f"{', '.join(report['overlays'])} (--overlays draws them)"
    if report["icc_profile_bytes"]:
        yield "ICC profile", f"{report['icc_profile_bytes']} bytes"


def _table_text(table: dict[str, Any]) -> str:
    text = f"{table['entries']} entries from {table['first']}, {table['bits']} bits"
    return _explained(text, table["explanation"])


def _explained(text: str, explanation: str) -> str:
    return f'{text}  "{explanation}"' if explanation else text


def _picture_rows(report: dict[str, Any]) -> _Rows:
    if documents := report.get("documents"):
        yield "document", f"no picture; rendicom convert makes {', '.join(documents)}"
        return
    if error := report.get("error"):
        hint = f" ({error['hint']})" if error["hint"] else ""
        yield "not rendered", f"{error['code']}: {error['message']}{hint}"
        return
    picture = report["picture"]
    of_many = f"frame {picture['frame']}, " if report["frames"] > 1 else ""
    size = f"{picture['width']} x {picture['height']}"
    yield "picture", f"{of_many}{size}, gray transform: {picture['voi'] or 'none'}"
    for position, warning in enumerate(report["warnings"]):
        yield "warning" if position == 0 else "", warning


command = FlagCommand(
    "info",
    params=[
        paths_argument("files", "FILE..."),
        Flag("is_json --json", is_flag=True, help="Print one JSON line for each file."),
    ],
    callback=info,
    help=_HELP,
    epilog=_EXAMPLES,
    short_help="Show what a file contains and what would be rendered.",
)
