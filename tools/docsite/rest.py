"""The reference of the REST interface, from the OpenAPI document of a server."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from docsite.tables import table

__all__ = ["GENERATORS", "openapi"]


@cache
def openapi() -> Mapping[str, Any]:
    """Return what a writable server with everything describes at `/openapi.json`."""
    from fastapi.routing import APIRoute

    from rendicom.server.app import _routers
    from rendicom.server.openapi import describe
    from rendicom.server.settings import Settings

    settings = Settings(writable=True, store="store")
    routes = [route for router in _routers(settings) for route in router.routes]
    return describe([each for each in routes if isinstance(each, APIRoute)])


def operations() -> str:
    """Return a section for each service, with its operations."""
    sections: dict[str, list[str]] = {}
    for path, methods in openapi()["paths"].items():
        for method, operation in methods.items():
            text = [
                f"### {operation['summary']}", f"`{method.upper()} {path}`",
                operation.get("description", ""),
            ]  # fmt: skip
            text += list(_facts(operation))
            sections.setdefault((operation.get("tags") or ["Other"])[0], []).append(
                "\n\n".join(filter(None, text))
            )
    return "\n\n".join(f"## {tag}\n\n" + "\n\n".join(each) for tag, each in sections.items())


def _facts(operation: Mapping[str, Any]) -> list[str]:
    facts = []
    query = (each for each in operation.get("parameters", ()) if each["in"] == "query")
    names = [f"`{each['name']}`" for each in query]
    sent = list(operation.get("requestBody", {}).get("content", ()))
    answers = operation["responses"]
    good = [each for status, each in answers.items() if status[0] == "2"]
    media = dict.fromkeys(item for each in good for item in each.get("content", ()))
    if names:
        facts.append("- Parameters: " + ", ".join(names))
    if sent:
        facts.append("- Body: " + ", ".join(f"`{each}`" for each in sent))
    if media:
        facts.append("- Media types: " + ", ".join(f"`{each}`" for each in media))
    facts.append("- Statuses: " + ", ".join(sorted(answers)))
    return ["\n".join(facts)]


def parameters() -> str:
    """Return every query parameter once."""
    found: dict[str, str] = {}
    for methods in openapi()["paths"].values():
        for operation in methods.values():
            for each in operation.get("parameters", ()):
                if each["in"] == "query":
                    found.setdefault(each["name"], each.get("description", ""))
    return table(["parameter", "meaning"], [[f"`{name}`", text] for name, text in found.items()])


GENERATORS = {"rest-operations": operations, "rest-parameters": parameters}
