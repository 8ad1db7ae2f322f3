"""Help texts, and what a shell completes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from rendicom.cli.main import commands, main
from rendicom.options import parameters

CONTEXT = click.Context(commands)


def every_command() -> Iterator[tuple[str, click.Command]]:
    for name in commands.list_commands(CONTEXT):
        command = commands.get_command(CONTEXT, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {below}", each) for below, each in command.commands.items())


COMMANDS = dict(every_command())


@pytest.fixture
def help_of(run, monkeypatch):
    """Return the help of a command on a terminal so wide."""

    def read(name: str, columns: int = 80) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        result = run(*name.split(), "--help")
        assert (result.status, result.err) == (0, "")
        return result.out

    return read


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_the_terminal_and_has_examples(name: str, help_of) -> None:
    narrow, wide = help_of(name, 80), help_of(name, 140)
    assert "Examples:\n" in narrow
    options = narrow.partition("Options:")[2].partition("Examples:")[0]
    text = [line for line in options.splitlines() if line.startswith(" " * 20)]
    assert max(map(len, text), default=0) <= 80
    assert len(wide.splitlines()) <= len(narrow.splitlines())


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_what_is_said_of_an_example_fits_the_terminal(name: str, columns: int, help_of) -> None:
    text = help_of(name, columns).partition("Examples:\n")[2]
    said = [line for line in text.splitlines() if "   " in line.strip() or line[4:5] == " "]
    assert max(map(len, said), default=0) <= columns
    words = [word for line in examples_of(name) for word in line.split()]
    assert [word for word in words if word not in text] == []


def test_a_group_alone_shows_its_help(run) -> None:
    assert run("manifest").out == run("manifest", "--help").out
    assert run("manifest").status == 0


def test_wide_terminals_are_used(help_of) -> None:
    assert 120 < max(map(len, help_of("convert", 140).splitlines())) <= 140


def test_options_stand_under_headings(help_of) -> None:
    text = help_of("get", 140)
    for title in ("Connection", "Search", "Messages", "Gray values", "Layers"):
        assert f"\n{title}:\n" in text
    for each in parameters().values():
        heading, found, _ = text.partition(f"\n  --{each.name} ")
        assert found, each.name
        titles = [line for line in heading.splitlines() if line.endswith(":") and line[0] != " "]
        assert titles[-1] == f"{each.group}:"


def examples_of(name: str) -> list[str]:
    epilog = (COMMANDS[name] if name else commands).epilog or ""
    return [line.strip() for line in epilog.splitlines() if line.startswith("  ")]


def examples() -> Iterator[str]:
    for name, command in {"": commands, **COMMANDS}.items():
        lines = [line.strip() for line in (command.epilog or "").splitlines()]
        found = [line for line in lines if line.startswith(f"rendicom {name}".rstrip())]
        assert found or name == "manifest", name
        yield from found


@pytest.mark.parametrize("line", [*examples()])
def test_examples_are_sound(line: str, here: Path) -> None:
    line = (
        line.split("   ", maxsplit=1)[0]
        .partition(" > ")[0]
        .partition(" | ")[0]
        .partition(" >> ")[0]
    )
    _, *arguments = shlex.split(line)
    with commands.make_context("rendicom", [*arguments]) as context:
        rest = [*context._protected_args, *context.args]
        name, command, rest = commands.resolve_command(context, rest)
        assert command is not None
        if "--help" not in rest:
            command.make_context(name, rest, parent=context)


def completions(*arguments: str) -> list[tuple[str, str]]:
    *before, typed = arguments
    found = ShellComplete(commands, {}, "rendicom", "_X").get_completions(before, typed)
    return [(each.type, each.value) for each in found]


def is_path(option: click.Parameter) -> bool:
    name = option.metavar or ""
    words = ("FILE", "FOLDER", "DIR", "SOURCE", "LIST", "IMAGES", "LOCATION")
    return any(word in name for word in words) and "@FILE" not in name


def test_every_option_with_a_path_completes_paths() -> None:
    seen = 0
    for name, command in COMMANDS.items():
        context = click.Context(command)
        for option in command.get_params(context):
            if not (isinstance(option, click.Option) and is_path(option)):
                continue
            (item,) = completions(*name.split(), option.opts[-1], "som")
            assert item in (("file", "som"), ("dir", "som")), option.opts
            seen += 1
    assert seen > 20


@pytest.mark.parametrize("arguments", [
    ("convert", "ct"), ("convert", "ct.dcm", "o"), ("info", "ct"), ("store", "URL", "ct"),
    ("serve", "st"), ("key", "k"), ("sample", "c"), ("get", "https://pacs", "o"), ("ct.d",),
    ("manifest", "export", "m"), ("ct.dcm", "o"), ("ct.dcm", "--layer", "s"),
])  # fmt: skip
def test_paths_are_completed(arguments: tuple[str, ...], here: Path) -> None:
    assert completions(*arguments) == [("file", arguments[-1])]


def test_secrets_complete_their_file(here: Path) -> None:
    (here / "keys").mkdir()
    (here / "key.txt").touch()
    wanted = [("plain", "@key.txt"), ("plain", "@keys/")]
    assert completions("get", "URL", "--api-key", "@ke") == wanted
    assert completions("get", "URL", "--token", "@ke") == wanted
    assert completions("get", "URL", "--api-key", "ke") == []


def test_choices_and_commands_are_completed() -> None:
    assert completions("convert", "--preset", "lu") == [("plain", "lung")]
    assert completions("convert", "--format", "pn") == [("plain", "png"), ("plain", "pnm")]
    assert completions("conv") == [("plain", "convert")]
    assert ("plain", "--gsdf") in completions("convert", "--gs")


@pytest.mark.parametrize(("option", "typed", "wanted"), [
    ("--engine", "", ["local", "threads", "inline", "dask"]), ("--engine", "da", ["dask"]),
    ("--frames", "", ["all"]), ("--frames", "1", []),
    ("--voi", "", [
        "auto", "window:", "lut:", "name:", "minmax", "percentile:", "roi:", "identity",
    ]),
    ("--voi", "MIN", ["minmax"]), ("--window", "", []), ("--quality", "", []),
])  # fmt: skip
def test_words_of_values_are_completed(option: str, typed: str, wanted: list[str]) -> None:
    assert completions("convert", "a.dcm", option, typed) == [("plain", each) for each in wanted]


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes_values_and_help_with_commas(run, here: Path) -> None:
    (here / "rendicom.fish").write_text(run("completion", "fish").out, encoding="utf-8")
    (here / "a,b.dcm").touch()
    program = Path(sys.executable).parent
    asked = (
        f"set PATH {program} $PATH; source rendicom.fish; complete -C 'rendicom convert --prese';"
        "complete -C 'rendicom info a'"
    )
    found = subprocess.run(
        ["fish", "--no-config", "-c", asked], cwd=here, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "--preset\tCommon CT window, by name." in found
    assert "a,b.dcm" in "\n".join(found)


def test_help_and_version(run) -> None:
    assert run("help").out == run("--help").out == run("help", "help").out
    assert run("help", "convert").out == run("convert", "--help").out
    assert run("help", "manifest", "export").out.startswith("Usage: rendicom manifest export")
    assert run("-V").out == run("--version").out
    assert main(["help", "nonsense"]) == 2


def test_help_is_there_without_the_libraries_of_an_extra(run, monkeypatch) -> None:
    from rendicom.cli import serve
    from rendicom.extras import install_command

    monkeypatch.setattr(serve, "_REQUIRED", ("fastapi", "no_such_library"))
    monkeypatch.setattr(serve.command, "params", [])
    result = run("serve", "--help")
    assert result.status == 0
    assert "Examples:" in result.out
    words = " ".join(result.out.split())
    assert f"serve needs no_such_library: {install_command('server')}" in words


@pytest.mark.parametrize("arguments", [
    ("get", "https://localhost/dicomweb/studies/1.2", "out"), ("find", "https://localhost"),
    ("store", "https://localhost", "a.dcm"), ("probe", "https://localhost"),
])  # fmt: skip
def test_commands_of_the_client_name_their_extra(arguments, run, monkeypatch) -> None:
    from rendicom.client import connection_settings
    from rendicom.extras import install_command

    monkeypatch.setattr(connection_settings, "find_spec", lambda name: None)
    result = run(*arguments)
    assert result.status == 2
    assert f"httpx2, which is not installed ({install_command('client')})" in result.err
    assert result.err.count("\n") == 1
    assert run(arguments[0], "--help").status == 0
