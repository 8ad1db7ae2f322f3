"""Capabilities of a service in WADL: XML, and JSON as in PS3.18 Annex G (8.9, Annex H)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple
from xml.sax.saxutils import escape, quoteattr

WADL_XML = "application/vnd.sun.wadl+xml"
WADL_JSON = "application/json"
_NAMESPACE = "http://wadl.dev.java.net/2009/02"
_SCHEMA = "http://www.w3.org/2001/XMLSchema"


class ParameterDescription(NamedTuple):
    """A query or header parameter, or a part of a path in braces.

    ``kind`` is a type of XML Schema; ``options`` are all allowed values, if they are limited.
    """

    name: str
    style: Literal["query", "header", "template"] = "query"
    kind: str = "string"
    is_required: bool = False
    is_repeating: bool = False
    default: str = ""
    options: tuple[str, ...] = ()
    doc: str = ""


class Method(NamedTuple):
    """A method of a resource.

    ``accepts`` are media types of the request's body, ``produces`` those of the response;
    ``statuses`` the ones a success may have.
    """

    name: str
    id: str = ""
    doc: str = ""
    parameters: tuple[ParameterDescription, ...] = ()
    accepts: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    statuses: tuple[int, ...] = (200,)


class ServiceResource(NamedTuple):
    """A resource and those below it; ``path`` is relative to the one above: ``{study}``."""

    path: str
    methods: tuple[Method, ...] = ()
    children: tuple[ServiceResource, ...] = ()
    parameters: tuple[ParameterDescription, ...] = ()


def resource_tree(methods: Iterable[tuple[str, Method]]) -> tuple[ServiceResource, ...]:
    """Return the tree of resources of methods by path below the base URI.

    A path is written as ``/studies/{study}/series``; ``/`` is the base itself. The order of the
    first mention is kept.
    """
    root = _Node()
    for path, method in methods:
        node = root
        for part in path.strip("/").split("/"):
            node = node.children.setdefault(part, _Node()) if part else node
        node.methods.append(method)
    own = (ServiceResource("/", tuple(root.methods)),) if root.methods else ()
    return (*own, *root.resources())


class _Node:
    """A part of a path while the tree grows."""

    def __init__(self) -> None:
        self.methods: list[Method] = []
        self.children: dict[str, _Node] = {}

    def resources(self) -> tuple[ServiceResource, ...]:
        return tuple(
            ServiceResource(
                part,
                tuple(node.methods),
                node.resources(),
                (ParameterDescription(part.strip("{}"), "template", is_required=True),)
                if part.startswith("{")
                else (),
            )
            for part, node in self.children.items()
        )


def wadl_xml(base: str, resources: Sequence[ServiceResource], *, title: str = "") -> bytes:
    """Return the WADL document of the service at ``base``, in UTF-8."""
    root = _application(base, resources, title)
    spaces = f'xmlns="{_NAMESPACE}" xmlns:xsd="{_SCHEMA}"'
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<application {spaces}>\n'
    return (head + _xml(root, "") + "</application>\n").encode()


def wadl_json(base: str, resources: Sequence[ServiceResource], *, title: str = "") -> bytes:
    """Return the document as JSON: attributes have names with ``@``, repetitions are arrays."""
    return json.dumps({"application": _application(base, resources, title)}, indent=1).encode()


# XML is written from the JSON form, so that both agree.

_Element = dict[str, Any]


def _application(base: str, resources: Sequence[ServiceResource], title: str) -> _Element:
    application: _Element = {}
    if title:
        application["doc"] = [{"@title": title}]
    application["resources"] = [
        {"@base": base, "resource": [_resource(resource) for resource in resources]}
    ]
    return application


def _resource(resource: ServiceResource) -> _Element:
    element: _Element = {"@path": resource.path}
    if resource.parameters:
        element["param"] = [_parameter(each) for each in resource.parameters]
    if resource.methods:
        element["method"] = [_method(each) for each in resource.methods]
    if resource.children:
        element["resource"] = [_resource(each) for each in resource.children]
    return element


def _method(method: Method) -> _Element:
    element: _Element = {"@name": method.name}
    if method.id:
        element["@id"] = method.id
    if method.doc:
        element["doc"] = [{"@xml:lang": "en", "value": method.doc}]
    request: _Element = {}
    if method.parameters:
        request["param"] = [_parameter(each) for each in method.parameters]
    if method.accepts:
        request["representation"] = [{"@mediaType": each} for each in method.accepts]
    if request:
        element["request"] = request
    response: _Element = {"@status": " ".join(map(str, method.statuses))}
    if method.produces:
        response["representation"] = [{"@mediaType": each} for each in method.produces]
    element["response"] = [response]
    return element


def _parameter(parameter: ParameterDescription) -> _Element:
    element: _Element = {
        "@name": parameter.name,
        "@style": parameter.style,
        "@type": f"xsd:{parameter.kind}",
    }
    if parameter.is_required:
        element["@required"] = "true"
    if parameter.is_repeating:
        element["@repeating"] = "true"
    if parameter.default:
        element["@default"] = parameter.default
    if parameter.doc:
        element["doc"] = [{"@xml:lang": "en", "value": parameter.doc}]
    if parameter.options:
        element["option"] = [{"@value": each} for each in parameter.options]
    return element


def _xml(element: _Element, indent: str) -> str:
    """Return the content of an element; the caller writes its attributes."""
    children = [
        (name, child)
        for name, content in element.items()
        if not name.startswith("@") and name != "value"
        for child in (content if isinstance(content, list) else [content])
    ]
    return "".join(_xml_element(name, child, indent + " ") for name, child in children)


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
