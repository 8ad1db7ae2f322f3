"""`rendicom sample`: writes a small DICOM file."""

from __future__ import annotations

from pathlib import Path

import click

from rendicom.cli.flags import Flag, FlagCommand, NearestChoice
from rendicom.errors import OutputExistsError
from rendicom.storage import write

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


_HELP = """\
Write one of pydicom's small sample files to FILE.
"""
_EXAMPLES = """\
\b
Examples:
  rendicom sample ct.dcm
  rendicom sample cine.dcm --kind us-cine
"""


def sample(target: str, *, kind: str) -> None:
    """Run the command."""
    import pydicom

    source = Path(pydicom.__file__).parent / "data" / "test_files" / _KINDS[kind]
    try:
        write(target, source.read_bytes(), existing="fail")
    except OutputExistsError as error:
        raise OutputExistsError(error.message, hint="choose another FILE") from None


command = FlagCommand(
    "sample",
    params=[
        click.Argument(["target"], metavar="FILE", type=click.Path(dir_okay=False)),
        Flag("--kind", type=NearestChoice(sorted(_KINDS)), default="ct",
             help="Kind of object.  [default: ct]"),
    ],
    callback=sample,
    help=_HELP,
    short_help="Write a small sample file.",
    epilog=_EXAMPLES,
)  # fmt: skip
