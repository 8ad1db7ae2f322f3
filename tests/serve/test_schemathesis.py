"""What `/openapi.json` says is what the server does: requests made up from it, by schemathesis.

Paths lead to instances that are there, and now and then elsewhere; everything else is made up.
"""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("schemathesis")

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from servedfiles import GRAY, LETTER, LOOP, LOOPS, PAPERS, PHI, REPORT, WIDE

# No instance of these is damaged, so that a status of 500 is a fault of the server.
KNOWN = tuple(
    {"study": study, "series": f"{study}.1", "instance": instance, "frames": "1"}
    for study, instance in ((GRAY, WIDE), (LOOPS, LOOP), (PAPERS, REPORT), (PAPERS, LETTER))
)
MEANT = (501, 503)
"""Statuses from 500 that say what is not to be had; others are faults."""
# Not those for what is sent: unknown parameters are ignored, not refused (PS3.18 8.3.5).
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 3
MODES = tuple(schemathesis.GenerationMode)


@schemathesis.serializer("multipart/related")
def _parts(_context: Any, value: Any) -> bytes:
    """Return a body that says it holds an instance."""
    return b"--b\r\nContent-Type: application/dicom\r\n\r\n%b\r\n--b--\r\n" % repr(value).encode()


@pytest.fixture(scope="module")
def description(archive: Any) -> Any:
    return schemathesis.openapi.from_url(f"{archive.url}/openapi.json")


def check(case: Any, accept: str | None, number: int, seen: set[int]) -> None:
    """Send a request, and hold the answer to what the document says."""
    if number < len(KNOWN) and case.path_parameters:
        known = {name: text for name, text in KNOWN[number].items() if name in case.path_parameters}
        case.path_parameters = {**case.path_parameters, **known}
    elif number < len(KNOWN) and case.path == "/wado":
        study, series, instance, _ = KNOWN[number].values()
        uids = {"studyUID": study, "seriesUID": series, "objectUID": instance}
        case.query = {"requestType": "WADO", **uids}
    response = case.call(headers={} if accept is None else {"Accept": accept})
    seen.add(response.status_code)
    assert response.status_code < 500 or response.status_code in MEANT, response.text[:500]
    documented = case.operation.definition.raw["responses"]
    assert str(response.status_code) in documented, response.text[:500]
    case.validate_response(response, checks=CHECKS)
    if response.status_code >= 400:
        assert not any(text in response.content for text in PHI)


def test_every_answer_is_as_described(archive, description):
    operations = [each.ok() for each in description.get_all_operations()]
    assert len(operations) > 30
    found = 0
    for operation in operations:
        produced = [
            media_type
            for answer in operation.definition.raw["responses"].values()
            for media_type in answer.get("content", ())
        ]
        seen: set[int] = set()
        cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in MODES))

        @seed(4711)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=cases,
            accept=st.sampled_from([*produced, "*/*", None]),
            number=st.integers(0, len(KNOWN)),
        )
        def answers(case: Any, accept: str | None, number: int) -> None:
            check(case, accept, number, seen)  # noqa: B023 - called before the next round

        answers()
        found += 200 in seen
        assert seen, operation.label
    # What is refused would prove little.
    assert found > 20
    assert archive.request("GET", "/studies").status_code == 200


def test_the_document_is_valid_and_says_where_the_server_is(archive):
    pytest.importorskip("openapi_spec_validator")
    from openapi_spec_validator import OpenAPIV30SpecValidator

    document = archive.get(f"{archive.url}/openapi.json").json()
    assert document["openapi"] == "3.0.3"
    assert [error.message for error in OpenAPIV30SpecValidator(document).iter_errors()] == []
    assert document["servers"] == [{"url": archive.url}]
    names = {scheme.get("name") for scheme in document["components"]["securitySchemes"].values()}
    assert "apikey" in names
    identifiers = [
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]
    assert len(set(identifiers)) == len(identifiers)
