"""A real Orthanc with its DICOMweb plugin, in a folder of its own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from waiting import free_port

__all__ = ["orthanc"]

_PLUGINS = (
    "/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
    "/usr/local/share/orthanc/plugins/libOrthancDicomWeb.so",
)
_PATIENCE = 60.0


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the DICOMweb base of an Orthanc with nothing in it."""
    plugin = next((each for each in _PLUGINS if Path(each).exists()), None)
    program = shutil.which("Orthanc")
    if program is None or plugin is None:
        pytest.skip("Orthanc and its DICOMweb plugin are not installed")
    home = tmp_path_factory.mktemp("orthanc")
    port = free_port()
    settings = {
        "StorageDirectory": str(home), "IndexDirectory": str(home), "HttpPort": port,
        "DicomServerEnabled": False, "RemoteAccessAllowed": False, "Plugins": [plugin],
        "AuthenticationEnabled": False, "KeepAlive": True,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    (home / "orthanc.json").write_text(json.dumps(settings))
    process = subprocess.Popen(
        [program, str(home / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        base = f"http://127.0.0.1:{port}/dicom-web"
        _wait_for(f"{base}/studies", process)
        yield base
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        assert process.poll() is None, "Orthanc ended at once"
        try:
            urllib.request.urlopen(url, timeout=5).read()  # noqa: S310 - it is our own
        except (OSError, urllib.error.URLError):
            assert time.monotonic() < end, "Orthanc does not answer"
            time.sleep(0.1)
        else:
            return
