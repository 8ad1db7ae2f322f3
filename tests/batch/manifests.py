"""Reports of made-up units, and the manifests they go to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rendicom.batch.identity import InstanceSummary
from rendicom.batch.manifest import Manifest, open_manifest, read_manifest
from rendicom.batch.outcomes import Failed, Outcome, Written
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import UnitReport
from rendicom.options import RenderOptions

PICTURE = b"a picture"
IDENTITY = InstanceSummary("1.2.3", "1.2.3.4", "1.2.3.4.5", "CT")


def opened(location: str | Path, **more: Any) -> Manifest:
    """Open a manifest of a run into ``out``."""
    terms: dict[str, Any] = {
        "options": RenderOptions(), "format": "png", "recipe": "r1", "resume": True,
        "target": "out", "frames": None,
    }  # fmt: skip
    return open_manifest(str(location), **(terms | more))


def kill(manifest: Manifest) -> None:
    """Let go of all that a killed process lets go of, and write nothing."""
    manifest._close_journal()
    if manifest._resume is not None:
        manifest._resume.close()
    manifest._files.release()


def unit(name: str, **more: Any) -> Unit:
    """Return the unit of ``in/NAME.dcm``."""
    return Unit(f"in/{name}.dcm", name, **({"version": "v1", "size": 100} | more))


def written(one: Unit, frame: int | None = 1, *, count: int = 1, data: bytes = PICTURE) -> Written:
    """Write the picture of a frame, as a worker does, and say so."""
    number = f"-{frame:04}" if count > 1 else ""
    path = f"out/{one.place}{number}.png"
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    return Written(
        one.source, path, frame, 6, 4, "image/png", len(data), "window 40,400", (), digest=digest
    )


def good(one: Unit, frames: Iterable[int] = (1,), *, count: int | None = None) -> UnitReport:
    """Report pictures of a source that gives ``count`` in all."""
    numbers = tuple(frames)
    count = count or len(numbers)
    return report(one, *(written(one, frame, count=count) for frame in numbers), count=count)


def bad(one: Unit, frame: int | None = None, *, count: int = 0) -> UnitReport:
    """Report a picture or a source that failed."""
    outcome = Failed(one.source, frame, "corrupt-data", "the stream is cut", "get another copy")
    return report(one, outcome, count=count)


def report(one: Unit, *outcomes: Outcome, count: int = 1) -> UnitReport:
    """Report these outcomes."""
    return UnitReport(one, outcomes, IDENTITY, count)


def rows(location: str | Path, *columns: str) -> list[Any]:
    """Return some columns of a manifest."""
    records = read_manifest(str(location))
    if len(columns) == 1:
        return [record[columns[0]] for record in records]
    return [tuple(record[column] for column in columns) for record in records]


def names(folder: str | Path = ".") -> list[str]:
    """Return what lies in a folder."""
    return sorted(path.name for path in Path(folder).iterdir())
