"""Pseudonyms: keyed hashes in place of UIDs; only the key can relate them."""

from __future__ import annotations

import re
from typing import NoReturn

from rendicom.batch.identity import InstanceSummary
from rendicom.errors import OptionError

_LEAST_BYTES = 16
_ROOT = "2.25."
_UID_RUN = re.compile(r"(?<![0-9])(?:2\.25\.[0-9]{16,}|[0-2](?:\.[0-9]+){3,})")
"""UIDs begin with 0, 1 or 2 (PS3.5 section 9.1), dates and most other numbers do not.

UIDs made from a UUID have three components (PS3.5 B.2), as version numbers have.
"""


class Pseudonyms:
    """Pseudonyms by one key: the same key always gives the same pseudonym.

    Parameters
    ----------
    key
        At least 16 bytes. It never appears in texts and is not sent to other processes.

    Raises
    ------
    OptionError
        The key is too short.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) < _LEAST_BYTES:
            raise OptionError(
                f"the key has {len(key)} bytes and needs at least {_LEAST_BYTES}",
                hint="fill the file for --hash-uids with random text, and keep it",
            )
        self._key = key

    @classmethod
    def from_file(cls, path: str) -> Pseudonyms:
        """Return the pseudonyms by the key in a file, less one newline at its end.

        Raises
        ------
        OptionError
            The file cannot be read, or holds fewer than 16 bytes.
        """
        try:
            with open(path, "rb") as stream:
                data = stream.read()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "is not a path"
            raise OptionError(f"--hash-uids {path}: {reason}") from None
        try:
            return cls(data.removesuffix(b"\n").removesuffix(b"\r"))
        except OptionError as error:
            raise OptionError(f"--hash-uids {path}: {error.message}", hint=error.hint) from None

    def __repr__(self) -> str:
        """Return a text without the key."""
        return "Pseudonyms(...)"

    def __reduce__(self) -> NoReturn:
        """Refuse to pickle the key."""
        raise TypeError("a key is not pickled")

    def uid(self, uid: str) -> str:
        """Return the pseudonym of a UID, itself a UID (PS3.5 B.2); empty for an empty one."""
        if not uid:
            return ""
        import hmac

        digest = hmac.digest(self._key, uid.encode("utf-8", "surrogatepass"), "sha256")
        return f"{_ROOT}{int.from_bytes(digest[:16], 'big')}"

    def text(self, text: str) -> str:
        """Return a path or sentence with `uid` of every UID in it.

        UIDs are recognized by form: at least four numbers with dots between them, or ``2.25.`` with
        a long number. Text around them, such as ``CT.`` and ``.dcm``, stays.
        """
        return _UID_RUN.sub(lambda run: self.uid(run[0]), text)

    def identity(self, identity: InstanceSummary) -> InstanceSummary:
        """Return an identity with pseudonyms for its UIDs."""
        return identity._replace(
            study=self.uid(identity.study),
            series=self.uid(identity.series),
            instance=self.uid(identity.instance),
        )
