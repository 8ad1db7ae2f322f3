"""Threads that decode one picture: as many as workers are idle, and one on a busy server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

import server_tasks
from rendicom import RenderOptions, Window, storage
from rendicom.engine import InstanceLocation, PictureRequest
from rendicom.index.catalogue import Entry
from rendicom.selection import Selection
from rendicom.server.cache import ByteCache
from rendicom.server.pictures import Pictures
from rendicom.server.services import Services
from rendicom.server.settings import Settings
from rendicom.server.singleflight import SingleFlight
from rendicom.server.telemetry import Telemetry
from rendicom.server.worker_pool import WorkerPool
from rendicom.testing.images import image
from rendicom.testing.writer import encapsulate
from rendicom.workers.cpu_count import default_jobs

J2K = "1.2.840.10008.1.2.4.90"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of three frames as JPEG 2000."""
    random = np.random.default_rng(5)
    streams = [
        bytes(imagecodecs.jpeg2k_encode(each, codecformat="j2k", reversible=True))
        for each in random.integers(0, 256, (3, 96, 130)).astype(np.uint8)
    ]
    path = tmp_path / "frames.dcm"
    data = image(encapsulate(streams), rows=96, columns=130, frames=3, transfer_syntax=J2K)
    path.write_bytes(data)
    return path


class Served:
    """A pool and the pictures it makes of one file."""

    def __init__(self, path: Path, workers: int, threads: int) -> None:
        self.pool = WorkerPool(workers, engine="threads", threads=threads)
        self._pictures = Pictures(ByteCache(0), SingleFlight(), self.pool, Telemetry())
        self._place = InstanceLocation(str(path), storage.version_of(str(path)))

    async def picture(self, frames: str, media_type: str = "image/png") -> bytes:
        return await picture_of(self._pictures, self._place, frames, media_type)


async def picture_of(
    pictures: Pictures, place: InstanceLocation, frames: str, media_type: str
) -> bytes:
    entry = Entry(
        "1.2", "1.2.3", "1.2.3.4", *place, size=1000, sop_class="1.2.840.10008.5.1.4.1.1.7",
        transfer_syntax=J2K, modality="OT", number_of_frames=3, rows=96, columns=130,
        has_pixels=True, burned_in=False, representative_frame=1, series_number=1,
        instance_number=1,
    )  # fmt: skip
    # Without a window all frames would be decoded to find one.
    options = RenderOptions(window=Window(128, 256))
    what = PictureRequest(Selection("frames", frames), options, media_type, place)
    return (await pictures.picture(entry, what)).data


def served(path: Path, *, workers: int, threads: int, test: Any) -> None:
    async def run() -> None:
        it = Served(path, workers, threads)
        await it.pool.start()
        try:
            await test(it)
        finally:
            await it.pool.close()

    asyncio.run(asyncio.wait_for(run(), 120))


@pytest.mark.parametrize(
    ("workers", "threads", "expected"), [(3, 3, 3), (3, 2, 2), (1, 4, 1), (20, 20, 8)]
)
def test_a_frame_asked_for_alone_has_the_threads_of_idle_workers(
    workers: int, threads: int, expected: int, path: Path, decoded_by: list[int]
) -> None:
    async def test(it: Served) -> None:
        await it.picture("2")

    served(path, workers=workers, threads=threads, test=test)
    assert decoded_by == [expected]


def test_busy_workers_leave_fewer_threads_and_the_picture_is_the_same(
    path: Path, decoded_by: list[int], tmp_path: Path
) -> None:
    made = []

    async def test(it: Served) -> None:
        made.append(await it.picture("1"))
        ends = [tmp_path / "one", tmp_path / "two"]
        busy = []
        for end in ends:
            busy.append(asyncio.ensure_future(it.pool.call(server_tasks.wait_for, str(end))))
            while not Path(f"{end}.begun").exists():
                await asyncio.sleep(0.005)
            made.append(await it.picture("1"))
        for end in ends:
            end.touch()
        await asyncio.gather(*busy)

    served(path, workers=3, threads=3, test=test)
    assert decoded_by == [3, 2, 1]
    assert len(set(made)) == 1


def test_a_picture_that_waits_for_a_worker_has_one_thread(
    path: Path, decoded_by: list[int], tmp_path: Path
) -> None:
    async def test(it: Served) -> None:
        end = tmp_path / "end"
        busy = [asyncio.ensure_future(it.pool.call(server_tasks.wait_for, str(end)))]
        while not Path(f"{end}.begun").exists():
            await asyncio.sleep(0.005)
        busy.append(asyncio.ensure_future(it.picture("3")))
        while not it.pool.waiting:
            await asyncio.sleep(0)
        end.touch()
        await asyncio.gather(*busy)

    served(path, workers=1, threads=4, test=test)
    assert decoded_by == [1]


def test_the_frames_of_a_loop_are_made_one_after_the_other(
    path: Path, decoded_by: list[int]
) -> None:
    async def test(it: Served) -> None:
        await it.picture("3")
        await it.picture("all", "image/gif")

    served(path, workers=3, threads=3, test=test)
    assert decoded_by == [3, 1, 1, 1]


def test_a_server_uses_no_more_threads_than_processors(path: Path, decoded_by: list[int]) -> None:
    async def run() -> None:
        settings = Settings(folders=(str(path.parent),), workers=3, engine="threads")
        services = Services(settings)
        await services.renderers.start()
        place = InstanceLocation(str(path), storage.version_of(str(path)))
        await picture_of(services.pictures, place, "2", "image/png")
        await services.renderers.close()
        services.catalogue.close()

    asyncio.run(asyncio.wait_for(run(), 120))
    assert decoded_by == [min(3, default_jobs())]
