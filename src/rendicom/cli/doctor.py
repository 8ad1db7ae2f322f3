"""``rendicom doctor``: tests which formats this installation can read and write."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from rendicom.cli import exitcodes
from rendicom.cli.console import print_table
from rendicom.cli.flags import Flag, FlagCommand
from rendicom.extras import distributions_of_extras, install_command
from rendicom.registry import load, module_names

if TYPE_CHECKING:
    from rendicom.encode.formats import Format
    from rendicom.pixels.codecs import Codec

_HELP = """\
List the codecs, formats, extras and fonts of this installation, with the library and version of
each, or how to install it. Each format is tested with a small picture.

Exit status: 0 if all but optional extras are installed, else 1.
"""
_EXAMPLES = """\
\b
Examples:
  rendicom doctor
  rendicom doctor --json
"""

_LIBRARIES = ("numpy", "imagecodecs", "pydicom", "isal", "pillow", "click")
_CODECS, _FORMATS = "rendicom.pixels.codecs", "rendicom.encode.formats"
_EXTRA = re.compile(r"\[\w+\]")
"""Install commands with this name an extra, which may be missing."""


@dataclass(frozen=True, slots=True)
class Check:
    """One codec or format, and its problem; ``is_optional`` makes the problem harmless."""

    name: str
    does: str
    library: str
    version: str | None
    problem: str = ""
    is_optional: bool = False


def doctor(*, is_json: bool) -> int:
    """Print the findings and return the exit status."""
    codecs = _findings(_CODECS, "CODEC", _codec)
    formats = _findings(_FORMATS, "FORMAT", _format)
    sound = bool(codecs and formats) and not any(
        each.problem and not each.is_optional for each in (*codecs, *formats)
    )
    fonts = fonts_of_scripts()
    versions = {name: _version_of(name) for name in _LIBRARIES}
    if is_json:
        report = {
            "ok": sound,
            "rendicom": _version_of("rendicom"),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "libraries": versions,
            "codecs": [asdict(each) for each in codecs],
            "formats": [asdict(each) for each in formats],
            "extras": _extras(),
            "fonts": fonts,
        }
        click.echo(json.dumps(report))
    else:
        click.echo(f"rendicom {_version_of('rendicom')}, Python {platform.python_version()}")
        click.echo(platform.platform())
        _print_section(
            "Libraries", [(name, text or "not installed") for name, text in versions.items()]
        )
        _print_section("Reads", [_row(each) for each in codecs])
        _print_section("Writes", [_row(each) for each in formats])
        _print_section("Extras", [(name, _state(name, had)) for name, had in _extras().items()])
        _print_section("Fonts", [(script, path or "no font") for script, path in fonts.items()])
    return exitcodes.OK if sound else exitcodes.FAILED


def _extras() -> dict[str, dict[str, str | None]]:
    """Return the libraries of each extra, with their versions or None."""
    return {
        extra: {name: _version_of(name) for name in names}
        for extra, names in sorted(distributions_of_extras().items())
        if extra != "all"
    }


def _state(extra: str, versions: dict[str, str | None]) -> str:
    lacking = [name for name, version in versions.items() if version is None]
    if lacking:
        return f"missing {', '.join(lacking)}: {install_command(extra)}"
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _findings(room: str, attribute: str, examine: Callable[[Any], Check]) -> list[Check]:
    """Return a finding for each plugin; one that cannot even be imported is a finding, too."""
    found = []
    for name, plugin in _plugins(room, attribute):
        try:
            found.append(examine(plugin()))
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            found.append(Check(name, "", "", None, problem))
    return found


def _plugins(room: str, attribute: str) -> list[tuple[str, Callable[[], Any]]]:
    from importlib.metadata import entry_points

    in_tree = module_names(room)
    entries = [entry for entry in entry_points(group=room) if entry.name not in in_tree]
    modules = [(name, partial(load, room, name, attribute)) for name in in_tree]
    return [*modules, *((entry.name, entry.load) for entry in entries)]


def _codec(codec: Codec) -> Check:
    version = codec.version()
    return Check(
        name=codec.name,
        does=", ".join(codec.streams),
        library=codec.name,
        version=version,
        problem="" if version else f"missing: {codec.install}",
        is_optional=bool(_EXTRA.search(codec.install)),
    )


def _format(file_format: Format) -> Check:
    return Check(
        name=file_format.name,
        does=", ".join(_abilities(file_format)),
        library=file_format.library,
        version=_version_of(file_format.library.partition(".")[0]),
        problem=_try_out(file_format),
    )


def _abilities(file_format: Format) -> list[str]:
    depths = {"uint8": "8", "uint16": "16", "float32": "float"}
    held = [depths[dtype] for dtype in depths if dtype in file_format.gray]
    words = [file_format.title, f"{'/'.join(held)} bit"]
    words += ["lossy"] if file_format.lossy else []
    words += ["animated"] if file_format.encode_animation else []
    return words + (["ICC"] if file_format.icc else [])


def _try_out(file_format: Format) -> str:
    """Return the problem of a format, or an empty text."""
    import numpy as np

    from rendicom.encode.formats import EncodeSettings
    from rendicom.values import DisplayImage

    ramp = np.arange(64, dtype=np.uint8).reshape(8, 8)
    try:
        file_format.encode(DisplayImage(ramp), EncodeSettings())
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _version_of(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _row(finding: Check) -> tuple[str, ...]:
    found = [finding.library, finding.version or ""]
    state = finding.problem or " ".join(part for part in found if part != finding.name).strip()
    return finding.name, state, finding.does


def _print_section(title: str, rows: Sequence[Sequence[str]]) -> None:
    click.echo(f"\n{title}")
    print_table(rows, indent="  ")


command = FlagCommand(
    "doctor",
    params=[Flag("is_json --json", is_flag=True, help="Print one JSON object.")],
    callback=doctor,
    help=_HELP,
    epilog=_EXAMPLES,
    short_help="List what this installation can read and write.",
)


_SAMPLES = {
    "Latin": "A", "Greek": "\u03a9", "Cyrillic": "\u0416", "Hebrew": "\u05d0",
    "Arabic": "\u0639", "Thai": "\u0e01", "Devanagari": "\u0905", "Chinese": "\u6f22",
    "Japanese": "\u3042", "Korean": "\ud55c",
}  # fmt: skip


def fonts_of_scripts() -> dict[str, str | None]:
    """Return the path of the font for each script; None where no font has its letters."""
    from rendicom.rendering.fonts import font_of

    return {script: font_of(letter) for script, letter in _SAMPLES.items()}
