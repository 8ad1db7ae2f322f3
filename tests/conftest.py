"""Where tests find real files and second decoders; each fixture skips what is absent."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from objectstore import s3, s3_server

if TYPE_CHECKING:
    from serverprocess import Served

__all__ = ["s3", "s3_server"]

settings.register_profile("without a clock", deadline=None)
settings.load_profile("without a clock")

if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    # Tests start many processes, and each would compile all it imports: half of its time. What
    # is compiled is kept outside of the sources, where nobody wants it then.
    os.environ.setdefault(
        "PYTHONPYCACHEPREFIX", str(Path(tempfile.gettempdir(), "rendicom-tests-compiled"))
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine, for two minutes at most."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(asyncio.wait_for(pyfuncitem.obj(**given), 120))
    return True


def corpus_folder() -> Path | None:
    """Return the folder of shared real files, or None where it is not at hand."""
    named = os.environ.get("RENDICOM_CORPUS")
    folder = Path(named) if named else Path(__file__).parents[1].parent / "shared" / "corpus"
    return folder if folder.is_dir() else None


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def corpus() -> Path:
    folder = corpus_folder()
    if folder is None:
        pytest.skip("no corpus: set RENDICOM_CORPUS to its folder")
    return folder


@pytest.fixture(scope="session")
def made_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a server over made files whose folder is ``.folders[0]``, open to storing."""
    pytest.importorskip("fastapi")
    pytest.importorskip("psutil")
    from clientserver import serve_made

    with serve_made(tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("kept")) as running:
        yield running


@pytest.fixture(scope="session")
def pydicom_file() -> Callable[[str], Path]:
    """Return the path of a file that pydicom ships, by its name."""
    from pydicom.data import get_testdata_file

    def find(name: str) -> Path:
        path = get_testdata_file(name, download=False)
        if path is None:
            pytest.skip(f"pydicom does not ship {name}")
        return Path(str(path))

    return find


@pytest.fixture(scope="session")
def dcmtk() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Return a function that runs one of Debian's dcmtk programs."""
    if shutil.which("dcmj2pnm") is None:
        pytest.skip("Debian's dcmtk is not installed")

    def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        command = [program, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, timeout=60)

    return run


@pytest.fixture
def decoded_by(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of threads that the codec for JPEG 2000 was given, in turn."""
    import imagecodecs

    given: list[int] = []
    decode = imagecodecs.jpeg2k_decode

    def noting(data: bytes, **how: Any) -> Any:
        given.append(how["numthreads"])
        return decode(data, **how)

    monkeypatch.setattr(imagecodecs, "jpeg2k_decode", noting)
    return given
