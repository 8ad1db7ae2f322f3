"""The flags of ``rendicom convert`` that need a folder as TARGET."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from rendicom.batch.job import DEFAULT_TIMEOUT, MANIFEST
from rendicom.cli.flags import Flag
from rendicom.cli.target import STREAM
from rendicom.errors import UnreadableSourceError
from rendicom.records import NamedTuple

if TYPE_CHECKING:
    from typing import BinaryIO

    from rendicom.batch.identity import Filters
    from rendicom.batch.pseudonyms import Pseudonyms

_SOURCES, _NAMES, _RUN = "Selection of sources", "Names of pictures", "Runs over many files"


class FolderFlags(NamedTuple):
    """Values of the flags of `folder_flags`; None and False where a flag was not given."""

    from_file: str | None = None
    follow_links: bool = False
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
    shard_size: str | None = None

    def given(self) -> list[str]:
        """Return the flags that were given, as typed."""
        names = {"allow_phi": "--allow-phi-in-names", "has_manifest": "--no-manifest"}
        return [
            names.get(name, "--" + name.replace("_", "-"))
            for name, value in zip(self._fields, self, strict=True)
            if value != self._field_defaults[name]
        ]

    def refuse_without_folder(self) -> None:
        """Raise a usage error where a flag was given and TARGET is not a folder."""
        if given := self.given():
            raise click.UsageError(f"{given[0]} needs a folder as TARGET")

    def pseudonyms(self) -> Pseudonyms | None:
        """Return the pseudonyms of UIDs, or None without ``--hash-uids``."""
        if self.hash_uids is None:
            return None
        from rendicom.batch.pseudonyms import Pseudonyms

        return Pseudonyms.from_file(self.hash_uids)

    def filters(self) -> Filters:
        """Return the filters of the attributes of sources."""
        from rendicom.batch.identity import Filters

        return Filters.parse(
            modality=self.modality,
            series=self.series,
            skip_burned_in=self.skip_burned_in,
            only_images=self.only_images,
        )


def folder_flags() -> list[click.Parameter]:
    """Return the flags that matter where TARGET is a folder."""
    return [
        Flag("--from-file", metavar="LIST", section=_SOURCES,
             help="Read sources from a file, one per line or NUL-separated; - is standard input."),
        Flag("--follow-links", is_flag=True, section=_SOURCES,
             help="Follow symbolic links that lead outside a folder."),
        Flag("--layout", metavar="TEMPLATE", section=_NAMES,
             help="Names of the pictures, such as {SeriesInstanceUID}/{InstanceNumber:04}.{ext}; "
             "fields: source, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID, Modality, "
             "SeriesNumber, InstanceNumber, frame, ext.  [default: {source}.{ext}]"),
        Flag("allow_phi --allow-phi-in-names", is_flag=True, section=_NAMES,
             help="Allow patient data in --layout, such as {PatientID} and {StudyDate}."),
        Flag("--hash-uids", metavar="KEYFILE", section=_NAMES,
             help="Replace UIDs in names and manifest by hashes with the key in KEYFILE."),
        Flag("--modality", metavar="CT[,MR]", multiple=True, section=_SOURCES,
             help="Convert these modalities only."),
        Flag("--series", metavar="UID", multiple=True, section=_SOURCES,
             help="Convert these series only."),
        Flag("--skip-burned-in", is_flag=True, section=_SOURCES,
             help="Skip images whose header says that their pixels contain patient data, and "
             "labels and overviews of slides."),
        Flag("--only-images", is_flag=True, section=_SOURCES,
             help="Skip objects without pixels, such as reports, instead of counting them."),
        Flag("-j --jobs", type=click.IntRange(1, 1024), section=_RUN, metavar="N",
             help="Number of worker processes.  [default: one per core]"),
        Flag("--engine", section=_RUN, metavar="local|threads|inline|dask[://HOST:PORT]",
             help="Execution engine.  [default: local processes]"),
        Flag("--timeout", section=_RUN, type=click.FloatRange(min=0.1), metavar="SECONDS",
             help=f"Seconds after which a picture fails.  [default: {DEFAULT_TIMEOUT:g}]"),
        Flag("--manifest", metavar="FILE", section=_RUN,
             help="File that lists the outcome of each source: .jsonl, .csv or .parquet.  "
             f"[default: {MANIFEST} in TARGET]"),
        Flag("has_manifest --no-manifest", flag_value=False, default=True, is_flag=True,
             section=_RUN, help="Write no manifest."),
        Flag("--resume", is_flag=True, section=_RUN,
             help="Skip sources that the manifest lists as done with the same options."),
        Flag("--dry-run", is_flag=True, section=_RUN,
             help="Report what would be written, and write nothing."),
        Flag("--contact-sheet", metavar="FILE.png", section=_RUN,
             help="Also make a sheet of small pictures with captions for each series; a name "
             "without a folder is placed in TARGET."),
        Flag("--shard-size", metavar="1GB", section=_RUN,
             help="Size of the tar files where TARGET is shards/{shard:06}.tar.  [default: 1GB]"),
    ]  # fmt: skip


@contextmanager
def opened_list(listed: str) -> Iterator[BinaryIO]:
    """Open the list of ``--from-file``; ``-`` is standard input."""
    if listed == STREAM:
        yield sys.stdin.buffer
        return
    try:
        stream = open(listed, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise UnreadableSourceError(f"the list cannot be read: {reason}") from None
    with stream:
        yield stream
