"""Every public name has a docstring, and its example runs."""

from __future__ import annotations

import doctest
import inspect
import pathlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("highdicom")
pytest.importorskip("sqlalchemy")

import rendicom
from codeblocks import make_files

NAMES = [
    name for name in rendicom.__all__
    if inspect.isclass(getattr(rendicom, name)) or inspect.isroutine(getattr(rendicom, name))
]  # fmt: skip
FLAGS = doctest.ELLIPSIS


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    make_files(folder)
    command = [sys.executable, "-m", "rendicom", "sample", "report.dcm", "--kind", "report"]
    subprocess.run(command, check=True, cwd=folder)
    return folder


def test_names_are_classes_and_functions() -> None:
    assert len(NAMES) > 25
    assert set(rendicom.__all__) - set(NAMES) == {"PRESETS", "Outcome", "__version__"}


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_public_name(
    name: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = getattr(rendicom, name)
    monkeypatch.chdir(files)
    globs = {**vars(sys.modules[value.__module__]), "rendicom": rendicom}
    globs |= {"numpy": np, "pathlib": pathlib}
    text = inspect.getdoc(value) or ""
    test = doctest.DocTestParser().get_doctest(text, globs, name, None, 0)
    assert test.examples, f"{name} has no example"
    assert "+SKIP" not in text
    said: list[str] = []
    results = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    assert results.failed == 0, "".join(said)
    assert results.attempted > 0


@pytest.mark.parametrize("name", NAMES)
def test_public_methods_have_docstrings(name: str) -> None:
    value = getattr(rendicom, name)
    members = vars(value) if inspect.isclass(value) else {}
    public = {key: each for key, each in members.items() if not key.startswith("_")}
    methods = {
        key: each for key, each in public.items()
        if inspect.isfunction(each) or isinstance(each, (property, classmethod))
    }  # fmt: skip
    assert [key for key, each in methods.items() if not inspect.getdoc(each)] == []
