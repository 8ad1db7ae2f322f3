"""The page of licences says what installed wheels bundle."""

from __future__ import annotations

import importlib.metadata

import pytest

from docsite.licences import bundled_libraries, licence_of, requirements
from docsite.staging import ROOT

PAGE = (ROOT / "docs" / "reference" / "licences.md").read_text(encoding="utf-8")


def test_every_dependency_states_a_licence() -> None:
    names = dict(requirements())
    assert {"numpy", "pydicom", "av", "psycopg"} <= names.keys()
    assert (names["numpy"], names["av"]) == ("", "video")
    for name in names:
        try:
            licence = licence_of(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        assert licence, name


def test_libraries_under_the_gpl_are_named_on_the_page() -> None:
    pytest.importorskip("av")
    bundled = bundled_libraries("av")
    if not bundled:
        pytest.skip("PyAV was not installed from a wheel for Linux")
    assert "libavcodec" in bundled
    known = {"libx264": "x264", "libx265": "x265", "libmp3lame": "LAME", "libgnutls": "GnuTLS"}
    assert [known[each] for each in bundled if each in known and known[each] not in PAGE] == []
    assert "GPL-2.0-or-later" in PAGE
