"""Several nodes with one database, which change the same things at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from indexedfiles import check_counts, listed
from postgresserver import postgres_server
from rendicom.index.catalogue import Catalogue

__all__ = ["postgres_server"]


@pytest.fixture
def two(url: str) -> Iterator[tuple[Catalogue, Catalogue]]:
    first, second = Catalogue(url), Catalogue(url)
    yield first, second
    first.close()
    second.close()


def test_nodes_change_the_same_instances_at_once(two, some):
    """None of them waits in a circle, and in the end the catalogue agrees with itself."""

    def work(number: int) -> None:
        catalogue, draw = two[number % 2], Random(number)  # noqa: S311
        doings: list[Callable[[], object]] = [
            lambda: catalogue.put(draw.sample(some, 12)),
            lambda: catalogue.put(draw.sample(some, 12), is_scanned=True),
            lambda: catalogue.delete(f"1.2.{draw.randrange(3)}", draw.choice(("", "1.2.1.1"))),
            lambda: catalogue.forget([each.location for each in draw.sample(some, 6)]),
            lambda: listed(catalogue),
            lambda: catalogue.entries("1.2.1"),
        ]
        for _ in range(12):
            draw.choice(doings)()

    with ThreadPoolExecutor(4) as executor:
        for job in [executor.submit(work, number) for number in range(4)]:
            job.result(120)
    for catalogue in two:
        check_counts(catalogue)
    two[0].put(some)
    assert listed(two[1]) == {each.instance for each in some}
    check_counts(two[1])


def test_what_is_moved_from_study_to_study_at_once(two, some):
    """The same files are of one study for one node, of another for the other."""
    other = [each._replace(study="1.2.9", series="1.2.9.0") for each in some]

    def work(number: int) -> None:
        for _ in range(6):
            two[number % 2].put((some, other)[number % 2][number // 2 :: 2])

    with ThreadPoolExecutor(4) as executor:
        for job in [executor.submit(work, number) for number in range(4)]:
            job.result(120)
    check_counts(two[0])
    assert two[0].counts().instances == len(some)


def test_both_know_at_once_what_one_has_changed(two, some):
    first, second = two
    first.put(some)
    assert second.counts().instances == 60
    stamp = first.stamp("1.2.0")
    assert second.stamp("1.2.0") == stamp
    second.delete("1.2.0", "1.2.0.0")
    assert first.stamp("1.2.0") not in ("", stamp)
    assert first.status("1.2.0", "1.2.0.0") == "deleted"


def test_the_state_differs_after_each_change_and_only_then(two, some):
    first, second = two
    before = [each.state() for each in two]
    listed(first)
    assert [each.state() for each in two] == before
    for change in (
        lambda: first.put(some),
        lambda: second.delete("1.2.0", "1.2.0.0"),
        lambda: first.forget([some[-1].location]),
    ):
        change()
        after = [each.state() for each in two]
        assert after[0] != before[0]
        assert after[1] != before[1]
        assert [each.state() for each in two] == after
        before = after
