"""The report of ``rendicom info``: image attributes only, no patient data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rendicom.coded_warnings import codes_of
from rendicom.dicom.transfer_syntaxes import (
    ENCAPSULATED_UNCOMPRESSED,
    is_jpip,
    is_native,
    stream_kind,
    syntax_name,
)
from rendicom.dicom.uids import uid_name
from rendicom.engine import open_instance
from rendicom.errors import NoPixelDataError, RendicomError, typed_memory_error
from rendicom.pixels.burnedin import burned_in
from rendicom.registry import discover

if TYPE_CHECKING:
    from rendicom.engine import Instance, Source
    from rendicom.values import DisplayAttributes, LookupTable, PixelDescription


def inspect(source: Source, *, name: str) -> dict[str, Any]:
    """Return the contents of a source, and how it would be rendered or why it cannot be.

    Parameters
    ----------
    source
        As for `rendicom.open_instance`.
    name
        Its name in the report.

    Returns
    -------
    dict
        Ready for JSON. ``renderable`` tells whether frame 1 gives a picture; where not,
        ``error`` holds ``code``, ``message`` and ``hint``, and ``documents`` names the formats
        that a report or an encapsulated document can be converted to. Unknown properties are
        absent.
    """
    report: dict[str, Any] = {"source": name, "renderable": False}
    try:
        _read_into(report, source)
    except NoPixelDataError as error:
        report |= _documents(report, error)
    except RendicomError as error:
        report["error"] = {"code": error.code, "message": error.message, "hint": error.hint}
    return report


@typed_memory_error
def _read_into(report: dict[str, Any], source: Source) -> None:
    with open_instance(source) as instance:
        report |= _identity(instance)
        report |= _matrix(instance.description)
        display = instance.display_attributes(instance.description.representative_frame)
        report |= _display(display)
        report |= _picture(instance)


def _documents(report: dict[str, Any], error: NoPixelDataError) -> dict[str, Any]:
    from rendicom.batch.document_job import document_names, with_forms

    sop_class = report["sop_class"]["uid"]
    said = with_forms(error, sop_class)
    found = {"error": {"code": said.code, "message": said.message, "hint": said.hint}}
    names = document_names(sop_class)
    return found | ({"documents": list(names)} if names else {})


def _identity(instance: Instance) -> dict[str, Any]:
    uid, attributes = instance.transfer_syntax, instance.header.attributes
    sop_class = instance.sop_class
    return {
        "sop_class": {"uid": sop_class, "name": uid_name(sop_class) or "not stated"},
        "transfer_syntax": {"uid": uid, "name": syntax_name(uid) if uid else "not stated"},
        "compressed": not (is_native(uid) or uid == ENCAPSULATED_UNCOMPRESSED),
        "remote": is_jpip(uid),
        "decoders": _decoders(uid),
        "reader": instance.header.reader,
        "burned_in_annotation": attributes.text(0x00280301) or None,
        "burned_in": burned_in(attributes) or None,
    }


def _decoders(uid: str) -> list[dict[str, Any]]:
    """Return the libraries for a transfer syntax, the one tried first first; none for raw data."""
    kind = stream_kind(uid)
    codecs = discover("rendicom.pixels.codecs", "CODEC").values()
    able = sorted(
        (codec for codec in codecs if kind in codec.streams), key=lambda codec: codec.rank
    )
    return [
        {"name": codec.name, "version": codec.version(), "install": codec.install} for codec in able
    ]


def _matrix(description: PixelDescription) -> dict[str, Any]:
    durations = description.frame_durations
    report: dict[str, Any] = {
        "frames": description.number_of_frames,
        "rows": description.rows,
        "columns": description.columns,
        "samples_per_pixel": description.samples_per_pixel,
        "photometric_interpretation": description.photometric_interpretation,
        "bits_allocated": description.bits_allocated,
        # The shortest and the longest, or one if they are equal.
        "frame_durations_ms": sorted({min(durations), max(durations)}) if durations else [],
        "representative_frame": description.representative_frame,
    }
    if description.is_float:
        return report | {"float": True}
    return report | {
        "float": False,
        "bits_stored": description.bits_stored,
        "high_bit": description.high_bit,
        "signed": description.signed,
    }


def _display(display: DisplayAttributes) -> dict[str, Any]:
    profile = display.icc_profile
    return {
        "rescale": {"slope": display.slope, "intercept": display.intercept},
        "modality_lut": _table(display.modality_lut) if display.modality_lut else None,
        "windows": [
            {"window": _window_text(window), "explanation": window.explanation}
            for window in display.windows
        ],
        "voi_luts": [_table(table) for table in display.voi_luts],
        "padding": list(display.padding) if display.padding else None,
        "palette": display.palette is not None,
        "pixel_aspect_ratio": list(display.pixel_aspect_ratio),
        "overlays": [f"{plane.group:04X}" for plane in display.overlays],
        "icc_profile_bytes": len(profile) if profile else 0,
    }


def _window_text(window: Any) -> str:
    try:
        return str(window)
    except (ValueError, OverflowError):
        return "not finite"


def _table(table: LookupTable) -> dict[str, Any]:
    return {
        "entries": len(table.entries), "first": table.first, "bits": table.bits,
        "explanation": table.explanation,
    }  # fmt: skip


def _picture(instance: Instance) -> dict[str, Any]:
    frame = instance.description.representative_frame
    explanation = instance.explain(frame)
    warnings = tuple(dict.fromkeys(explanation.warnings))
    return {
        "renderable": True,
        "picture": {
            "frame": frame,
            "width": explanation.width,
            "height": explanation.height,
            "voi": explanation.voi,
            "photometric_interpretation": explanation.photometric_interpretation,
            "bits_stored": explanation.bits_stored,
            "signed": explanation.signed,
        },
        "warnings": warnings,
        "warning_codes": codes_of(warnings),
    }
