"""MemoryError is a typed error at every door."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from rendicom.batch.worker import unexpected
from rendicom.cli import main as cli
from rendicom.dicomweb.retrieval import frame_bytes
from rendicom.engine import open_instance, render
from rendicom.errors import LimitExceededError
from rendicom.testing import image
from rendicom.workers.async_worker import start_thread
from rendicom.workers.calls import pack, perform, unpack

DATA = image(np.zeros((4, 4), np.uint8))


def full(*_: object, **__: object) -> Any:
    raise MemoryError


@pytest.mark.parametrize("place", ["decode_frame", "plan_of", "run", "encode"])
def test_library(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    room = "encoding" if place == "encode" else "instance"
    monkeypatch.setattr(f"rendicom.engine.{room}.{place}", full)
    with pytest.raises(LimitExceededError, match="memory"):
        render(DATA)
    with open_instance(DATA) as instance:
        if place != "encode":
            with pytest.raises(LimitExceededError):
                instance.display()
            with pytest.raises(LimitExceededError):
                instance.explain()
            with pytest.raises(LimitExceededError):
                instance.render_animation()


def test_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rendicom.engine.opening.read_header", full)
    with pytest.raises(LimitExceededError):
        open_instance(DATA)


def test_retrieving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rendicom.dicomweb.pixeldata.PixelFrames.uncompressed", full)
    with pytest.raises(LimitExceededError):
        frame_bytes(DATA, [1])


def test_workers() -> None:
    with pytest.raises(LimitExceededError):
        unpack(perform(pack((full, (), {}))))
    assert unexpected("a.dcm", MemoryError()).code == "limit-exceeded"


def test_threads_of_the_server() -> None:
    class Owner:
        def on_free(self, worker: object) -> None: ...
        def on_gone(self, worker: object) -> None: ...

    async def run() -> None:
        worker = await start_thread(Owner())
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        worker.begin((full, (), {}), result, seconds=60)
        with pytest.raises(LimitExceededError):
            await result
        await worker.close()

    asyncio.run(run())


def test_command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli.commands, "main", full)
    assert cli.main(["doctor"]) == 1
    assert "memory" in capsys.readouterr().err
