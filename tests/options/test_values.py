"""Every value of every option is checked where it is made: a sound one, or one clear error."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest

from rendicom import OptionError, RenderOptions, Viewport, Voi, Window
from rendicom.options import PRESETS, parameters
from rendicom.views import VoiFunction

NAN, INFINITE = float("nan"), float("inf")
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2, 3, 45, 90, 101, 1000, 65536, 10**6, 10**5000, -(10**5000),
    0.0, 1.0, 1.5, 90.0, NAN, INFINITE, -INFINITE, 1j, Decimal(90), Fraction(1, 2),
    "", " ", "a", "x", "h", "H", "45", "90", "-1", "0", "1.5", "nan", "foo", "red", "none", "None",
    "yes", "Yes", "9" * 5000, "\0", "\ud800", "lungs", "lung", "40,400", "40,400,sigmiod",
    "1,2,3,4,5,6,7", "#12345", "#GGGGGG", "6000", "6001", "patient", "patient,who", "auto", "roi:",
    b"", b"40,400", bytearray(b"x"), (), (1,), (40, 400), (40, 400, "sigmiod"), (40, "a"),
    (None, None), (1, 2, 3, 4, 5, 6, 7), [], [1], [[1, 2]], {}, {1: 2}, set(), {0x6000}, {0x6001},
    frozenset((1,)), object(), object, len, ..., range(3), iter(()), np.bool_(True), np.int64(90),
    np.float32(1.5), np.float64(NAN), np.array(3), np.array([1.0]), np.array([40, 400]),
    np.array([]), Window(40, 400), Viewport(5, 5), Voi("minmax"), RenderOptions(), Exception("x"),
]  # fmt: skip


@pytest.mark.parametrize("name", [each.attribute for each in parameters().values()])
def test_each_field_takes_a_value_or_says_its_name(name: str) -> None:
    """What is taken is written as text, read back, hashed, pickled and copied."""
    taken = 0
    for value in (*ODD, getattr(RenderOptions(), name)):
        try:
            options = RenderOptions(**{name: value})
        except OptionError as error:
            message = str(error)
            # Values that need company are no fault of their own.
            assert name in message or "window" in message, (value, message)
            assert "\n" not in message
            assert len(message) < 400
            continue
        taken += 1
        assert RenderOptions(**{name: getattr(options, name)}) == options
        assert hash(options) == hash(copy.copy(options))
        assert pickle.loads(pickle.dumps(options)) == options
        text = options.canonical()
        from urllib.parse import parse_qsl

        again = RenderOptions.parse(dict(parse_qsl(text, keep_blank_values=True)))
        assert again == options, (value, text)
        with pytest.raises(OptionError, match=name):
            replace(options, **{name: object()})
    assert taken > 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rotate", 45), ("rotate", 90.0), ("rotate", None), ("flip", "x"), ("flip", ""),
        ("quality", 1000), ("quality", 0), ("quality", True), ("max_size", 0), ("max_size", -1),
        ("max_size", "a"), ("max_size", 1.5), ("icc", "foo"), ("icc", "none"),
        ("overlay_color", "red"), ("overlay_color", None), ("preset", "lungs"),
        ("window", (40, 400, "sigmiod")), ("window", (40, 0)), ("window", (NAN, 400)),
        ("window", (40, INFINITE)), ("window", (40,)), ("window", 40), ("window", "40"),
        ("viewport", (0, 5)), ("viewport", (5, 5, 0, 0, 0, 5)), ("viewport", (5, NAN)),
        ("viewport", (5, 5, INFINITE)), ("viewport", 5), ("bit_depth", 12), ("values", "raw"),
        ("compression", 10), ("overlay_planes", ()), ("overlay_planes", (0x6001,)),
        ("overlay_planes", 0x6000), ("overlay_mode", "xor"), ("annotation", ()),
        ("annotation", ("patient", "who")), ("invert", "maybe"), ("invert", 2), ("padding", None),
        ("strict", "strict"), ("max_pixels", 0), ("max_pixels", 2**41), ("voi", "window:0"),
        ("voi", None), ("voi", 5), ("voi", "roi:1,2,3"),
    ],
)  # fmt: skip
def test_refused(name: str, value: object) -> None:
    with pytest.raises(OptionError, match=name):
        RenderOptions(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(OptionError, match=name):
        replace(RenderOptions(), **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "same"),
    [
        ("window", (40, 400), Window(40, 400)),
        ("window", [40, 400, "sigmoid"], Window(40, 400, "sigmoid")),
        ("window", "40,400", Window(40, 400)),
        ("window", "40, 400,linear-exact", Window(40, 400, "linear-exact")),
        ("window", (np.int16(40), np.float32(400)), Window(40, 400)),
        ("viewport", (64, 32), Viewport(64, 32)),
        ("viewport", "64,32,1,2", Viewport(64, 32, 1, 2)),
        ("viewport", (64, 32, None, None, -5, 5), Viewport(64, 32, None, None, -5, 5)),
        ("voi", "percentile:1,99", Voi("percentile", (1, 99))),
        ("max_size", np.int64(512), 512),
        ("max_size", "512", 512),
        ("rotate", "90", 90),
        ("overlay_planes", [0x6002, 0x6000], (0x6000, 0x6002)),
        ("overlay_planes", "6002,6000", (0x6000, 0x6002)),
        ("overlay_color", "FF0000", "#ff0000"),
        ("annotation", ["technique", "patient"], "patient,technique"),
        ("invert", "yes", True),
    ],
)  # fmt: skip
def test_taken(name: str, value: object, same: object) -> None:
    options = RenderOptions(**{name: value})  # type: ignore[arg-type]
    assert getattr(options, name) == same
    assert type(getattr(options, name)) is type(same)
    assert options == RenderOptions(**{name: same})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Window, Viewport, Voi])
def test_parts_are_checked_where_they_are_made(kind: type) -> None:
    for value in ODD:
        for arguments in ((value,), (40, value), (value, 400), (40, 400, value), ("roi", value)):
            if kind is not Voi and len(arguments) < 2:
                continue
            try:
                made = kind(*arguments)
            except OptionError as error:
                message = str(error)
            else:
                message = f"{kind.__name__.lower()} {made}"
                assert kind.parse(str(made)) == made, arguments  # type: ignore[attr-defined]
            assert kind.__name__.lower() in message, arguments


def test_windows() -> None:
    for function in get_args(VoiFunction):
        assert Window(1, 2, function).function == function
    for width in (0, -1, 0.5, NAN, INFINITE):
        with pytest.raises(OptionError, match="window width"):
            Window(40, width)
    assert Window(40, 0.5, "sigmoid").width == 0.5
    with pytest.raises(OptionError, match="sigmiod"):
        Window(40, 400, "sigmiod")  # type: ignore[arg-type]
    with pytest.raises(OptionError):
        replace(Window(40, 400), width=0)


def test_a_window_of_a_file_is_kept_as_it_is_and_checked_when_it_is_asked_for() -> None:
    window = Window.stated(40, 0, "linear", "SOFT")
    assert (window.center, window.width, window.explanation) == (40, 0, "SOFT")
    assert pickle.loads(pickle.dumps(window)) == window
    assert math.isnan(Window.stated(NAN, 1, "linear").center)
    with pytest.raises(OptionError, match="window width"):
        RenderOptions(window=window)


def test_presets_are_windows_of_their_own() -> None:
    for name, window in PRESETS.items():
        assert RenderOptions(preset=name).preset == name
        assert Window.of(str(window)) == window
