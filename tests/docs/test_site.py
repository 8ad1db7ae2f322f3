"""The documentation site: what it generates is complete, and what it names is there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("griffe")
pytest.importorskip("fastapi")
pytest.importorskip("zensical")

from docsite.rest import openapi
from docsite.staging import GENERATORS, MARKER, filled
from docsite.tables import codes
from rendicom.coded_warnings import WARNINGS
from rendicom.options import parameters
from rendicom.server.settings_table import settings_table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {path.relative_to(DOCS).as_posix(): path.read_text("utf-8") for path in DOCS.rglob("*.md")}
ALL = {**PAGES, **{path.name: path.read_text("utf-8") for path in ROOT.glob("*.md")}}

OUTLINE = """
1 Overview, 1.1 Content and transfer, 1.2 DIMSE services, 1.3 DICOM Web Services, 1.4 Media
services, 1.5 Real-Time Video service, 1.6 De-identification profiles, 1.7 Specific Character
Sets, 2 Table of contents, 3 Introduction, 3.1 Revision history, 3.2 Audience, 3.3 Remarks, 3.4
Terms and definitions, 3.5 Abbreviations, 3.6 References, 4 Implementation model, 4.1
Application entities and data flow, 5 Service and interoperability description, 5.1 Mapping of
services to application entities, 5.2 DIMSE services, 5.3 DICOM Web Services, 5.4 Media
services, 5.5 Real-Time Video service, 5.6 Cross-service considerations, 5.7 Specific Character
Sets, 6 Configuration, 7 Network and media communication details, 7.1 General, 7.2
Specifications, 7.3 Status codes, 8 Security, 8.1 Introduction, 8.2 External network
requirements, 8.3 TCP port configuration, 8.4 DICOM security profiles support, 8.5 User
identity negotiation support, 8.6 Web services security features, 8.7 Other security features
"""
"""Sections of the template of PS3.2 Annex N, down to the second level."""

OF_THE_ROUTER = {"no-such-path", "no-such-method"}
"""Codes of problem documents that no exception stands for."""


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "tools" / "docsite", tmp_path / "site"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = {path.parent.relative_to(tmp_path / "site").as_posix() for path in
             (tmp_path / "site").rglob("index.html")}  # fmt: skip
    assert {page.removesuffix(".md") for page in PAGES} - {"index"} <= shown
    assert (tmp_path / "site" / "gallery" / "us-cine.gif").read_bytes().startswith(b"GIF8")


def test_a_folder_that_is_not_a_site_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    command = [sys.executable, ROOT / "tools" / "docsite", tmp_path]
    assert subprocess.run(command, capture_output=True, cwd=ROOT).returncode == 1
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    from docsite.links import broken_links

    (tmp_path / "a.html").write_text('<h1 id="x"></h1><a href="b.html#y">b</a><img src="no.png">')
    (tmp_path / "b.html").write_text('<a href="a.html#x">a</a><a href="https://example.org">c</a>')
    assert broken_links(tmp_path) == [
        "a.html: b.html#y has no such anchor",
        "a.html: no.png is not there",
    ]


def test_every_page_is_in_the_navigation() -> None:
    named = set(re.findall(r'= "([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text("utf-8")))
    assert PAGES.keys() - named == set()


def test_every_marker_has_a_generator_and_every_generator_a_page() -> None:
    markers = {each.split()[0] for text in PAGES.values() for each in MARKER.findall(text)}
    assert markers == GENERATORS.keys()


def test_every_message_code_has_a_cause_and_a_cure() -> None:
    page = PAGES["troubleshooting.md"]
    sections = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", page, re.DOTALL | re.MULTILINE))
    assert sections.keys() == codes().keys() | OF_THE_ROUTER
    lacking = [code for code, text in sections.items()
               if not re.search(r"Cause:\s\S.*Cure:\s\S", text, re.DOTALL)]  # fmt: skip
    assert lacking == []


def test_the_conformance_statement_has_the_outline_of_the_template() -> None:
    found = re.findall(r"^###? (\d.*)$", PAGES["reference/conformance.md"], re.MULTILINE)
    wanted = [" ".join(each.split()) for each in OUTLINE.split(",")]
    assert [each for each in found if not each.startswith("6.")] == wanted


def test_every_warning_code_is_on_the_page_of_troubleshooting() -> None:
    page = filled(PAGES["troubleshooting.md"])
    assert [code for code in WARNINGS if f"| `{code}` |" not in page] == []


def test_codes_of_the_router_are_those_of_the_server() -> None:
    source = (ROOT / "src/rendicom/server/app.py").read_text("utf-8")
    assert set(re.findall(r'"(no-such-(?:path|method))"', source)) == OF_THE_ROUTER


def test_the_reference_names_everything() -> None:
    options = filled(PAGES["reference/options.md"])
    assert [each.name for each in parameters().values() if f"`--{each.name}" not in options] == []
    settings = filled(PAGES["reference/settings.md"])
    assert [each for each in settings_table() if f"`{each.variable}`" not in settings] == []
    rest = filled(PAGES["reference/rest.md"])
    assert [path for path in openapi()["paths"] if f" {path}`" not in rest] == []


def test_the_tests_that_pages_name_exist() -> None:
    named = {name for text in ALL.values() for name in re.findall(r"`(tests/[^` ]+)`", text)}
    assert len(named) > 80
    lacking = []
    for each in sorted(named):
        path, _, function = each.partition("::")
        if function and (ROOT / path).is_file():
            tree = ast.parse((ROOT / path).read_text("utf-8"))
            found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            lacking += [] if function in found else [each]
        elif function or not (ROOT / path).exists():
            lacking.append(each)
    assert lacking == []


def test_forms_and_citation_are_sound() -> None:
    yaml = pytest.importorskip("yaml")
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert len(forms) == 4
    for path in forms:
        form = yaml.safe_load(path.read_text("utf-8"))
        if path.name == "config.yml":
            continue
        assert {"name", "description", "body"} <= form.keys()
        names = [each["id"] for each in form["body"] if each["type"] != "markdown"]
        assert len(set(names)) == len(names)
        assert "privacy" in names or path.name == "wish.yml"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    needed = {"cff-version", "message", "title", "authors"}
    assert needed <= citation.keys()


def test_the_citation_has_the_version_of_the_package() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert version is not None
    assert cited is not None
    assert cited[1] == version[1]
