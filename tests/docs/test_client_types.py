"""What the documentation calls is accepted by a strict type checker, and what is wrong is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

CLIENT = """
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rendicom


def calls(path: Path) -> NDArray[Any]:
    options = rendicom.RenderOptions(window=(40, 400), viewport="64,64", voi="auto", max_size=64)
    lung = rendicom.RenderOptions(window=rendicom.Window(-600, 1500), viewport=(64, 64))
    sharp = rendicom.RenderOptions(window="40,400,sigmoid", layer_window=(2, 4))
    held: rendicom.Window | None = options.window
    seen: rendicom.RenderedImage = rendicom.render(path, options=sharp)
    seen.save(path.with_suffix(".jpg"))
    summary = rendicom.convert(path, "out", options=options, on_result=lambda one: print(one))
    frames = rendicom.dataset([path], values="modality", modality=["CT"])
    array, row = frames[0]
    print(held, summary.written, row["frame"], len(frames[:2]), [row for _, row in frames])
    with rendicom.open_instance(path) as instance:
        spacing: tuple[float, float] | None = instance.spacing
        print(len(instance), [frame.samples for frame in instance], spacing)
        return np.stack([array, instance.display(1, lung), np.asarray(instance)])


def failed(path: str) -> list[rendicom.Failed]:
    found: list[rendicom.Failed] = []

    def on_result(outcome: rendicom.Outcome) -> None:
        print(outcome.source, isinstance(outcome, rendicom.Written))
        if isinstance(outcome, rendicom.Failed):
            found.append(outcome)

    rendicom.convert(path, "out", on_result=on_result)
    return found


def errors() -> str:
    try:
        rendicom.render(b"x")
    except rendicom.NotDicomError as error:
        return f"{error.code} {error.hint} {error.frame}"
    except rendicom.RendicomError as error:
        return error.code
    return ""
"""
WRONG = """
import rendicom

rendicom.RenderOptions(window=40)
rendicom.RenderOptions(viewport=64)
rendicom.convert("a", "b", existing="ask")
rendicom.rendr("ct.dcm")
"""


def test_a_strict_client(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(CLIENT, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file="]
    run = subprocess.run(
        [*command, "client.py", "wrong.py"], cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    places = [line.split(" error:")[0] for line in run.stdout.splitlines() if " error:" in line]
    assert places == ["wrong.py:4:", "wrong.py:5:", "wrong.py:6:", "wrong.py:7:"], (
        run.stdout + run.stderr
    )
