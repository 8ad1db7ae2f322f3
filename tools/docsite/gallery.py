"""Pictures of the gallery, made by the commands that stand below them."""

from __future__ import annotations

import contextlib
import io
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from docsite.layered_study import write_study
from rendicom.cli.main import main

__all__ = ["GENERATORS", "make_pictures"]


class _Figure(NamedTuple):
    title: str
    sample: str
    """Kind of `rendicom sample`, or a file of `write_study`."""
    name: str
    """Of the picture."""
    options: str = ""

    @property
    def commands(self) -> tuple[str, ...]:
        if self.sample.endswith(".dcm"):
            return (f"rendicom convert {self.sample} {self.name} {self.options}".strip(),)
        source = f"{self.sample}.dcm"
        sample = f"rendicom sample {source} --kind {self.sample}"
        return sample, " ".join(f"rendicom convert {source} {self.name} {self.options}".split())


_FIGURES = (
    _Figure("CT, minimum to maximum", "ct", "ct.png"),
    _Figure("CT, bone window", "ct", "ct-bone.png", "--preset bone"),
    _Figure("CT, the middle half of all values", "ct", "ct-share.png", "--voi percentile:25,75"),
    _Figure("MR, the window of the file", "mr", "mr.png"),
    _Figure("MR, inverted and turned", "mr", "mr-turned.png", "--invert --rotate 90"),
    _Figure("MR with its overlay plane", "mr-overlay", "mr-overlay.png", "--overlays"),
    _Figure("MR, overlay in color", "mr-overlay", "mr-color.png",
            "--overlays --overlay-color '#ff8000'"),
    _Figure("Ultrasound loop", "us-cine", "us-cine.gif", "--max-size 320"),
    _Figure("Ultrasound frame, YBR", "us-cine", "us-frame.jpg", "--frames 10"),
    _Figure("Palette color", "us-palette", "us-palette.png", "--max-size 320"),
    _Figure("RGB, a region", "us-rgb", "us-region.png", "--viewport 240,180,40,20,240,180"),
    _Figure("Technique in the picture", "mr", "mr-technique.png",
            "--viewport 480,480 --annotation technique"),
    _Figure("Dose as gray values", "rt-dose", "dose.png", "--frames 8 --viewport 240,240"),
    _Figure("CT with a segmentation", "ct.dcm", "ct-seg.png", "--layer seg.dcm"),
    _Figure("CT with a structure set and a dose", "ct.dcm", "ct-dose.png",
            "--layer rtdose.dcm --layer rtstruct.dcm --layer-style outline"),
    _Figure("CT under a dose wash, with its lines", "ct.dcm", "ct-wash.png",
            "--layer rtdose.dcm --layer rtstruct.dcm --layer-opacity 0.35"),
    _Figure("A segmentation without its image", "seg.dcm", "seg.png", ""),
)  # fmt: skip


def make_pictures(folder: Path) -> None:
    """Render all pictures into a new folder.

    Raises
    ------
    SystemExit
        A command failed.
    """
    folder.mkdir()
    with contextlib.chdir(folder):
        # The samples come first: one of them is a ct.dcm, too.
        own = [each for each in _FIGURES if each.sample.endswith(".dcm")]
        _run(each for each in _FIGURES if each not in own)
        write_study(folder)
        _run(own)
        for source in folder.glob("*.dcm"):
            source.unlink()


def _run(figures: Iterable[_Figure]) -> None:
    for line in dict.fromkeys(line for each in figures for line in each.commands):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            status = main(shlex.split(line)[1:])
        if status:
            message = f"{line}: {said.getvalue()}"
            raise SystemExit(message)


def gallery() -> str:
    """Return the pictures with their commands."""
    return "\n\n".join(
        f"## {each.title}\n\n![{each.title}](gallery/{each.name})\n\n"
        "```sh\n" + "\n".join(each.commands) + "\n```"
        for each in _FIGURES
    )


GENERATORS = {"gallery": gallery}
