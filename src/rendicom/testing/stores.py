# ruff: noqa: S101
"""Tests for all storage backends; subclass `StoreTests` to run them on another backend.

::

    from rendicom.testing.stores import StoreTests
    from yourpackage.store import BACKEND

    class TestYourStore(StoreTests):
        store = BACKEND

        @pytest.fixture
        def root(self):
            return "yours://a-new-and-empty-place"
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import SEEK_END
from typing import TYPE_CHECKING, BinaryIO, ClassVar

from rendicom.errors import OutputExistsError, RendicomError, UnreadableSourceError
from rendicom.storage import Stored, is_uri, join

if TYPE_CHECKING:
    from rendicom.storage import Store

AWKWARD_NAMES = (
    "100%/a%20b.dcm",
    "plus+minus-/~tilde.dcm",
    "with space/two  spaces.dcm",
    "question=[1]&2;#3/'quoted'.dcm",
    "Übersicht/Röntgen 日本.dcm",
    ".hidden/.file",
    "no extension",
    "x" * 200,
)
"""Names that a store must keep as they are."""

_LARGE = 12 << 20


class StoreTests:
    """Tests of the promises in `rendicom.storage.Store`; pytest collects subclasses.

    Set ``store``, and define a fixture ``root``: the location of a new and empty folder, without
    a slash at the end.
    """

    store: ClassVar[Store]
    names: ClassVar[tuple[str, ...]] = AWKWARD_NAMES

    def test_has_schemes(self, root: str) -> None:
        """A store is found by the scheme of its locations."""
        assert self.store.schemes
        for scheme in self.store.schemes:
            assert is_uri(f"{scheme}://x")
            assert scheme == scheme.lower()
        assert root.partition("://")[0] in self.store.schemes
        self.store.check(root)

    def test_bytes_come_back(self, root: str) -> None:
        """Empty objects and all byte values; the head only, and not more than the object has."""
        everything = bytes(range(256)) * 5
        for name, data in (("a/some", everything), ("a/none", b""), ("one", b"\0")):
            place = join(root, name)
            assert self.store.write(place, data, existing="fail") is True
            assert self._bytes(place) == data
            assert self.store.head(place, 512) == data[:512]
            assert self.store.head(place, 1) == data[:1]
            assert self.store.exists(place) is True

    def test_any_buffer_is_written(self, root: str) -> None:
        """Memory maps and slices are accepted without a copy."""
        place = join(root, "x")
        view = memoryview(b"0123456789")[2:5]
        self.store.write(place, view, existing="overwrite")  # type: ignore[arg-type]
        assert self._bytes(place) == b"234"

    def test_names_stay_as_they_are(self, root: str) -> None:
        """Spaces, percent signs and letters of any script are names, not codes."""
        for name in self.names:
            self.store.write(join(root, name), name.encode(), existing="fail")
        listed = self._listed(root)
        assert [one.name for one in listed] == sorted(self.names)
        for one in listed:
            assert self._bytes(one.location) == one.name.encode()
            assert one.size == len(one.name.encode())
            assert self.store.head(one.location, 4) == one.name.encode()[:4]

    def test_nothing_there(self, root: str) -> None:
        """Reading is a typed error, listing is empty, removing does nothing."""
        place = join(root, "nothing", "here")
        assert self.store.exists(place) is False
        assert self.store.version_of(place) == ""
        assert self._listed(join(root, "nothing")) == []
        self.store.remove(place)
        _must_raise(UnreadableSourceError, lambda: self.store.head(place, 10))

    def test_existing(self, root: str) -> None:
        """``overwrite`` replaces, ``skip`` and ``fail`` keep the existing object and report it."""
        place = join(root, "x")
        assert self.store.write(place, b"old", existing="skip") is True
        assert self.store.write(place, b"new", existing="skip") is False
        _must_raise(OutputExistsError, lambda: self.store.write(place, b"new", existing="fail"))
        assert self._bytes(place) == b"old"
        assert self.store.write(place, b"new", existing="overwrite") is True
        assert self._bytes(place) == b"new"
        assert [one.name for one in self._listed(root)] == ["x"]

    def test_of_many_writers_one_wins(self, root: str) -> None:
        """With ``skip`` one writer is told that it wrote, and its bytes are there."""
        place = join(root, "x")

        def write(number: int) -> bool:
            return self.store.write(place, bytes([number]) * 5000, existing="skip")

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(write, range(8)))
        assert sorted(results) == [False] * 7 + [True]
        assert self._bytes(place) == bytes([results.index(True)]) * 5000

    def test_readers_see_one_version(self, root: str) -> None:
        """A reader gets one complete version while others write."""
        place = join(root, "x")
        self.store.write(place, bytes(100_000), existing="overwrite")

        def write(number: int) -> bytes:
            data = bytes([number]) * 100_000
            self.store.write(place, data, existing="overwrite")
            return self._bytes(place)

        with ThreadPoolExecutor(4) as pool:
            for data in pool.map(write, range(16)):
                assert len(data) == 100_000
                assert len(set(data)) == 1

    def test_version(self, root: str) -> None:
        """A version changes with the bytes, and the listing has the same one."""
        place = join(root, "a", "x")
        self.store.write(place, b"one", existing="overwrite")
        before = self.store.version_of(place)
        assert before
        assert self.store.version_of(place) == before
        assert [one.version for one in self._listed(root)] == [before]
        self.store.write(place, b"second", existing="overwrite")
        after = self.store.version_of(place)
        assert after
        assert after != before

    def test_remove(self, root: str) -> None:
        """Removing a file removes that file only."""
        for name in ("a", "b"):
            self.store.write(join(root, name), b"x", existing="fail")
        self.store.remove(join(root, "a"))
        assert self.store.exists(join(root, "a")) is False
        assert [one.name for one in self._listed(root)] == ["b"]

    def test_listing(self, root: str) -> None:
        """All below a folder, sorted by whole names, and nothing of its neighbours."""
        names = ["b/c/d", "b-c", "b/a", "b.x", "a", "b0", "b/c-d", "b/cc/d"]
        for name in names:
            self.store.write(join(root, name), b"x", existing="fail")
        assert [one.name for one in self._listed(root)] == sorted(names)
        below = sorted(name[2:] for name in names if name.startswith("b/"))
        assert [one.name for one in self._listed(join(root, "b"))] == below
        assert [one.name for one in self._listed(f"{root}/b/")] == below
        assert self._listed(join(root, "b/c"))[0].name == "d"

    def test_listing_of_one_object(self, root: str) -> None:
        """The location of an object lists that object by its last name."""
        self.store.write(join(root, "a", "x.dcm"), b"x", existing="fail")
        (one,) = self._listed(join(root, "a", "x.dcm"))
        assert one.name == "x.dcm"
        assert one.size == 1
        assert self._bytes(one.location) == b"x"

    def test_large_objects_are_files(self, root: str) -> None:
        """Any part of a large object can be read, in any order, by threads with separate files."""
        place = join(root, "large")
        data = array("I", range(_LARGE // 4)).tobytes()
        self.store.write(place, data, existing="fail")
        with self._open(place) as file:
            assert file.seek(0, SEEK_END) == _LARGE
            assert file.read(1) == b""
        ranges = [
            (0, 100),
            (_LARGE - 5, 5),
            (_LARGE - 5, 50),
            ((8 << 20) - 3, 6),
            (3 << 20, 3 << 20),
        ]

        def read(part: tuple[int, int]) -> bool:
            offset, length = part
            with self._open(place) as file:
                file.seek(offset)
                found = bytearray()
                while block := file.read(length - len(found)):
                    found += block
            return found == data[offset : offset + length]

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(read, ranges * 2))
        assert self._bytes(place) == data

    def _open(self, location: str) -> BinaryIO:
        opened = self.store.open_bytes(location)
        if isinstance(opened, str):
            return open(opened, "rb", buffering=0)  # noqa: PTH123
        return opened

    def _bytes(self, location: str) -> bytes:
        with self._open(location) as file:
            return file.read()

    def _listed(self, location: str) -> list[Stored]:
        listed = list(self.store.list_folder(location))
        assert [one.name for one in listed] == sorted(one.name for one in listed)
        return listed


def _must_raise(kind: type[RendicomError], call: Callable[[], object]) -> None:
    raised: RendicomError | None = None
    try:
        call()
    except kind as error:
        raised = error
    assert raised is not None, f"{kind.__name__} was not raised"
    assert raised.message
    assert "\n" not in str(raised)
