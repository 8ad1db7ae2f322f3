"""What came of trying something on a server, for a person and for scripts."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Finding", "Verdict"]

Verdict = Literal["yes", "no", "ignored", "differs", "not tried"]
"""``ignored``: asked for and not done; ``differs``: done, and not as the standard says."""


class Finding(NamedTuple):
    """What came of one trial.

    Attributes
    ----------
    service
        ``search``, ``retrieve``, ``rendered``, ``parameters``, ``thumbnails`` or ``service``.
    name
        What was tried.
    verdict
        What came of it.
    detail
        For a person; nothing of a patient is in it.
    """

    service: str
    name: str
    verdict: Verdict
    detail: str = ""
