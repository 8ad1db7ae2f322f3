"""Pictures of real files are what they were when a second decoder and DCMTK agreed."""

from __future__ import annotations

import itertools

import pytest

from golden.images import Row, alike, files, folder, read_table, rows

CASES = [
    (source, file, tuple(lines))
    for source in ("pydicom", "corpus")
    for file, lines in itertools.groupby(read_table(source), key=lambda row: row.file)
]


@pytest.mark.parametrize(("source", "file", "expected"), CASES, ids=lambda value: str(value)[:60])
def test_picture(source: str, file: str, expected: tuple[Row, ...]) -> None:
    root = folder(source)
    if root is None:
        pytest.skip("no corpus")
    found = list(rows(file, root / file))
    assert [(row.file, row.frame) for row in found] == [(row.file, row.frame) for row in expected]
    for row, known in zip(found, expected, strict=True):
        assert alike(row, known), f"{known}\n{row}"


@pytest.mark.parametrize("source", ["pydicom", "corpus"])
def test_every_file_is_in_the_table(source: str) -> None:
    if folder(source) is None:
        pytest.skip("no corpus")
    assert {row.file for row in read_table(source)} == set(files(source))
