"""Filters of instances by their headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from rendicom.errors import OptionError

if TYPE_CHECKING:
    from rendicom.batch.identity import InstanceSummary

_CODE_STRING = re.compile(r"[A-Z0-9_ ]{1,16}")
_UID = re.compile(r"(?=.{1,64}$)[0-9]+(\.[0-9]+)+")


class Filters(NamedTuple):
    """Filters of instances.

    Attributes
    ----------
    modalities
        In capitals; only these are kept; empty for all.
    series
        Series Instance UIDs; only these are kept; empty for all.
    skip_burned_in
        Leave out images whose pixels may identify the patient, by
        `rendicom.pixels.burnedin.burned_in`. Images are kept if the header does not tell.
    only_images
        Leave out objects without pixels; an image whose pixel data are lost is kept, and fails.
    """

    modalities: frozenset[str] = frozenset()
    series: frozenset[str] = frozenset()
    skip_burned_in: bool = False
    only_images: bool = False

    @classmethod
    def parse(
        cls,
        *,
        modality: Iterable[str] = (),
        series: Iterable[str] = (),
        skip_burned_in: bool = False,
        only_images: bool = False,
    ) -> Filters:
        """Return the filters from command-line values; each may be a comma-separated list.

        Raises
        ------
        OptionError
            A modality is not a Code String, or a series not a UID (PS3.5 6.2).
        """
        return cls(
            frozenset(map(_modality, _split(modality))),
            frozenset(map(_series, _split(series))),
            skip_burned_in,
            only_images,
        )

    @property
    def any(self) -> bool:
        """Tell whether anything could be left out."""
        return bool(self.modalities or self.series or self.skip_burned_in or self.only_images)

    def reason(self, identity: InstanceSummary) -> str:
        """Return why an instance is left out, or an empty string where it is wanted."""
        if self.modalities and identity.modality.upper() not in self.modalities:
            return f"modality {identity.modality}" if identity.modality else "no modality"
        if self.series and identity.series not in self.series:
            return "another series"
        if self.only_images and not identity.is_image:
            return "no image"
        return identity.burned_in if self.skip_burned_in else ""


def _split(texts: Iterable[str]) -> Iterator[str]:
    each = (texts,) if isinstance(texts, str) else texts
    return (value.strip() for text in each for value in text.split(","))


def _modality(text: str) -> str:
    name = text.upper()
    if not _CODE_STRING.fullmatch(name):
        raise OptionError(
            f"--modality {text!r} is not a modality", hint="such as CT, or CT,MR for two"
        )
    return name


def _series(text: str) -> str:
    if not _UID.fullmatch(text):
        raise OptionError(
            f"--series {text!r} is not a UID",
            hint="numbers with dots between, as in Series Instance UID (0020,000E)",
        )
    return text
