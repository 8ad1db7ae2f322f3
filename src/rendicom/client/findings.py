"""The result of one check of a server."""

from __future__ import annotations

from typing import Literal, NamedTuple

Verdict = Literal["yes", "no", "ignored", "differs", "not tried"]
"""``ignored``: requested without effect; ``differs``: not in accordance with the standard."""


class CheckResult(NamedTuple):
    """The result of one check.

    Attributes
    ----------
    service
        ``search``, ``retrieve``, ``rendered``, ``parameters``, ``thumbnails`` or ``service``.
    name
        Of the check.
    verdict
        The result.
    detail
        Text for a person, without patient data.
    """

    service: str
    name: str
    verdict: Verdict
    detail: str = ""
