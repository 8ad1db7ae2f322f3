"""Object stores: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.

Keys, regions and endpoints come from the environment variables that the stores' own tools read
(``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ``GOOGLE_APPLICATION_CREDENTIALS``,
``AZURE_STORAGE_ACCOUNT_NAME``, ...), never from the address.
"""

from __future__ import annotations

import io
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, cast

from rendicom.errors import (
    OptionError,
    RendicomError,
    UnreadableSourceError,
    UnwritableOutputError,
)
from rendicom.storage.backends.local import exists_error

if TYPE_CHECKING:
    from typing import BinaryIO

    from rendicom.storage import Existing, Stored

__all__ = ["BACKEND", "RangeFile"]

_WHOLE = 8 << 20
"""An object of up to so many bytes comes in one answer."""
_BLOCK = 1 << 20
_BLOCKS_KEPT = 8
_STATUS = re.compile(r"status(?: code)?:? (\d{3})", re.IGNORECASE)
_SILENCE = re.compile(r"connect|timed? ?out|dns|sending request|connection", re.IGNORECASE)


class _Objects:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stores: dict[str, Any] = {}

    def open_bytes(self, location: str) -> BinaryIO:
        store, key = self._found(location)
        try:
            data, size = _first(store, key)
        except Exception as error:  # noqa: BLE001 - the library's errors share no class with others
            raise _unreadable(error) from None
        if size <= len(data):
            return io.BytesIO(data)
        return cast("BinaryIO", RangeFile(store, key, size, data))

    def list_folder(self, location: str) -> Iterator[Stored]:
        import obstore

        store, key = self._found(location)
        root = location.partition("://")[0] + "://" + location.partition("://")[2].split("/")[0]
        if key and not location.endswith("/"):
            alone = self._meta(store, key)
            if alone is not None:
                yield _stored(root, alone, key.rpartition("/")[0])
                return
        try:
            for batch in obstore.list(store, prefix=key.rstrip("/") or None, chunk_size=1000):
                for meta in batch:
                    yield _stored(root, meta, key.rstrip("/"))
        except RendicomError:
            raise
        except Exception as error:  # noqa: BLE001
            raise _unreadable(error) from None

    def version_of(self, location: str) -> str:
        meta = self._meta(*self._found(location))
        return "" if meta is None else _version(meta)

    def head(self, location: str, length: int) -> bytes:
        import obstore

        store, key = self._found(location)
        try:
            return bytes(obstore.get_range(store, key, start=0, length=length))
        except Exception as error:  # noqa: BLE001
            if self._meta(store, key) is not None:
                return b""  # an empty object has no range
            raise _unreadable(error) from None

    def exists(self, location: str) -> bool:
        return self._meta(*self._found(location)) is not None

    def write(self, location: str, data: bytes, *, existing: Existing) -> bool:
        import obstore

        store, key = self._found(location)
        mode: Literal["overwrite", "create"] = "overwrite" if existing == "overwrite" else "create"
        try:
            obstore.put(store, key, data, mode=mode, use_multipart=len(data) > _WHOLE * 16)
        except Exception as error:  # noqa: BLE001
            if type(error).__name__ == "AlreadyExistsError":
                if existing == "fail":
                    raise exists_error(location) from None
                return False
            raise UnwritableOutputError(f"cannot write {location}: {_reason(error)}") from None
        return True

    def remove(self, location: str) -> None:
        import obstore

        store, key = self._found(location)
        try:
            obstore.delete(store, key)
        except FileNotFoundError:
            pass
        except Exception as error:  # noqa: BLE001
            raise UnwritableOutputError(f"cannot remove {location}: {_reason(error)}") from None

    def _meta(self, store: Any, key: str) -> Any:
        import obstore

        try:
            return obstore.head(store, key)
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001
            raise _unreadable(error) from None

    def _found(self, location: str) -> tuple[Any, str]:
        """Return the store of a location and the key in it; one client a bucket and process."""
        scheme, _, rest = location.partition("://")
        bucket, _, key = rest.partition("/")
        root = f"{scheme}://{bucket}"
        with self._lock:
            if root not in self._stores:
                self._stores[root] = _connected(root)
            return self._stores[root], key


def _connected(root: str) -> Any:
    if find_spec("obstore") is None:
        raise OptionError(
            f"{root}: object storage needs another package", hint="pip install 'rendicom[cloud]'"
        )
    from datetime import timedelta

    from obstore.store import from_url

    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    options: dict[str, Any] = {
        "connect_timeout": timedelta(seconds=5),
        "timeout": timedelta(seconds=120),
    }
    if endpoint.startswith("http://"):
        options["allow_http"] = True
    more: Any = {
        "client_options": options,
        "retry_config": {"max_retries": 4, "retry_timeout": timedelta(seconds=25)},
    }
    try:
        return from_url(root, **more)
    except Exception as error:  # noqa: BLE001
        raise OptionError(f"{root}: {_reason(error)}", hint=_HINT) from None


_HINT = "account, keys, region and endpoint come from environment variables"


def _first(store: Any, key: str) -> tuple[bytes, int]:
    """Return the first bytes of an object and its size, in one exchange."""
    import obstore

    try:
        result = obstore.get(store, key, options={"range": (0, _WHOLE)})
    except FileNotFoundError:
        raise
    except Exception:  # noqa: BLE001 - an empty object has no range
        result = obstore.get(store, key)
    return bytes(result.bytes()), result.meta["size"]


class RangeFile(io.RawIOBase):
    """A large object as a file: what is read is fetched in blocks, and some blocks are kept.

    ``bytes_fetched`` counts.
    """

    def __init__(self, store: Any, key: str, size: int, start: bytes = b"") -> None:
        super().__init__()
        self._store, self._key, self._size = store, key, size
        self._start = start
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self.bytes_fetched = len(start)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move and return the position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` as far as the object goes."""
        view = memoryview(buffer).cast("B")
        data = self._range(self._position, min(self._size, self._position + len(view)))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _range(self, start: int, stop: int) -> bytes:
        if start >= stop:
            return b""
        if stop <= len(self._start):
            return self._start[start:stop]
        if stop - start >= _BLOCK:
            return self._fetched(start, stop)
        numbers = range(start // _BLOCK, (stop - 1) // _BLOCK + 1)
        data = b"".join(map(self._block, numbers))
        skipped = start - numbers[0] * _BLOCK
        return data[skipped : skipped + stop - start]

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            start = number * _BLOCK
            self._blocks[number] = self._fetched(start, min(self._size, start + _BLOCK))
            if len(self._blocks) > _BLOCKS_KEPT:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _fetched(self, start: int, stop: int) -> bytes:
        import obstore

        try:
            data = bytes(obstore.get_range(self._store, self._key, start=start, end=stop))
        except Exception as error:  # noqa: BLE001
            raise _unreadable(error) from None
        self.bytes_fetched += len(data)
        return data


def _stored(root: str, meta: Any, folder: str) -> Stored:
    from rendicom.storage import Stored

    path = meta["path"]
    below = path[len(folder) + 1 :] if folder else path
    return Stored(f"{root}/{path}", below, meta["size"], _version(meta))


def _version(meta: Any) -> str:
    tag = meta.get("e_tag")
    return tag.strip('"') if tag else f"{meta['size']}-{meta['last_modified'].isoformat()}"


def _unreadable(error: Exception) -> UnreadableSourceError:
    if isinstance(error, UnreadableSourceError):
        return error
    if isinstance(error, FileNotFoundError):
        return UnreadableSourceError("there is no such object or bucket")
    return UnreadableSourceError(_reason(error))


def _reason(error: Exception) -> str:
    """Return a line of our own: the library's text may hold a signed address."""
    name, text = type(error).__name__, str(error)
    if isinstance(error, FileNotFoundError):
        return "there is no such bucket"
    if name in ("PermissionDeniedError", "UnauthenticatedError"):
        return "permission denied"
    if name == "InvalidPathError":
        return "no store allows such a name"
    status = _STATUS.search(text)
    if status is not None:
        return f"the object store answered {status[1]}"
    if "must be specified" in text or "Missing" in text:
        return "the account or bucket is not known"
    if _SILENCE.search(text):
        return "the object store does not answer"
    return f"the object store failed ({name})"


BACKEND = _Objects()
