"""Names of tar shards and of the samples in them, and the comment that counts the samples."""

from __future__ import annotations

import os
import re
import tarfile
from typing import Any, NamedTuple

from rendicom.batch.sources import MEMBER_MARK
from rendicom.errors import OptionError
from rendicom.storage import exists, head

_FIELD = re.compile(r"\{shard(?::0?([1-9][0-9]?))?\}")
_COUNT = re.compile(rb"comment=([0-9]{12}) samples\n")
_UNDOTTED = "/image"
"""WebDataset ends a key at the first dot of a name: names with dots become folders of this one."""


class ShardTemplate(NamedTuple):
    """Names of shards: ``shards/{shard:06}.tar``.

    Attributes
    ----------
    before, after
        Text around the number.
    digits
        Least number of digits.
    """

    before: str
    digits: int
    after: str

    @classmethod
    def parse(cls, text: str) -> ShardTemplate:
        """Return the template that a TARGET is.

        Raises
        ------
        OptionError
            The number is not in the name of a tar file.
        """
        fields = _FIELD.findall(text)
        before, _, rest = text.partition("{shard")
        after = rest.partition("}")[2]
        if len(fields) != 1 or "/" in after or os.sep in after or not after.endswith(".tar"):
            raise OptionError(
                f"target {text} does not name shards", hint="such as shards/{shard:06}.tar"
            )
        return cls(before, int(fields[0] or 1), after)

    @property
    def folder(self) -> str:
        """Return the folder or URI of the shards."""
        return os.path.dirname(self.before) or os.curdir

    def path(self, number: int) -> str:
        """Return the path of a shard, counted from 0."""
        return f"{self.before}{number:0{self.digits}}{self.after}"

    def split(self, output: str) -> tuple[int, str] | None:
        """Return shard number and name in the shard of a recorded picture; None for others."""
        rest = output.removeprefix(self.before)
        number, mark, name = rest.partition(self.after + MEMBER_MARK)
        is_ours = mark and rest != output and number.isascii() and number.isdigit()
        return (int(number), name) if is_ours else None


def key_of(stem: str) -> str:
    """Return the key of a sample for the name of its picture, less the extension.

    >>> key_of("a.b/IM1-0001"), key_of("1.2.840")
    ('a.b/IM1-0001', '1.2.840/image')
    """
    return f"{stem}{_UNDOTTED}" if _is_dotted(stem) else stem


def stem_of(key: str) -> str:
    """Return what `key_of` made a key of."""
    return key.removesuffix(_UNDOTTED) if _is_dotted(key) else key


def _is_dotted(stem: str) -> bool:
    while stem.endswith(_UNDOTTED):
        stem = stem.removesuffix(_UNDOTTED)
    return "." in stem.rpartition("/")[2]


def samples_of(location: str) -> int:
    """Return the number of samples that a shard states; -1 if missing or of another program."""
    if not exists(location):
        return -1
    found = _COUNT.search(head(location, 2 * tarfile.BLOCKSIZE))
    return int(found[1]) if found else -1


def header_of(count: int) -> bytes:
    """Return the first blocks of a shard, of one length: a comment that readers skip."""
    comments: Any = {"comment": f"{count:012} samples"}
    return tarfile.TarInfo.create_pax_global_header(comments)
