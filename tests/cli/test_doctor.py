"""``rendicom doctor`` finds every codec and format, and tells extras from what must be there."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import rendicom
from rendicom.cli import doctor as doctor_module
from rendicom.errors import EncodeError
from rendicom.extras import install_command


def modules_of(room: str) -> set[str]:
    folder = Path(rendicom.__file__).parent / room
    return {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}


def test_everything_is_found_and_works(run) -> None:
    result = run("doctor", "--json")
    (report,) = result.lines
    assert result.status == 0
    assert report["ok"] is True
    assert {each["name"] for each in report["formats"]} == modules_of("encode/formats")
    assert len(report["codecs"]) == len(modules_of("pixels/codecs")) > 0
    assert [each for each in report["formats"] if each["problem"] or not each["version"]] == []
    missing = {each["name"] for each in report["codecs"] if each["problem"]}
    assert missing <= (set() if importlib.util.find_spec("av") else {"FFmpeg"})
    streams = " ".join(each["does"] for each in report["codecs"])
    for kind in (
        "jpeg",
        "jpeg-lossless",
        "jpeg-ls",
        "jpeg2000",
        "htj2k",
        "jpeg-xl",
        "rle",
        "video",
    ):
        assert kind in streams.replace(",", "").split()


def test_the_table_for_people(run) -> None:
    result = run("doctor")
    assert result.status == 0
    assert result.out.startswith("rendicom 0.")
    assert {"\nLibraries\n", "\nReads\n", "\nWrites\n"} <= {
        f"\n{line}\n" for line in result.out.splitlines()
    }


class MissingCodec:
    name, streams, rank = "fast-thing", ("jpeg",), 1

    def __init__(self, install: str) -> None:
        self.install = install

    def version(self) -> None:
        return None


def test_an_extra_that_is_missing_is_harmless_and_says_how_to_get_it() -> None:
    optional = doctor_module._codec(MissingCodec("pip install 'rendicom[video]'"))
    assert optional.problem == "missing: pip install 'rendicom[video]'"
    assert optional.is_optional
    assert not doctor_module._codec(MissingCodec("pip install imagecodecs")).is_optional


def test_a_broken_format_is_found_by_trying_it(run, monkeypatch) -> None:

    from rendicom.encode import format_named

    def broken(*_: object) -> bytes:
        raise EncodeError("the library is broken")

    png = format_named("png")._replace(encode=broken)
    monkeypatch.setattr(doctor_module, "_plugins", lambda *_: [("png", lambda: png)])
    findings = doctor_module._findings("room", "FORMAT", doctor_module._format)
    assert findings[0].problem == "EncodeError: the library is broken"


def test_a_plugin_that_cannot_be_imported_does_not_hide_the_others(run, monkeypatch) -> None:
    def broken() -> object:
        raise ImportError("no such symbol")

    real = doctor_module._plugins

    def plugins(room: str, attribute: str) -> list:
        return [("third-party", broken), *real(room, attribute)]

    monkeypatch.setattr(doctor_module, "_plugins", plugins)
    result = run("doctor")
    assert result.status == 1
    assert "third-party  ImportError: no such symbol" in result.out
    assert "PNG" in result.out


def test_every_extra_and_the_fonts_are_listed(run) -> None:
    (report,) = run("doctor", "--json").lines
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    assert set(report["extras"]) == set(extras) - {"all"}
    for extra, wanted in extras.items():
        names = {re.match(r"[A-Za-z0-9.-]+", each)[0] for each in wanted}
        assert extra == "all" or set(report["extras"][extra]) == names
    assert "Arimo" in report["fonts"]["Latin"]
    assert "\nExtras\n" in run("doctor").out
    assert "\nFonts\n" in run("doctor").out


def test_a_missing_extra_says_how_to_install_it(run, monkeypatch) -> None:
    versions = doctor_module._version_of
    monkeypatch.setattr(
        doctor_module, "_version_of", lambda name: None if name == "pyarrow" else versions(name)
    )
    result = run("doctor")
    assert result.status == 0
    assert f"missing pyarrow: {install_command('parquet')}" in result.out
