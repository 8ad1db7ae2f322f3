"""Tasks for the runner's tests: they live in a module of their own so that workers find them."""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from pathlib import Path

from rendicom.batch.outcomes import Ignored
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import ChunkReports, Recipe, UnitReport
from rendicom.selection import FrameSelection


def echo(recipe: Recipe, units: tuple[Unit, ...]) -> ChunkReports:
    """Report each unit, with the time its name says it took."""
    return ChunkReports(tuple(_report(unit) for unit in units))


def sleepy(recipe: Recipe, units: tuple[Unit, ...]) -> ChunkReports:
    """Take as many milliseconds for a unit as its size says."""
    reports = []
    for unit in units:
        time.sleep(unit.size / 1000)
        reports.append(_report(unit, seconds=unit.size / 1000))
    return ChunkReports(tuple(reports))


def deadly(recipe: Recipe, units: tuple[Unit, ...]) -> ChunkReports:
    """Die of the units called so; of one called ``once`` in the folder ``target`` only once."""
    for unit in units:
        if unit.source.startswith("deadly"):
            faulthandler.disable()  # the parent of a forked worker has switched it on
            os.abort()
        if unit.source.startswith("once"):
            mark = Path(recipe.target, unit.source)
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
    return ChunkReports(tuple(_report(unit) for unit in units))


def short_of_time(recipe: Recipe, units: tuple[Unit, ...]) -> ChunkReports:
    """Do one unit of a chunk, and the first ten frames of that one."""
    first, *left = units
    frames = (first.frames or FrameSelection(((1, 95),))).resolve(95)
    rest = FrameSelection.of(frames[10:]) if frames[10:] else None
    done = tuple(Ignored(f"{first.source} {frame}") for frame in frames[:10])
    return ChunkReports((UnitReport(first, done, rest=rest, seconds=5.0),), tuple(left))


def _report(unit: Unit, seconds: float = 0.001) -> UnitReport:
    return UnitReport(unit, (Ignored(unit.source),), seconds=seconds)
