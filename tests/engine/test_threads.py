"""One picture made by several threads: the same bytes, whatever their number."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from click.testing import CliRunner

import rendicom
from rendicom import OptionError, RenderOptions
from rendicom.cli.convert import command
from rendicom.encode import format_named
from rendicom.engine.loop import render_loop
from rendicom.testing.images import image
from rendicom.testing.writer import encapsulate

J2K = "1.2.840.10008.1.2.4.90"


def frames(count: int) -> list[Any]:
    random = np.random.default_rng(3)
    return [random.integers(0, 256, (96, 130)).astype(np.uint8) for _ in range(count)]


def file(count: int) -> bytes:
    made = frames(count)
    streams = [
        bytes(imagecodecs.jpeg2k_encode(each, codecformat="j2k", reversible=True)) for each in made
    ]
    return image(encapsulate(streams), rows=96, columns=130, frames=count, transfer_syntax=J2K)


@pytest.mark.parametrize("media_type", ["image/png", "image/gif", "image/apng"])
def test_any_number_of_threads_gives_the_same_bytes(media_type: str) -> None:
    data, made = file(7), set()
    for threads in (1, 2, 5, None):
        with rendicom.open_instance(data, threads=threads) as instance:
            if media_type == "image/png":
                made.add(instance.render(3, media_type=media_type).data)
            else:
                made.add(instance.render_animation(media_type=media_type).data)
    assert len(made) == 1


@pytest.mark.parametrize(("threads", "expected"), [(1, 1), (3, 3)])
def test_the_codec_gets_the_threads(threads: int, expected: int, decoded_by: list[int]) -> None:
    rendicom.render(file(1), threads=threads)
    assert decoded_by == [expected]


def loop(displayed: Any, count: int, threads: int) -> Any:
    options = RenderOptions()
    return render_loop(
        displayed, range(1, count + 1), [100.0] * count, format_named("gif"), options,
        threads=threads,
    )  # fmt: skip


def test_frames_of_a_loop_are_made_at_the_same_time_and_kept_in_order() -> None:
    with rendicom.open_instance(file(5), threads=1) as instance:
        meeting = threading.Barrier(2)

        def displayed(number: int) -> Any:
            if number > 1:  # the first is made alone
                meeting.wait(timeout=60)
            return instance.displayed(number, RenderOptions())

        made = loop(displayed, 5, threads=2)
        assert made.data == instance.render_animation().data


def test_no_more_frames_are_made_ahead_than_there_are_threads() -> None:
    asked: list[int] = []
    with rendicom.open_instance(file(6), threads=1) as instance:

        def displayed(number: int) -> Any:
            asked.append(number)
            if number == 2:
                raise OptionError("the second frame fails")
            return instance.displayed(number, RenderOptions())

        with pytest.raises(OptionError, match="second"):
            loop(displayed, 6, threads=2)
    assert sorted(asked) in ([1, 2], [1, 2, 3])


@pytest.mark.parametrize("threads", [0, -1, 1.5, "x"])
def test_a_number_that_is_none_is_refused(threads: Any) -> None:
    with pytest.raises(OptionError, match="threads"):
        rendicom.open_instance(file(1), threads=threads)


def test_a_copy_has_as_many_threads() -> None:
    with (
        rendicom.open_instance(file(1), threads=3) as instance,
        pickle.loads(pickle.dumps(instance)) as copy,
    ):
        assert copy.threads == 3


def test_the_command_takes_the_number_for_one_picture_only(tmp_path: Path) -> None:
    source = tmp_path / "a.dcm"
    source.write_bytes(file(1))
    outcome = [
        CliRunner().invoke(command, [str(source), str(tmp_path / f"{n}.png"), "--threads", n])
        for n in ("1", "4")
    ]
    assert [each.exit_code for each in outcome] == [0, 0]
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "4.png").read_bytes()
    (tmp_path / "out").mkdir()
    refused = CliRunner().invoke(command, [str(source), str(tmp_path / "out"), "--threads", "2"])
    assert refused.exit_code == 2
    assert "--jobs" in refused.output


def large(side: int) -> bytes:
    y, x = np.mgrid[:side, : side + 4]
    noise = np.random.default_rng(side).integers(0, 64, x.shape)
    samples = (2000 + 1500 * np.sin(x / 37) * np.cos(y / 23) + noise).astype(np.uint16)
    return image(samples.tobytes(), rows=side, columns=side + 4, bits_allocated=16, bits_stored=12)


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg"])
def test_large_native_pictures_made_at_the_same_time_do_not_mix(
    tmp_path: Path, media_type: str
) -> None:
    paths = []
    for side in (1100, 1500, 600, 64):
        path = tmp_path / f"{side}.dcm"
        path.write_bytes(large(side))
        paths.append(path)
    alone = [rendicom.render(path, media_type=media_type, threads=1).data for path in paths]
    found: list[tuple[int, bytes]] = []

    def work(start: int) -> None:
        for turn in range(8):
            at = (start + turn) % len(paths)
            picture = rendicom.render(paths[at], media_type=media_type, threads=1 + turn % 3)
            found.append((at, picture.data))

    workers = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 32
    assert all(data == alone[at] for at, data in found)
