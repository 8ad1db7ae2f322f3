"""The description of the service in WADL: XML and JSON say the same (PS3.18 Annexes G and H)."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

from rendicom.dicomweb.capabilities import wadl_json, wadl_xml

WADL = "{http://wadl.dev.java.net/2009/02}"
BASE = "http://host/dicomweb"
MODELS = ("application/dicom+json", 'multipart/related; type="application/dicom+xml"')


def operation(*media_types: str, statuses: tuple[str, ...] = ("200",), **more: Any) -> Any:
    """Return an operation of an OpenAPI document."""
    answer = {"content": {each: {} for each in media_types}}
    responses = {**dict.fromkeys(statuses, answer), "400": {"content": {"text/plain": {}}}}
    return {"operationId": "any", "summary": "Anything", "responses": responses, **more}


def parameter(name: str, place: str = "query", doc: str = "", **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "description": doc, "schema": schema}


SEARCH = operation(
    *MODELS,
    statuses=("200", "204"),
    operationId="SearchForStudies",
    summary="Finds <studies> & more",
    parameters=[
        parameter("limit", doc="At most this many"),
        parameter("fuzzymatching", enum=["true", "false"]),
        parameter("study", "path"),
    ],
)
PATHS = {
    "/studies": {
        "get": SEARCH,
        "post": operation(MODELS[0], requestBody={"content": {MODELS[0]: {}}}),
    },
    "/": {"options": operation("application/vnd.sun.wadl+xml")},
    "/studies/{study}": {"get": operation()},
    "/studies/{study}/series/{series}/rendered": {"get": operation("image/jpeg")},
    "/series": {"get": operation()},
}


def parsed(data: bytes) -> ET.Element:
    return ET.fromstring(data)  # noqa: S314 - what we or DCMTK wrote


def element(node: ET.Element) -> dict[str, Any]:
    """Return an XML element in the form of Annex G; ``request`` is the one that is not repeated."""
    found: dict[str, Any] = {f"@{name.rpartition('}')[2]}": value for name, value in node.items()}
    for child in node:
        name = child.tag.removeprefix(WADL)
        if name == "request":
            found[name] = element(child)
        else:
            found.setdefault(name, []).append(element(child))
    if node.text and node.text.strip():
        found["value"] = node.text
    return found


def plain(found: Any) -> Any:
    """Return the JSON with prefixes of names left out, as ElementTree has them."""
    if isinstance(found, list):
        return [plain(each) for each in found]
    if isinstance(found, dict):
        return {key.replace("@xml:", "@"): plain(value) for key, value in found.items()}
    return found


def test_xml_and_json_say_the_same() -> None:
    root = parsed(wadl_xml(BASE, PATHS, title="Rendicom"))
    assert root.tag == f"{WADL}application"
    found = json.loads(wadl_json(BASE, PATHS, title="Rendicom"))
    assert plain(found) == {"application": element(root)}


def test_the_tree_follows_the_paths() -> None:
    application = json.loads(wadl_json(BASE, PATHS, title="Rendicom"))["application"]
    (resources,) = application["resources"]
    assert resources["@base"] == BASE
    top = resources["resource"]
    assert [each["@path"] for each in top] == ["/", "studies", "series"]
    studies = top[1]
    assert [method["@name"] for method in studies["method"]] == ["GET", "POST"]
    (study,) = studies["resource"]
    assert study["@path"] == "{study}"
    assert study["param"][0] == {
        "@name": "study",
        "@style": "template",
        "@type": "xsd:string",
        "@required": "true",
    }
    (series,) = study["resource"]
    (one,) = series["resource"]
    assert "method" not in series
    assert one["resource"][0]["@path"] == "rendered"


def test_methods_say_what_they_take_and_give() -> None:
    application = json.loads(wadl_json(BASE, PATHS, title="Rendicom"))["application"]
    search, store = application["resources"][0]["resource"][1]["method"]
    assert search["@id"] == "SearchForStudies"
    assert search["doc"] == [{"@xml:lang": "en", "value": "Finds <studies> & more"}]
    parameters = {each["@name"]: each for each in search["request"]["param"]}
    assert parameters["limit"]["doc"] == [{"@xml:lang": "en", "value": "At most this many"}]
    assert parameters["fuzzymatching"]["option"] == [{"@value": "true"}, {"@value": "false"}]
    assert "study" not in parameters
    (response,) = search["response"]
    assert response["@status"] == "200 204"
    assert [each["@mediaType"] for each in response["representation"]] == list(MODELS)
    assert store["request"] == {"representation": [{"@mediaType": "application/dicom+json"}]}
