"""newman, which runs collections of Postman, sends ours and checks what it asserts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npmpackages import npm_package
from servedfiles import LOOP, LOOPS, ROOT, made
from serverprocess import served

COLLECTION = Path(__file__).parents[2] / "docs" / "rendicom.postman_collection.json"
SENT = f"{ROOT}.79"
"""Study of the file that is sent."""


@pytest.fixture(scope="session")
def newman(pytestconfig: pytest.Config) -> Path:
    return npm_package(pytestconfig.cache, "newman") / "bin" / "newman.js"


def run(newman: Path, collection: Path, report: Path, **variables: str) -> dict[str, Any]:
    """Return what newman says of a run."""
    given = [part for name, text in variables.items() for part in ("--env-var", f"{name}={text}")]
    command = ["node", str(newman), "run", str(collection), "--reporters", "json", *given]
    command += ["--reporter-json-export", str(report), "--timeout-request", "60000"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, cwd=collection.parent
    )
    assert report.exists(), done.stderr[-2000:]
    said: dict[str, Any] = json.loads(report.read_text())["run"]
    return said


@pytest.mark.parametrize("is_writable", [False, True], ids=["readonly", "writable"])
def test_all_assertions_of_the_collection_hold(
    newman: Path, folder: Path, tmp_path: Path, is_writable: bool
) -> None:
    sent = tmp_path / "sent.dcm"
    sent.write_bytes(made(SENT, f"{SENT}.1.1", np.full((8, 8), 9, np.uint8)))
    collection = tmp_path / "collection.json"
    collection.write_text(_with_file(COLLECTION.read_text(), sent))
    more = ("--writable", "--data", tmp_path / "data") if is_writable else ()
    with served(folder / "made", *more, "--rescan", "0") as server:
        server.wait_for_index()
        said = run(
            newman, collection, tmp_path / "report.json", baseUrl=server.url, apiKey="none",
            study=LOOPS, series=f"{LOOPS}.1", instance=LOOP,
        )  # fmt: skip
    failures = [
        (each.get("source", {}).get("name"), each["error"]["message"]) for each in said["failures"]
    ]
    assert failures == []
    requests, assertions = (said["stats"][kind]["total"] for kind in ("requests", "assertions"))
    assert requests >= (40 if is_writable else 36)
    assert assertions > 2 * requests
    assert 405 not in {each["response"]["code"] for each in said["executions"]}


def _with_file(text: str, sent: Path) -> str:
    """Name the file that requests send: a collection can only say where a person has theirs."""
    collection = json.loads(text)

    def fill(items: list[Any]) -> None:
        for item in items:
            fill(item.get("item", []))
            body = item.get("request", {}).get("body", {})
            if body.get("mode") == "file":
                body["file"] = {"src": str(sent)}

    fill(collection["item"])
    return json.dumps(collection)
