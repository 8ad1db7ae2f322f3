"""Two servers on one PostgreSQL database and one S3 bucket, each a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("psycopg")
pytest.importorskip("obstore")

from objectstore import Server
from postgresserver import PostgresServer, postgres_server
from rendicom import RenderOptions, render
from rendicom.dicomweb.multipart import MultipartWriter
from servedfiles import ROOT, made, path
from serverprocess import Served, served, until

__all__ = ["postgres_server"]

DICOM, JSON = "application/dicom", "application/dicom+json"
AS_STORED = f"{DICOM}; transfer-syntax=*"


class Nodes(NamedTuple):
    """Two servers, and how to start another one on what they share."""

    one: Served
    other: Served
    arguments: tuple[str, ...]
    environment: dict[str, str]


@pytest.fixture(scope="module")
def nodes(postgres_server: PostgresServer, s3_server: Server) -> Iterator[Nodes]:
    database, bucket = postgres_server.make_database(), s3_server.make_bucket()
    arguments = (
        "--writable", "--database", database, "--store", f"s3://{bucket}/archive", "--rescan", "1",
    )  # fmt: skip
    environment = s3_server.environment
    with (
        served(*arguments, environment=environment) as one,
        served(*arguments, environment=environment) as other,
    ):
        for node in (one, other):
            node.wait_for_index()
        yield Nodes(one, other, arguments, environment)


def new_study(number: int) -> str:
    return f"{ROOT}.{time.time_ns()}.{number}"


def gray(study: str, number: int = 1, value: int = 90) -> bytes:
    pixels = np.full((32, 48), value, np.uint8)
    pixels[:, :24] = value // 2
    return made(study, f"{study}.1.{number}", pixels)


def store(node: Served, *files: bytes) -> Any:
    writer = MultipartWriter(DICOM)
    pieces = [writer.part(data, DICOM) for data in files]
    content = b"".join((*pieces, writer.end()))
    headers = {"content-type": writer.content_type}
    return node.request("POST", "/studies", JSON, content=content, headers=headers)


def test_what_one_stores_the_other_has_at_once(nodes, tmp_path):
    study = new_study(1)
    data = gray(study)
    assert store(nodes.one, data).status_code == 200
    where = path(study, f"{study}.1.1")
    assert nodes.other.get(where, AS_STORED).content == data
    (found,) = nodes.other.get(f"/studies?StudyInstanceUID={study}", JSON).json()
    assert found["0020000D"]["Value"] == [study]
    query = "viewport=20,20&window=60,90,linear"
    pictures = [
        node.get(f"{where}/rendered?{query}", "image/png").content
        for node in (nodes.one, nodes.other)
    ]
    (tmp_path / "a.dcm").write_bytes(data)
    options = RenderOptions.parse({"viewport": "20,20", "window": "60,90,linear"})
    expected = render(tmp_path / "a.dcm", media_type="image/png", options=options)
    assert pictures == [expected.data] * 2
    # As a proxy before them would ask, under one name.
    asked = {"host": "localhost"}
    answers = [node.get(f"{where}/rendered", "image/png", headers=asked) for node in nodes[:2]]
    tags = {answer.headers["etag"] for answer in answers}
    assert len(tags) == 1, "a client may come back to either"


def test_what_one_deletes_is_gone_from_the_other(nodes):
    study = new_study(2)
    data = gray(study)
    store(nodes.one, data)
    where = path(study, f"{study}.1.1")
    assert nodes.other.get(f"{where}/rendered", "image/png").status_code == 200
    assert nodes.one.request("DELETE", where).status_code == 204
    # What a node looked up a moment ago it may still know, for as long as that moment.
    until(lambda: nodes.other.get(where, AS_STORED).status_code == 410, what="the news", seconds=5)
    for end in ("/rendered", "/metadata", "/thumbnail"):
        assert nodes.other.get(where + end).status_code == 410
    assert nodes.other.get(f"/studies?StudyInstanceUID={study}", JSON).status_code == 204
    assert nodes.other.request("DELETE", where).status_code == 410
    assert store(nodes.other, data).status_code == 200
    until(lambda: nodes.one.get(where, AS_STORED).content == data, what="its return", seconds=5)


def test_both_store_the_same_at_once(nodes):
    study = new_study(3)
    same, others = gray(study), [gray(study, 2, value) for value in range(80, 88)]
    turns = [nodes[each % 2] for each in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda node, other: store(node, same, other), turns, others))
    assert {answer.status_code for answer in answers} <= {200, 202}
    assert [answer.status_code for answer in answers].count(200) == 1, "one of the others won"
    held = [node.get(path(study, f"{study}.1.2"), AS_STORED).content for node in nodes[:2]]
    assert held[0] == held[1]
    assert held[0] == others[[answer.status_code for answer in answers].index(200)]
    for node in nodes[:2]:
        assert node.get(path(study, f"{study}.1.1"), AS_STORED).content == same
        (found,) = node.get(f"/studies?StudyInstanceUID={study}&includefield=all", JSON).json()
        assert found["00201208"]["Value"] == [2]


def test_one_is_killed_while_it_stores(nodes):
    study = new_study(4)
    files = {f"{study}.1.{number}": gray(study, number) for number in range(1, 31)}
    with served(*nodes.arguments, environment=nodes.environment) as third:
        third.wait_for_index()
        where = f"/studies?StudyInstanceUID={study}"
        with ThreadPoolExecutor(2) as pool:
            halves = list(files.values())
            answers = [pool.submit(store, third, *half) for half in (halves[::2], halves[1::2])]
            until(lambda: nodes.one.get(where, JSON).status_code == 200, what="the first")
            third.process.kill()
            for answer in answers:
                assert answer.exception() is not None or answer.result().status_code == 200

        def listed() -> set[str]:
            found = nodes.one.get(f"/studies/{study}/instances?limit=100", JSON).json()
            return {each["00080018"]["Value"][0] for each in found}

        # What was told to nobody may be there or not, but never by half, and both agree.
        for uid in listed():
            for node in nodes[:2]:
                assert node.get(path(study, uid), AS_STORED).content == files[uid]
        answer = store(nodes.other, *files.values())
        assert answer.status_code == 200, answer.text[:300]
        assert listed() == set(files)


def test_both_answer_when_the_database_comes_back(nodes, postgres_server):
    study = new_study(5)
    store(nodes.one, gray(study))
    where = path(study, f"{study}.1.1")
    postgres_server.stop()
    try:
        answer = nodes.other.get(f"/studies?StudyInstanceUID={study}", JSON)
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert int(answer.headers["retry-after"]) > 0
        assert nodes.other.get(f"{nodes.other.url}/healthz").status_code == 200
        ready = f"{nodes.other.url}/readyz"
        until(lambda: nodes.other.get(ready).status_code == 503, what="not ready")
    finally:
        postgres_server.start()
    for node in nodes[:2]:
        until(lambda: node.get(where, AS_STORED).status_code == 200, what="the database")  # noqa: B023
        assert node.get(f"{node.url}/readyz").status_code == 200
