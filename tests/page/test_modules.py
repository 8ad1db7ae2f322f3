"""What can be worked out without a picture, module by module, against numpy and by hand."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest


def _run(page: Any, module: str, body: str, argument: Any = None) -> Any:
    code = f"async (given) => {{ const it = await import('./static/{module}'); {body} }}"
    return page.evaluate(code, argument)


def _server(image: np.ndarray[Any, Any], rotate: int, flip: str) -> np.ndarray[Any, Any]:
    turned = np.rot90(image, -rotate // 90)
    return {"": turned, "h": turned[:, ::-1], "v": turned[::-1]}[flip]


@pytest.mark.parametrize("step", ["right", "left", "h", "v"])
def test_turning_and_mirroring_is_of_what_is_seen(screen: Any, step: str) -> None:
    image = np.arange(12).reshape(3, 4)
    for rotate, flip in itertools.product((0, 90, 180, 270), ("", "h", "v")):
        body = {
            "right": "return it.turned(given, 1)",
            "left": "return it.turned(given, -1)",
            "h": "return it.mirrored(given, 'h')",
            "v": "return it.mirrored(given, 'v')",
        }[step]
        got = _run(screen, "state/options.js", body, {"rotate": rotate, "flip": flip})
        seen = _server(image, rotate, flip)
        wanted = {
            "right": np.rot90(seen, -1), "left": np.rot90(seen), "h": seen[:, ::-1],
            "v": seen[::-1],
        }[step]  # fmt: skip
        assert np.array_equal(_server(image, got["rotate"], got["flip"]), wanted)


def test_the_region_of_what_is_seen(screen: Any) -> None:
    image = np.arange(20).reshape(4, 5)
    for rotate, flip in itertools.product((0, 90, 180, 270), ("", "h", "v")):
        shown = _server(image, rotate, flip)
        seen = {"x": 1, "y": 0, "width": 2, "height": 3}
        size = {"width": shown.shape[1], "height": shown.shape[0]}
        argument = [seen, size, {"rotate": rotate, "flip": flip}]
        got = _run(screen, "geometry.js", "return it.storedRegion(...given)", argument)
        x, y, width, height = (int(got[name]) for name in ("x", "y", "width", "height"))
        part = _server(image[y : y + height, x : x + width], rotate, flip)
        assert np.array_equal(part, shown[0:3, 1:3])


def test_an_address_reads_back_as_it_was_written(screen: Any) -> None:
    address = (
        "#/studies/1.2/series/1.3/instances/1.4/frames/5?window=-40.5,400,linear-exact&invert=yes"
        "&rotate=270&flip=v&overlays=yes&annotation=patient,technique"
        ";/studies/2.2/series/2.3/instances/2.4/frames/3?invert=yes"
    )
    body = "return it.formatRoute(it.parseRoute(given))"
    assert _run(screen, "state/route.js", body, address) == address


@pytest.mark.parametrize(
    "address",
    ["", "#/", "#/studies/", "#/studies/1.2/../3", "#/studies/1.2/series/<b>", "#/other", "#x"],
)
def test_what_is_no_address_is_the_list(screen: Any, address: str) -> None:
    assert _run(screen, "state/route.js", "return it.parseRoute(given)", address) is None


@pytest.mark.parametrize("window", ["1,0,linear", "a,1,linear", "1", "1,2,LINEAR", "1,-5,sigmoid"])
def test_windows_that_are_none_are_left_out(screen: Any, window: str) -> None:
    body = "return it.parseRoute(`#/studies/1.2?window=${given}`).options.window"
    assert _run(screen, "state/route.js", body, window) is None


def test_pictures_are_kept_as_long_as_there_is_room(screen: Any, served: Any) -> None:
    body = """
      const room = new it.Pictures(2600);
      const urls = [1, 2, 3].map((n) => new URL(`static/icon.svg?${n}`, document.baseURI).href);
      const sizes = [];
      for (const url of urls) sizes.push((await room.get(url, "image/svg+xml")).blob.size);
      const big = new it.Pictures(Math.ceil(sizes[0] * 2.5));
      for (const url of urls) await big.get(url, "image/svg+xml");
      return [urls.map((url) => big.has(url, "image/svg+xml")), big.bytes === 2 * sizes[0]];
    """
    assert _run(screen, "pictures.js", body) == [[False, True, True], True]


def test_what_all_have_given_up_is_not_fetched(screen: Any) -> None:
    body = """
      const room = new it.Pictures(1e6);
      const url = new URL("static/icon.svg?late", document.baseURI).href;
      const one = new AbortController(), two = new AbortController();
      const first = room.get(url, "image/svg+xml", {signal: one.signal}).catch((e) => e.name);
      const second = room.get(url, "image/svg+xml", {signal: two.signal}).catch((e) => e.name);
      one.abort();
      const isKept = room.underWay.size;
      two.abort();
      return [await first, await second, isKept, room.bytes];
    """
    assert _run(screen, "pictures.js", body) == ["AbortError", "AbortError", 1, 0]


def test_what_was_given_up_can_be_asked_for_again_at_once(screen: Any) -> None:
    body = """
      const room = new it.Pictures(1e6);
      const url = new URL("static/icon.svg?again", document.baseURI).href;
      const first = new AbortController();
      const early = room.get(url, "image/svg+xml", {signal: first.signal}).catch((e) => e.name);
      first.abort();
      const second = await room.get(url, "image/svg+xml");
      return [await early, second.blob.size > 0];
    """
    assert _run(screen, "pictures.js", body) == ["AbortError", True]


def test_few_requests_are_in_flight_at_once(screen: Any) -> None:
    body = """
      let now = 0, most = 0;
      const read = async (response) => {
        most = Math.max(most, ++now);
        await response.text();
        await new Promise((done) => setTimeout(done, 20));
        now -= 1;
      };
      const urlOf = (n) => new URL(`static/icon.svg?f${n}`, document.baseURI);
      const urls = Array.from({length: 24}, (_, n) => urlOf(n));
      await Promise.all(urls.map((url) => it.ask(url, {accept: "*/*", read})));
      return most;
    """
    most = _run(screen, "api.js", body)
    assert 2 <= most <= 6


def test_times_of_frames_are_those_of_the_header(screen: Any) -> None:
    cases = [
        ({"00181063": {"vr": "DS", "Value": [40]}}, 40),
        ({"00181065": {"vr": "DS", "Value": [0, 20, 40]}}, 30),
        ({"00082144": {"vr": "IS", "Value": [50]}}, 20),
        ({"00180040": {"vr": "IS", "Value": [10]}}, 100),
        ({}, 0),
    ]
    for model, wanted in cases:
        assert _run(screen, "dicom.js", "return it.frameTime(given)", model) == wanted


def test_windows_come_from_the_frame_s_own_group(screen: Any) -> None:
    def group(center: float) -> dict[str, Any]:
        return {"00289132": {"vr": "SQ", "Value": [{
            "00281050": {"vr": "DS", "Value": [center]}, "00281051": {"vr": "DS", "Value": [9]},
        }]}}  # fmt: skip

    model = {"52009230": {"vr": "SQ", "Value": [group(1), group(2)]}}
    got = _run(screen, "dicom.js", "return it.windowsOf(given, 2)", model)
    assert [each["center"] for each in got] == [2]


def test_commands_survive_a_shell(screen: Any) -> None:
    body = "return it.snippets(given, false)"
    target = {
        "url": "http://h/r?voi=name:a%27b", "text": "http://h/r", "mediaType": "image/png",
        "name": "1.2.png",
    }  # fmt: skip
    texts = dict(_run(screen, "export.js", body, target))
    import shlex

    assert shlex.split(texts["curl"])[-1] == target["url"]
