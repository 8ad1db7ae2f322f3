"""Which instances are wanted, by what their headers say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from rendicom.errors import OptionError

if TYPE_CHECKING:
    from rendicom.batch.units import Identity

__all__ = ["Filters"]

_CODE_STRING = re.compile(r"[A-Z0-9_ ]{1,16}")
_UID = re.compile(r"(?=.{1,64}$)[0-9]+(\.[0-9]+)+")


class Filters(NamedTuple):
    """What is left out.

    Attributes
    ----------
    modalities
        In capitals; only these are kept, all where empty.
    series
        Series Instance UIDs; only these are kept, all where empty.
    skip_burned_in
        Leave out what says YES in Burned In Annotation (0028,0301). A header without it says
        nothing of the pixels, as many have none, and is kept (PS3.3 C.7.6.1).
    only_images
        Leave out objects without pixel data.
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
        """Return the filters from what was typed; each text may hold several with commas between.

        Raises
        ------
        OptionError
            A modality is no Code String, or a series no UID (PS3.5 6.2).
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

    def reason(self, identity: Identity) -> str:
        """Return why an instance is left out, or an empty string where it is wanted."""
        if self.modalities and identity.modality.upper() not in self.modalities:
            return f"modality {identity.modality}" if identity.modality else "no modality"
        if self.series and identity.series not in self.series:
            return "another series"
        if self.only_images and not identity.has_pixels:
            return "no image"
        if self.skip_burned_in and identity.burned_in.upper() == "YES":
            return "burned-in annotation"
        return ""


def _split(texts: Iterable[str]) -> Iterator[str]:
    return (value.strip() for text in texts for value in text.split(","))


def _modality(text: str) -> str:
    name = text.upper()
    if not _CODE_STRING.fullmatch(name):
        raise OptionError(
            f"--modality {text!r} is no modality", hint="such as CT, or CT,MR for two"
        )
    return name


def _series(text: str) -> str:
    if not _UID.fullmatch(text):
        raise OptionError(
            f"--series {text!r} is no UID",
            hint="numbers with dots between, as in Series Instance UID (0020,000E)",
        )
    return text
