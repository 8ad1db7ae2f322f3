"""A catalogue in each of the databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexedfiles import IMAGE, copy_of, indexed
from postgresserver import postgres_server
from rendicom.index.catalogue import Catalogue
from rendicom.index.records import Indexed

__all__ = ["postgres_server"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'index.sqlite3'}"
    return request.getfixturevalue("postgres_server").make_database()


@pytest.fixture
def catalogue(url: str) -> Iterator[Catalogue]:
    made = Catalogue(url)
    yield made
    made.close()


@pytest.fixture(scope="session")
def some(tmp_path_factory: pytest.TempPathFactory) -> list[Indexed]:
    """Return 60 instances in three studies of two series each, told apart by their UIDs."""
    one = indexed(tmp_path_factory.mktemp("some") / "a.dcm", PatientName="Doe^Jane", **IMAGE)
    return [copy_of(one, study=n % 3, series=n // 3 % 2, number=n) for n in range(60)]
