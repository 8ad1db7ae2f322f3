"""Every warning of a picture has a code of the table, wherever it is read."""

from __future__ import annotations

import ast
import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import rendicom
from docsite.tables import codes
from rendicom.batch.manifest import read_manifest
from rendicom.coded_warnings import WARNINGS, CodedWarning, codes_of
from rendicom.testing import image

PACKAGE = Path(rendicom.__file__).parent
PIXELS = np.arange(16, dtype=np.uint16).reshape(4, 4)


def short_file() -> bytes:
    """Return an image whose last row is missing."""
    return image(PIXELS)[:-8]


def literal_codes() -> Iterator[str]:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if not called.endswith(("CodedWarning", "notes.add", ".repaired")):
                continue
            code = node.args[0]
            if ast.unparse(code) not in ("code", "warning.code"):  # passed on
                assert isinstance(code, ast.Constant), f"{path}:{node.lineno}"
                yield str(code.value)


def test_the_codes_that_are_used_are_those_of_the_table() -> None:
    assert set(literal_codes()) == set(WARNINGS)


def test_no_code_is_one_of_a_failure_too() -> None:
    assert not set(WARNINGS) & set(codes())


@pytest.mark.parametrize("code", WARNINGS)
def test_cause_and_cure_are_sentences(code: str) -> None:
    assert all(text[0] in '`"' or text[0].isupper() for text in WARNINGS[code])
    assert all(text.endswith(".") for text in WARNINGS[code])


def test_a_warning_is_its_sentence_and_keeps_its_code() -> None:
    warning = CodedWarning("uniform-image", "all pixels have the value 3")
    assert warning == "all pixels have the value 3"
    again = pickle.loads(pickle.dumps(warning))
    assert (again, again.code) == (warning, "uniform-image")
    assert json.dumps([warning]) == '["all pixels have the value 3"]'
    assert codes_of((warning, "a sentence of somebody else")) == ["uniform-image"]


def test_a_picture_has_them() -> None:
    (warning,) = rendicom.render(short_file()).warnings
    assert warning.code == "incomplete-data"
    constant = image(np.full((4, 4), 7, np.uint16))
    with rendicom.open_instance(constant) as instance:
        assert codes_of(instance.explain().warnings) == ["uniform-image"]


@pytest.mark.parametrize("name", ["manifest.jsonl", "manifest.csv", "manifest.parquet"])
def test_a_manifest_has_them(tmp_path: Path, name: str) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    source = tmp_path / "in"
    source.mkdir()
    (source / "short.dcm").write_bytes(short_file())
    (source / "whole.dcm").write_bytes(image(PIXELS))
    path = tmp_path / name
    rendicom.convert(str(source), str(tmp_path / "out"), manifest=str(path), jobs=2)
    found = {Path(each["source"]).name: each["warning_codes"] for each in read_manifest(str(path))}
    assert found == {"short.dcm": ["incomplete-data"], "whole.dcm": []}
