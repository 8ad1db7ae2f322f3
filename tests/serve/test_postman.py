"""The collection for Postman and Insomnia: its requests are sent, and all services are in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from servedfiles import LOOP, LOOPS, ROOT, made

COLLECTION = Path(__file__).parents[2] / "docs" / "rendicom.postman_collection.json"
SENT = f"{ROOT}.77"
"""Study of the file that is sent."""


@pytest.fixture(scope="module")
def collection() -> Any:
    return json.loads(COLLECTION.read_text())


def requests_of(items: list[Any]) -> Iterator[Any]:
    for item in items:
        if "item" in item:
            yield from requests_of(item["item"])
        else:
            yield item


def filled(text: str, values: dict[str, str]) -> str:
    found = re.sub(r"{{(\w+)}}", lambda match: values[match[1]], text)
    assert "{{" not in found
    return found


def test_it_is_a_collection(collection):
    assert collection["info"]["schema"].endswith("/collection/v2.1.0/collection.json")
    names = {each["key"] for each in collection["variable"]}
    assert names == {"baseUrl", "apiKey", "study", "series", "instance", "writable"}
    for item in requests_of(collection["item"]):
        url = item["request"]["url"]
        said = "&".join(f"{each['key']}={each['value']}" for each in url.get("query", ()))
        whole = "/".join((*url["host"], *url["path"])) + (f"?{said}" if said else "")
        assert url["raw"] == whole, item["name"]
        headers = {each["key"]: each["value"] for each in item["request"]["header"]}
        assert headers["apikey"] == "{{apiKey}}"


def test_every_request_asserts_status_type_and_content(collection):
    for item in requests_of(collection["item"]):
        scripts = [each["script"]["exec"] for each in item["event"] if each["listen"] == "test"]
        text = "\n".join(line for lines in scripts for line in lines)
        assert text.count("pm.test(") >= 3, item["name"]
        assert "pm.response" in text


def test_every_request_is_answered(collection, archive):
    values = {each["key"]: each["value"] for each in collection["variable"]}
    values |= {"baseUrl": archive.url, "study": LOOPS, "series": f"{LOOPS}.1", "instance": LOOP}
    sent = made(SENT, f"{SENT}.1.1", np.full((8, 8), 9, np.uint8))
    for item in requests_of(collection["item"]):
        request = item["request"]
        body = request.get("body", {})
        content = {"raw": body.get("raw"), "file": sent, None: None}[body.get("mode")]
        headers = {each["key"]: filled(each["value"], values) for each in request["header"]}
        response = archive.request(
            request["method"], filled(request["url"]["raw"], values), headers.pop("Accept", "*/*"),
            headers=headers, content=content,
        )  # fmt: skip
        assert response.status_code in (200, 204), (item["name"], response.text[:500])
        if request["method"] == "GET":
            assert response.status_code == 200, item["name"]
            assert response.content
    assert archive.request("DELETE", f"/studies/{SENT}").status_code == 204


def test_every_service_is_in_it_and_nothing_else(collection, archive):
    paths = archive.get(f"{archive.url}/openapi.json").json()["paths"]
    known = {(method.upper(), path) for path, each in paths.items() for method in each}
    found = set()
    for item in requests_of(collection["item"]):
        method, path = item["request"]["method"], "/" + "/".join(item["request"]["url"]["path"])
        matching = [
            each for each in known if each[0] == method and re.fullmatch(_pattern(each[1]), path)
        ]
        assert matching, (item["name"], path)
        found.update(matching)
    assert found == known


def _pattern(template: str) -> str:
    return re.sub(r"{\w+}", "[^/]+", template)
