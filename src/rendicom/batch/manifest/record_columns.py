"""Records of a manifest."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom.batch.identity import InstanceSummary
from rendicom.batch.outcomes import Filtered, Planned, columns_of
from rendicom.batch.worker_messages import UnitReport

if TYPE_CHECKING:
    from rendicom.batch.pseudonyms import Pseudonyms
    from rendicom.batch.shard_names import ShardTemplate

Record = dict[str, Any]

COLUMNS = (
    "source", "output", "status", "code", "message", "hint", "frame", "width", "height",
    "media_type", "bytes", "voi", "warnings", "digest", "options", "format",
    "study_instance_uid", "series_instance_uid", "sop_instance_uid", "modality", "pictures",
    "source_size", "source_version", "recipe", "time", "warning_codes",
)  # fmt: skip
"""The keys of every record, in the order of the columns. New ones come at the end."""

NUMBERS = frozenset(("frame", "width", "height", "bytes", "pictures", "source_size"))
"""The columns that hold whole numbers, or nothing."""

LISTS = frozenset(("warnings", "warning_codes"))
"""The columns that hold lists of texts."""

EMPTY: Record = {column: None if column in NUMBERS else "" for column in COLUMNS}
"""An empty record without its lists."""


class Terms(NamedTuple):
    """Properties that all pictures of a run share.

    ``options`` is the canonical text; ``recipe`` is the key of all else that decides names and
    bytes; ``target`` is the folder or URI that outputs lie below, as given; ``shards`` names the
    tar files that they lie in.
    """

    options: str
    format: str
    recipe: str
    target: str = ""
    pseudonyms: Pseudonyms | None = None
    shards: ShardTemplate | None = None

    def text(self, text: str) -> str:
        """Return ``text`` as it may be written down."""
        return self.pseudonyms.text(text) if self.pseudonyms is not None and text else text

    def uid(self, uid: str) -> str:
        """Return a UID as it may be written down."""
        return self.pseudonyms.uid(uid) if self.pseudonyms is not None and uid else uid

    def output(self, output: str) -> str:
        """Return a picture's path as it may be written down.

        What lies below the target was named in pseudonyms from the start; replacing them again
        would name a file that is not there.
        """
        rest = below(output, self.target)
        if self.pseudonyms is None or rest is None:
            return self.text(output)
        return self.text(self.target) + output[len(self.target) :]

    def path(self, output: str) -> str:
        """Return the path of a picture from what `output` made of it."""
        if self.pseudonyms is None or not self.target:
            return output
        shown = self.text(self.target)
        return self.target + output[len(shown) :] if output.startswith(shown) else output


def below(output: str, target: str) -> str | None:
    r"""Return the part of a path below ``target`` with ``/`` in it, None where it is elsewhere.

    >>> below("out/a/b.png", "out"), below("s3://x/y/b.png", "s3://x/y/"), below("b.png", "out")
    ('a/b.png', 'b.png', None)
    """
    if not output.startswith(target):
        return None
    rest = output[len(target) :].replace(os.sep, "/")
    if target and not target.endswith(("/", os.sep)) and not rest.startswith("/"):
        return None
    return rest.lstrip("/")


def records_of(report: UnitReport, terms: Terms) -> Iterator[Record]:
    """Yield a record for each picture of a report, or for the source where none came."""
    shared: Record | None = None
    for outcome in report.outcomes:
        own = columns_of(outcome)
        if own is None or isinstance(outcome, Planned):
            continue
        if shared is None:
            shared = _shared(report, terms)
        if isinstance(outcome, Filtered):
            own = {"status": "filtered", "code": "filtered", "message": outcome.reason}
        yield {**shared, **(own if terms.pseudonyms is None else _disguised(own, terms))}


def _disguised(own: Record, terms: Terms) -> Record:
    """Return the columns of an outcome with pseudonyms in its texts."""
    own["output"] = terms.output(own.get("output", ""))
    own["warnings"] = [terms.text(warning) for warning in own.get("warnings", ())]
    return own | {name: terms.text(own[name]) for name in ("message", "hint") if name in own}


@lru_cache(maxsize=1)
def _text_of_time(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def _shared(report: UnitReport, terms: Terms) -> Record:
    unit, identity = report.unit, report.identity or InstanceSummary()
    return {
        **EMPTY,
        "source": terms.text(unit.source),
        **{column: [] for column in LISTS},
        "options": terms.options,
        "format": terms.format,
        "study_instance_uid": terms.uid(identity.study),
        "series_instance_uid": terms.uid(identity.series),
        "sop_instance_uid": terms.uid(identity.instance),
        "modality": identity.modality,
        "pictures": report.pictures or None,
        "source_size": unit.size or None,
        "source_version": unit.version,
        "recipe": terms.recipe,
        "time": _text_of_time(int(time.time())),
    }
