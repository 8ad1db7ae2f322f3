"""The command as the shell sees it: a process with streams, signals and a start-up time."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

COMMAND = [sys.executable, "-m", "rendicom"]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals and streams")


def run(*arguments: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, timeout=60, **more)


def test_a_picture_goes_through_pipes(here, samples) -> None:
    path = samples.gray("a.dcm", frames=2)
    result = run("convert", "-", "-", "--format", "png", input=path.read_bytes())
    assert result.returncode == 0
    assert result.stderr.startswith(b"rendicom: -: has 2 frames, frame 1 is taken")
    with Image.open(BytesIO(result.stdout)) as picture:
        assert (picture.format, picture.size) == ("PNG", (6, 4))


def test_standard_input_to_a_folder(here, samples) -> None:
    path = samples.gray("a.dcm")
    result = run("convert", "-", "out/", "--json", input=path.read_bytes())
    assert result.returncode == 0
    assert json.loads(result.stdout)["output"] == "out/stdin.jpg"


@pytest.mark.parametrize(("target", "status"), [("-", 1), ("out.png", 0)])
def test_standard_output_that_is_closed(here, samples, target, status) -> None:
    samples.gray("a.dcm")
    words = [*COMMAND, "convert", "a.dcm", target, "--format", "png"]
    shell = ["sh", "-c", '"$@" >&-', "sh", *words]
    done = subprocess.run(shell, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == status
    expected = b"rendicom: cannot write the output: standard output is closed\n" if status else b""
    assert done.stderr == expected
    assert Path("out.png").exists() == (status == 0)


def test_what_is_no_dicom_on_standard_input(here) -> None:
    result = run("convert", "-", "x.png", input=b"nothing of the kind")
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.startswith(b"rendicom: -: ")


def test_the_version_and_help_are_data(here) -> None:
    assert run("--version").stdout.startswith(b"rendicom 0.")
    bare = run()
    assert (bare.returncode, bare.stderr) == (0, b"")
    assert b"convert" in bare.stdout
    assert b"info" in bare.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(here, shell) -> None:
    result = run("completion", shell)
    assert result.returncode == 0
    assert b"_RENDICOM_COMPLETE" in result.stdout


def test_completion_of_a_format(here) -> None:
    words = {"COMP_WORDS": "rendicom convert --format p", "COMP_CWORD": "3"}
    environment = os.environ | words | {"_RENDICOM_COMPLETE": "bash_complete"}
    assert run(env=environment).stdout.split() == [b"plain,png", b"plain,pnm", b"plain,pdf"]


def test_a_reader_that_leaves_is_no_trace(here, samples) -> None:
    for number in range(50):
        samples.gray(f"study/{number:03}.dcm")
    with subprocess.Popen(
        [*COMMAND, "convert", "study", "out", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_whole_pictures_only(here, samples, number, status) -> None:
    one = samples.gray("study/0000.dcm")
    for position in range(1, 3000):
        os.link(one, f"study/{position:04}.dcm")
    with subprocess.Popen(
        [*COMMAND, "convert", "study", "out", "--format", "png"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 30
        while not list(here.glob("out/*.png")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (status, b"")
    assert err.startswith(b"rendicom: interrupted: " if number == signal.SIGINT else b"")
    assert err.count(b"\n") == (number == signal.SIGINT)
    left = [path for path in here.glob("out/**/*") if path.name != "manifest.jsonl"]
    left += list(here.glob("out/.*"))
    assert 0 < len(left) < 2999
    for path in left:
        with Image.open(path) as picture:
            assert picture.size == (6, 4)
            picture.load()


def test_a_disk_that_is_full_in_the_middle(here, samples) -> None:
    samples.gray("a.dcm")

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60, 60))

    result = run("convert", "a.dcm", "x.png", preexec_fn=small_files)
    assert result.returncode == 1
    assert result.stderr == b"rendicom: a.dcm: cannot write x.png: File too large\n"
    assert sorted(path.name for path in here.iterdir()) == ["a.dcm"]


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only(here, samples) -> None:
    samples.gray("a.dcm")
    (here / "out").mkdir(mode=0o555)
    result = run("convert", "a.dcm", "out", "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["code"] == "cannot-write"


def test_devices_as_target(here, samples) -> None:
    samples.gray("a.dcm")
    assert run("convert", "a.dcm", "/dev/stdout").stdout.startswith(b"\xff\xd8\xff")
    full = run("convert", "a.dcm", "/dev/full")
    assert (full.returncode, full.stderr.count(b"\n")) == (1, 1)


FORBIDDEN = {
    "pydicom",
    "rich",
    "fastapi",
    "av",
    "xml",
    "asyncio",
    "multiprocessing",
    "PIL",
    "jinja2",
}


@pytest.mark.parametrize("target", ["x.png", "x.jpg"])
def test_one_plain_file_imports_no_more_than_it_needs(here, samples, target) -> None:
    import numpy as np

    from rendicom.testing.images import image

    values = np.arange(512 * 512, dtype=np.uint16).reshape(512, 512) & 0xFFF
    Path("ct.dcm").write_bytes(image(values, bits_stored=12, modality="CT"))
    script = "import sys; from rendicom.cli.main import main; status = main(sys.argv[1:]); "
    script += "print(*sys.modules); sys.exit(status)"
    result = subprocess.run(
        [sys.executable, "-c", script, "convert", "ct.dcm", target], capture_output=True, timeout=60
    )
    assert result.returncode == 0
    imported = set(result.stdout.decode().split())
    assert "click" in imported
    assert {name.partition(".")[0] for name in imported} & FORBIDDEN == set()
    room = "rendicom.encode.formats."
    formats = {name for name in imported if name.startswith(room)}
    assert formats == {room + target.partition(".")[2]}
    assert not {name for name in imported if name.startswith("rendicom.pixels.codecs.")}
    others = {"rendicom.cli.info", "rendicom.cli.doctor", "rendicom.dicom.folder_walk"}
    assert not imported & {*others, "urllib.parse", "ipaddress", "unicodedata"}


_COUNTING = """
import sys
texts = []
def heard(event, given):
    if event == "compile" and given[1] == "<string>":
        texts.append(given[0])
sys.addaudithook(heard)
import click, imagecodecs, numpy
imagecodecs.jpeg8_encode
texts.clear()
before = set(sys.modules)
from rendicom.cli.main import main
status = main(sys.argv[1:])
print(sum(map(len, texts)), len(set(sys.modules) - before))
sys.exit(status)
"""


def test_one_plain_file_compiles_no_text_and_imports_few_modules(here, samples) -> None:
    samples.gray("a.dcm")
    command = [sys.executable, "-c", _COUNTING, "convert", "a.dcm", "x.jpg"]
    result = subprocess.run(command, capture_output=True, timeout=60)
    letters, modules = map(int, result.stdout.split())
    # Python 3.13 compiles a line for each data class; methods and types would be 30,000 letters.
    assert letters < 1000
    assert modules <= 120


@pytest.mark.skipif(sys.platform != "linux", reason="the threads of a process are listed there")
def test_no_thread_is_started_for_one_plain_file(here, samples) -> None:
    samples.gray("a.dcm")
    script = "import os, sys; from rendicom.cli.main import main; status = main(sys.argv[1:]); "
    script += "print(len(os.listdir('/proc/self/task'))); sys.exit(status)"
    environment = {name: value for name, value in os.environ.items() if "_NUM_THREADS" not in name}
    result = subprocess.run(
        [sys.executable, "-c", script, "convert", "a.dcm", "x.jpg"],
        capture_output=True, timeout=60, env=environment,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (0, b"1\n")


_COLLECTING = """
import gc, sys
from rendicom.cli.main import main
before = gc.get_stats()
status = main(sys.argv[1:])
print(gc.get_stats() == before)
garbage = [[] for _ in range(300_000)]
print(gc.get_threshold()[0], gc.callbacks)
sys.exit(status)
"""


def test_garbage_is_collected_after_the_imports_and_often_from_then_on(here, samples) -> None:
    samples.gray("a.dcm")
    command = [sys.executable, "-c", _COLLECTING, "convert", "a.dcm", "x.jpg"]
    result = subprocess.run(command, capture_output=True, timeout=60)
    assert (result.returncode, result.stdout.split()) == (0, [b"True", b"5000", b"[]"])


def ending(before: str = "", after: str = "") -> tuple[int, list[str], bool]:
    """Return the status of a process, what it printed, and whether Python freed its modules."""
    script = f"import sys\n{before}\nfrom rendicom.cli.main import run\n{after}\nrun()"
    command = [sys.executable, "-v", "-c", script, "convert", "a.dcm", "x.jpg"]
    result = subprocess.run(command, capture_output=True, timeout=60, text=True)
    return result.returncode, result.stdout.split(), "# clear sys." in result.stderr


def test_the_process_ends_without_freeing_what_it_has(here, samples) -> None:
    assert ending() == (1, [], False)
    samples.gray("a.dcm")
    assert ending() == (0, [], False)


def test_what_others_registered_for_the_end_is_called(here, samples) -> None:
    samples.gray("a.dcm")
    registered = "import atexit; atexit.register(print, 'called')"
    assert ending(before=registered) == (0, ["called"], True)
    later = "import threading as t; own = t.main_thread(); last = lambda: print(own.join())"
    assert ending(after=f"{later}; t.Thread(target=last).start()") == (0, ["None"], False)
