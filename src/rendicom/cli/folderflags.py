"""The flags of ``rendicom convert`` that need a folder as TARGET."""

from __future__ import annotations

from typing import NamedTuple

import click

__all__ = ["DEFAULT_TIMEOUT", "MANIFEST", "FolderFlags", "folder_flags"]

MANIFEST = "manifest.jsonl"
DEFAULT_TIMEOUT = 300.0


class FolderFlags(NamedTuple):
    """What the flags of `folder_flags` say; None and False where a flag was not given."""

    from_file: str | None = None
    layout: str | None = None
    allow_phi: bool = False
    hash_uids: str | None = None
    jobs: int | None = None
    timeout: float | None = None
    engine: str | None = None
    manifest: str | None = None
    has_manifest: bool = True
    resume: bool = False
    dry_run: bool = False
    modality: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    skip_burned_in: bool = False
    only_images: bool = False
    contact_sheet: str | None = None

    def given(self) -> list[str]:
        """Return the flags that were given, as typed."""
        names = {"allow_phi": "--allow-phi-in-names", "has_manifest": "--no-manifest"}
        return [
            names.get(name, "--" + name.replace("_", "-"))
            for name, value in zip(self._fields, self, strict=True)
            if value != self._field_defaults[name]
        ]

    def refuse_without_folder(self) -> None:
        """Raise a usage error where a flag was given and TARGET is no folder."""
        if given := self.given():
            raise click.UsageError(f"{given[0]} needs a folder as TARGET")


def folder_flags() -> list[click.Parameter]:
    """Return the flags that matter where TARGET is a folder."""
    return [
        FolderFlag(
            ["from_file", "--from-file"], metavar="LIST",
            help="Read sources from a file, one a line or NUL-separated; - is standard input.",
        ),
        FolderFlag(
            ["layout", "--layout"], metavar="TEMPLATE",
            help="Names of the pictures, such as {SeriesInstanceUID}/{InstanceNumber:04}.{ext}; "
            "fields: source, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID, Modality, "
            "SeriesNumber, InstanceNumber, frame, ext.  [default: {source}.{ext}]",
        ),
        FolderFlag(
            ["allow_phi", "--allow-phi-in-names"], is_flag=True,
            help="Let --layout use patients' data, such as {PatientID} and {StudyDate}.",
        ),
        FolderFlag(
            ["hash_uids", "--hash-uids"], metavar="KEYFILE",
            help="Replace UIDs in names and manifest by hashes with the key in KEYFILE.",
        ),
        FolderFlag(
            ["modality", "--modality"], metavar="CT[,MR]", multiple=True,
            help="Convert these modalities only.",
        ),
        FolderFlag(
            ["series", "--series"], metavar="UID", multiple=True,
            help="Convert these series only.",
        ),
        FolderFlag(
            ["skip_burned_in", "--skip-burned-in"], is_flag=True,
            help="Leave out what says that names are burned into its pixels.",
        ),
        FolderFlag(
            ["only_images", "--only-images"], is_flag=True,
            help="Leave out objects without pixels; else each is a failure.",
        ),
        FolderFlag(
            ["jobs", "-j", "--jobs"], type=click.IntRange(1, 1024),
            help="Worker processes.  [default: one a core]",
        ),
        FolderFlag(
            ["engine", "--engine"], metavar="local|threads|inline|dask[://HOST:PORT]",
            help="What does the work.  [default: local processes]",
        ),
        FolderFlag(
            ["timeout", "--timeout"], type=click.FloatRange(min=0.1), metavar="SECONDS",
            help=f"Give up a picture that takes longer.  [default: {DEFAULT_TIMEOUT:g}]",
        ),
        FolderFlag(
            ["manifest", "--manifest"], metavar="FILE",
            help="Table of what became of every source: .jsonl, .csv or .parquet.  "
            f"[default: {MANIFEST} in TARGET]",
        ),
        FolderFlag(["has_manifest", "--no-manifest"], flag_value=False, default=True, is_flag=True,
            help="Write no manifest."),
        FolderFlag(
            ["resume", "--resume"], is_flag=True,
            help="Skip what the manifest says is done with the same options.",
        ),
        FolderFlag(
            ["dry_run", "--dry-run"], is_flag=True,
            help="Say what would be written, and write nothing.",
        ),
        FolderFlag(
            ["contact_sheet", "--contact-sheet"], metavar="FILE.png",
            help="Also make one sheet of small pictures for each series.",
        ),
    ]  # fmt: skip


class FolderFlag(click.Option):
    """A flag that needs a folder as TARGET."""
