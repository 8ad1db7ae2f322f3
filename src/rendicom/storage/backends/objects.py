"""Object stores: S3 and compatible ones, Google Cloud Storage, Azure Blob Storage.

Keys, regions and endpoints come from the environment variables that the stores' own tools read
(``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ``GOOGLE_APPLICATION_CREDENTIALS``,
``AZURE_STORAGE_ACCOUNT_NAME``, ...), never from the address.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from rendicom.errors import OptionError, UnreadableSourceError, UnwritableOutputError
from rendicom.extras import install_command
from rendicom.storage.backends.local import exists_error
from rendicom.storage.interface import Existing, Stored

if TYPE_CHECKING:
    from typing import BinaryIO


_WHOLE = 8 << 20
"""Size in bytes up to which an object is fetched in one request."""
_START = 1 << 20
"""Bytes kept of the beginning of a larger object."""
_IN_PARTS = 64 << 20
"""Larger objects are sent in parts."""
_LISTED = 1000

# Dead connections fail within 30 s; slow ones may continue as long as data arrive.
_CONNECT_SECONDS, _SILENT_SECONDS, _RETRY_SECONDS = 5, 20, 15
_WHOLE_SECONDS = 600
_RETRIES = 4

_STATUS = re.compile(r"status(?: code)?:? (\d{3})")
_KEYLESS = (
    # Metadata services of clouds, which provide credentials.
    "/latest/api/token",
    "/latest/meta-data/",
    "/computeMetadata/",
    "/metadata/identity/",
    "must be specified",
)
_REASONS = {
    "301": "the bucket is in another region",
    "400": "the object store does not understand: is the region right?",
    "401": "permission denied",
    "403": "permission denied",
    "404": "there is no such bucket",
    "429": "the object store is asked too often",
    "503": "the object store is asked too often",
}
_NO_KEYS = "no keys for the object store are known"
_WHERE_KEYS = "keys, account, region and endpoint come from environment variables"
_without_conditions: set[str] = set()
"""Buckets in stores without conditional writes."""


class _Place(NamedTuple):
    """A bucket's client, the bucket's URI, and the key of an object in it."""

    store: Any
    root: str
    key: str


class _Objects:
    schemes: tuple[str, ...] = ("s3", "gs", "az", "azure", "abfs")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stores: dict[str, Any] = {}

    def check(self, location: str) -> None:
        scheme, _, rest = location.partition("://")
        bucket = rest.partition("/")[0]
        if "@" in bucket and (scheme != "abfs" or ":" in bucket):
            raise OptionError(
                f"an address that starts with {scheme}:// holds no user and no password",
                hint=_WHERE_KEYS,
            )
        if not bucket:
            raise OptionError(f"{location} names no bucket", hint=f"{scheme}://BUCKET/FOLDER")
        if not _is_installed():
            raise OptionError(
                f"{scheme}:// needs a package that is not installed",
                hint=install_command("cloud"),
            )

    def open_bytes(self, location: str) -> BinaryIO:
        import io

        import obstore

        from rendicom.storage.rangefile import RangeFile

        place = self._place(location)
        with _reading():
            answer = obstore.get(place.store, place.key)
            size = answer.meta["size"]
            if size <= _WHOLE:
                return io.BytesIO(bytes(answer.bytes()))
            start = _beginning(answer)
        tag = answer.meta["e_tag"]

        def fetch(first: int, end: int) -> bytes:
            with _reading():
                return _range(place, first, end, tag)

        return cast("BinaryIO", RangeFile(fetch, size, start))

    def list_folder(self, location: str) -> Iterator[Stored]:
        import obstore

        place = self._place(location)
        folder = place.key.rstrip("/")
        if folder == place.key and folder:
            alone = self._meta(place)
            if alone is not None:
                yield _stored(place.root, alone, folder.rpartition("/")[0])
                return
        with _reading():
            for page in obstore.list(place.store, prefix=folder or None, chunk_size=_LISTED):
                for meta in page:
                    if meta["size"] or self._is_object(place, meta["path"]):
                        yield _stored(place.root, meta, folder)

    def version_of(self, location: str) -> str:
        meta = self._meta(self._place(location))
        return "" if meta is None else _version(meta)

    def head(self, location: str, length: int) -> bytes:
        place = self._place(location)
        with _reading():
            try:
                return _range(place, 0, length, None)
            except _failures():
                meta = self._meta(place)
                if meta is not None and not meta["size"]:
                    return b""  # an empty object has no range
                raise

    def exists(self, location: str) -> bool:
        return self._meta(self._place(location)) is not None

    def write(
        self, location: str, data: bytes, *, existing: Existing, is_durable: bool = False
    ) -> bool:
        del is_durable  # an object store responds when an object is complete
        place = self._place(location)
        try:
            if existing == "overwrite":
                _put(place, data)
                return True
            if _put_new(place, data):
                return True
        except _failures() as error:
            reason, hint = _reason(error)
            raise UnwritableOutputError(f"cannot write {location}: {reason}", hint=hint) from None
        if existing == "fail":
            raise exists_error(location)
        return False

    def remove(self, location: str, *, is_durable: bool = False) -> None:
        del is_durable
        import obstore

        place = self._place(location)
        try:
            obstore.delete(place.store, place.key)
        except FileNotFoundError:
            pass
        except _failures() as error:
            reason, hint = _reason(error)
            raise UnwritableOutputError(f"cannot remove {location}: {reason}", hint=hint) from None

    def _is_object(self, place: _Place, path: str) -> bool:
        """Tell an object from the mark of a folder, whose key ends in a slash."""
        return self._meta(place._replace(key=path)) is not None

    def _meta(self, place: _Place) -> Any:
        import obstore

        with _reading():
            try:
                return obstore.head(place.store, place.key)
            except FileNotFoundError:
                return None

    def _place(self, location: str) -> _Place:
        """Return client, bucket and key of a location; one client per bucket and process."""
        scheme, _, rest = location.partition("://")
        bucket, _, key = rest.partition("/")
        root = f"{scheme}://{bucket}"
        with self._lock:
            if root not in self._stores:
                self.check(location)
                self._stores[root] = _connected(scheme.lower(), bucket)
            return _Place(self._stores[root], root, key)


@cache
def _is_installed() -> bool:
    from importlib.util import find_spec

    return find_spec("obstore") is not None


def _connected(scheme: str, bucket: str) -> Any:
    from datetime import timedelta

    from obstore.store import AzureStore, GCSStore, S3Store

    client: dict[str, Any] = {
        "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=_SILENT_SECONDS),
        "timeout": timedelta(seconds=_WHOLE_SECONDS),
    }
    if _is_plain_http(scheme):
        client["allow_http"] = True
    more: Any = {
        "client_options": client,
        "retry_config": {
            "max_retries": _RETRIES,
            "retry_timeout": timedelta(seconds=_RETRY_SECONDS),
        },
    }
    try:
        if scheme == "s3":
            return S3Store(bucket, **more)
        if scheme == "gs":
            return GCSStore(bucket, **more)
        if "@" in bucket:
            return AzureStore.from_url(f"{scheme}://{bucket}", **more)
        return AzureStore(bucket, **more)
    except _failures() as error:
        reason, hint = _reason(error)
        raise OptionError(f"{scheme}://{bucket} cannot be reached: {reason}", hint=hint) from None


def _is_plain_http(scheme: str) -> bool:
    """Tell whether the user has configured an endpoint without TLS."""
    names = (
        ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT")
        if scheme == "s3"
        else ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")
    )
    return any(os.environ.get(name, "").lower().startswith("http://") for name in names)


def _beginning(answer: Any) -> bytes:
    """Return the first bytes of a response and discard the rest."""
    parts: list[bytes] = []
    length = 0
    for part in answer.stream(min_chunk_size=_START):
        parts.append(bytes(part))
        length += len(parts[-1])
        if length >= _START:
            break
    return b"".join(parts)


def _range(place: _Place, first: int, end: int, tag: str | None) -> bytes:
    import obstore

    options: Any = {"range": (first, end)}
    # A weak tag never matches (RFC 9110 13.1.1).
    if tag and not tag.startswith("W/"):
        options["if_match"] = tag
    return bytes(obstore.get(place.store, place.key, options=options).bytes())


def _put(place: _Place, data: bytes) -> None:
    import obstore

    obstore.put(place.store, place.key, data, use_multipart=len(data) > _IN_PARTS)


def _put_new(place: _Place, data: bytes) -> bool:
    """Write unless the object exists, without a race; tell whether it was written."""
    import obstore
    from obstore.exceptions import AlreadyExistsError, NotSupportedError

    if place.root in _without_conditions:
        return _put_after_look(place, data)
    try:
        obstore.put(place.store, place.key, data, mode="create", use_multipart=False)
    except AlreadyExistsError:
        return False
    except (NotSupportedError, NotImplementedError):
        pass
    except _failures() as error:
        if _status(error) != "501":
            raise
    else:
        return True
    _without_conditions.add(place.root)
    return _put_after_look(place, data)


def _put_after_look(place: _Place, data: bytes) -> bool:
    import obstore

    try:
        obstore.head(place.store, place.key)
    except FileNotFoundError:
        _put(place, data)
        return True
    return False


def _stored(root: str, meta: Any, folder: str) -> Stored:
    path = meta["path"]
    below = path[len(folder) + 1 :] if folder else path
    return Stored(f"{root}/{path}", below, meta["size"], _version(meta))


def _version(meta: Any) -> str:
    tag = meta.get("e_tag")
    return tag.strip('"') if tag else f"{meta['size']}-{meta['last_modified'].isoformat()}"


# --- errors -------------------------------------------------------------------------------------


@cache
def _failures() -> tuple[type[Exception], ...]:
    from obstore.exceptions import BaseError

    return (BaseError, OSError, ValueError, NotImplementedError)


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        missing = "bucket" if "NoSuchBucket" in str(error) else "object"
        raise UnreadableSourceError(f"there is no such {missing}") from None
    except _failures() as error:
        reason, hint = _reason(error)
        raise UnreadableSourceError(reason, hint=hint) from None


def _status(error: Exception) -> str:
    """Return the HTTP status of a failure, empty without one."""
    found = _STATUS.search(str(error))
    return "" if found is None else found[1]


def _reason(error: Exception) -> tuple[str, str]:
    """Return a message and a hint: the library's text may hold a signed URL."""
    name, text = type(error).__name__, str(error)
    if any(sign in text for sign in _KEYLESS):
        return _NO_KEYS, _WHERE_KEYS
    if name in ("PermissionDeniedError", "UnauthenticatedError"):
        return "permission denied", ""
    if isinstance(error, FileNotFoundError):
        return "there is no such bucket", ""
    if name == "PreconditionError":
        return "the object was changed while it was read", ""
    if name == "InvalidPathError" or "parse path" in text:
        return "a name with an empty part, '.', '..' or a control character cannot be used", ""
    status = _status(error)
    if status:
        return _REASONS.get(status, f"the object store answered {status}"), ""
    if "redirect" in text:
        return _REASONS["301"], _WHERE_KEYS
    if "HTTP error" in text or isinstance(error, OSError):
        return "the object store does not answer", ""
    return f"the object store failed ({name})", ""


BACKEND = _Objects()
