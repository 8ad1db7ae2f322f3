"""`rendicom sample`: a small DICOM file to try things on."""

from __future__ import annotations

from pathlib import Path

import click

from rendicom.batch.write import write_picture

__all__ = ["command"]

_KINDS = {
    "ct": "CT_small.dcm",
    "mr": "MR_small.dcm",
    "mr-overlay": "examples_overlay.dcm",
    "us-cine": "examples_ybr_color.dcm",
    "us-palette": "examples_palette.dcm",
    "us-rgb": "examples_rgb_color.dcm",
    "rt-dose": "rtdose.dcm",
    "report": "test-SR.dcm",
}


@click.command("sample")
@click.argument("target", metavar="FILE", type=click.Path(dir_okay=False))
@click.option(
    "--kind",
    type=click.Choice(sorted(_KINDS)),
    default="ct",
    show_default=True,
    help="What it shows.",
)
def command(target: str, kind: str) -> None:
    """Write a small sample to FILE, from those that pydicom brings along."""
    import pydicom

    source = Path(pydicom.__file__).parent / "data" / "test_files" / _KINDS[kind]
    write_picture(target, source.read_bytes(), existing="fail")
