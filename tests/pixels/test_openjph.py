"""OpenJPH's errors that no caller can catch become errors, and nothing is printed."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from rendicom.pixels.codecs import openjph

CODE = """
import sys
import imagecodecs
import numpy as np
from rendicom.errors import RendicomError
from rendicom.pixels.codecs import DecodeRequest, openjph

values = np.random.default_rng(2).integers(0, 4096, (24, 40)).astype(np.uint16)
stream = bytes(imagecodecs.htj2k_encode(values, reversible=True))
request = DecodeRequest("", 24, 40, 1, 16, 12, False, "MONOCHROME2", 0, 10_000)
refused = heard = 0
for place in range(stream.index(b"\\xff\\x93") + 2, len(stream), 7):
    damaged = bytearray(stream)
    damaged[place] ^= 0x40
    try:
        openjph.CODEC.decode(bytes(damaged), request)
    except RendicomError as error:
        refused += 1
        heard += error.message == "OpenJPH: the stream is damaged"
assert (openjph.CODEC.decode(stream, request).samples == values).all()
print(refused, heard)
1 / 0
"""


def test_damaged_streams_print_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60)
    refused, heard = map(int, done.stdout.split())
    assert refused >= heard > 0
    # What others raise is still printed.
    assert done.stderr.startswith("Traceback")
    assert done.stderr.count("Error") == 1
    assert "ZeroDivisionError" in done.stderr


def test_hooks_pass_on_what_comes_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "excepthook", lambda *error: told.append(error))
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    with openjph._complaints() as complaints:
        sys.excepthook(ValueError, ValueError("inside"), None)
    assert complaints == ["inside"]
    assert not told
    error = ValueError("outside")
    sys.excepthook(ValueError, error, None)
    assert told == [(ValueError, error, None)]
    sys.unraisablehook("something")  # type: ignore[arg-type]
    assert told[1:] == ["something"]
