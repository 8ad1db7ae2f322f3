"""One study and one server for all tests of pictures that come through both doors."""

import pytest

from obliquestudy import Doors, Study
from serverprocess import served


@pytest.fixture(scope="session")
def oblique_study():
    return Study()


@pytest.fixture(scope="session")
def doors(tmp_path_factory, oblique_study):
    pytest.importorskip("fastapi")
    root = tmp_path_factory.mktemp("doors")
    with served("--writable", "--data", root / "data", "--rescan", "0") as running:
        made = Doors(root / "study", running)
        made.add(oblique_study.ct, "ct")
        made.add(oblique_study.pt, "pt")
        yield made
