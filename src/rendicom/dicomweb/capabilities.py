"""Capabilities of a service in WADL: XML, and JSON as in PS3.18 Annex G (8.9, Annex H)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

WADL_XML = "application/vnd.sun.wadl+xml"
WADL_JSON = "application/json"
_NAMESPACE = "http://wadl.dev.java.net/2009/02"
_SCHEMA = "http://www.w3.org/2001/XMLSchema"

_Element = dict[str, Any]
"""An element as JSON has it: attributes have names with ``@``, repetitions are arrays."""


def wadl_xml(base: str, paths: Mapping[str, Any], *, title: str) -> bytes:
    """Return the WADL document of the service at ``base``, in UTF-8; ``paths`` as for `wadl_json`.

    It is written from the JSON form, so that both agree.
    """
    spaces = f'xmlns="{_NAMESPACE}" xmlns:xsd="{_SCHEMA}"'
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<application {spaces}>\n'
    return (head + _xml(_application(base, paths, title), "") + "</application>\n").encode()


def wadl_json(base: str, paths: Mapping[str, Any], *, title: str) -> bytes:
    """Return the document as JSON.

    Parameters
    ----------
    base
        Base URI of the service.
    paths
        Operations by method, by path below the base, as in an OpenAPI document. A path is written
        as ``/studies/{study}/series``; ``/`` is the base itself, and comes first.
    title
        Name of the service.
    """
    return json.dumps({"application": _application(base, paths, title)}, indent=1).encode()


def _application(base: str, paths: Mapping[str, Any], title: str) -> _Element:
    root = _resource("")
    for path in sorted(paths, key=lambda each: each != "/"):
        place = root
        for part in path.strip("/").split("/") if path != "/" else ("/",):
            place = place["resource"].setdefault(part, _resource(part))
        place["method"] += [_method(*each) for each in paths[path].items()]
    resources = [{"@base": base, "resource": _finished(root).get("resource", [])}]
    return {"doc": [{"@title": title}], "resources": resources}


def _resource(path: str) -> _Element:
    """Return a resource while the tree grows; those below it are by path."""
    variable = _parameter(path.strip("{}"), "template") | {"@required": "true"}
    return {
        "@path": path,
        "param": [variable] if path.startswith("{") else [],
        "method": [],
        "resource": {},
    }


def _finished(resource: _Element) -> _Element:
    below = [_finished(each) for each in resource["resource"].values()]
    return _filled({**resource, "resource": below})


def _filled(element: _Element) -> _Element:
    return {name: value for name, value in element.items() if value}


def _method(name: str, operation: Mapping[str, Any]) -> _Element:
    query = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
    successes = {
        status: answer for status, answer in operation["responses"].items() if status[0] == "2"
    }
    produced = (media for answer in successes.values() for media in answer.get("content", ()))
    request = {
        "param": [
            _parameter(each["name"], "query", each["description"], each["schema"].get("enum", ()))
            for each in query
        ],
        "representation": _representations(operation.get("requestBody", {}).get("content", ())),
    }
    response = {"@status": " ".join(successes), "representation": _representations(produced)}
    return _filled(
        {
            "@name": name.upper(),
            "@id": operation["operationId"],
            "doc": [{"@xml:lang": "en", "value": operation["summary"]}],
            "request": _filled(request),
            "response": [_filled(response)],
        }
    )


def _representations(media_types: Iterable[str]) -> list[_Element]:
    return [{"@mediaType": each} for each in dict.fromkeys(media_types)]


def _parameter(name: str, style: str, doc: str = "", options: Iterable[str] = ()) -> _Element:
    return _filled(
        {
            "@name": name,
            "@style": style,
            "@type": "xsd:string",
            "doc": [{"@xml:lang": "en", "value": doc}] if doc else [],
            "option": [{"@value": each} for each in options],
        }
    )


def _xml(element: _Element, indent: str) -> str:
    """Return the content of an element; the caller writes its attributes."""
    return "".join(
        _xml_element(name, child, indent + " ")
        for name, content in element.items()
        if not name.startswith("@") and name != "value"
        for child in (content if isinstance(content, list) else [content])
    )


def _xml_element(name: str, element: _Element, indent: str) -> str:
    attributes = "".join(
        f" {key[1:]}={quoteattr(value)}" for key, value in element.items() if key.startswith("@")
    )
    inside = _xml(element, indent)
    if inside:
        return f"{indent}<{name}{attributes}>\n{inside}{indent}</{name}>\n"
    if "value" in element:
        return f"{indent}<{name}{attributes}>{escape(element['value'])}</{name}>\n"
    return f"{indent}<{name}{attributes}/>\n"
