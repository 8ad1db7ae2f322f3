"""The object store of these tests: a folder's own conftest, so that others start no server."""

from objectstore import s3, s3_server

__all__ = ["s3", "s3_server"]
