"""What tests send to a server that stores, and what they look at afterwards."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

from rendicom.dicomweb.multipart import MultipartWriter
from servedfiles import ROOT

DICOM = "application/dicom"
JSON = "application/dicom+json"
XML = "application/dicom+xml"
SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
_numbers = itertools.count(100)


def new_study() -> str:
    """Return a UID that no other test has."""
    return f"{ROOT}.{time.time_ns()}.{next(_numbers)}"


def body(parts: list[tuple[bytes, str, str]], kind: str = DICOM) -> tuple[bytes, str]:
    """Return a multipart message of parts: data, media type, location."""
    writer = MultipartWriter(kind)
    pieces = [writer.part(data, media_type, where or None) for data, media_type, where in parts]
    return b"".join((*pieces, writer.end())), writer.content_type


def store(server: Any, *files: bytes, where: str = "/studies", accept: str | None = JSON) -> Any:
    content, kind = body([(data, DICOM, "") for data in files])
    return server.request("POST", where, accept, content=content, headers={"content-type": kind})


def failures(response: Any) -> list[int]:
    """Return the failure reasons of an answer, in order."""
    said = response.json()
    items = [*said.get("00081198", {}).get("Value", ()), *said.get("0008119A", {}).get("Value", ())]
    return [item["00081197"]["Value"][0] for item in items]


def stored(response: Any) -> list[str]:
    """Return the SOP Instance UIDs that an answer says are stored."""
    items = response.json().get("00081199", {}).get("Value", ())
    return [item["00081155"]["Value"][0] for item in items]


def files(data: Path) -> dict[str, bytes]:
    """Return what lies in the store, by name below it."""
    root = data / "store"
    found = (each for each in root.rglob("*") if each.is_file())
    return {str(each.relative_to(root)): each.read_bytes() for each in found}


def of_study(data: Path, study: str) -> dict[str, bytes]:
    return {name: held for name, held in files(data).items() if Path(name).parts[0] == study}


def place(study: str, instance: str) -> str:
    return str(Path(study, f"{study}.1", f"{instance}.dcm"))
