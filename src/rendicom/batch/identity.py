"""Open instances, and their summaries for names, filters and the manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from rendicom.batch.file_names import hash_of
from rendicom.errors import OptionError
from rendicom.pixels.burnedin import burned_in
from rendicom.pixels.describe import is_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rendicom.dicom.byte_source import ByteSource, Readable
    from rendicom.dicom.header import Header
    from rendicom.engine import PictureRequest
    from rendicom.engine.rendered_image import RenderedImage
    from rendicom.values import PixelDescription

_STUDY, _SERIES, _INSTANCE = 0x0020000D, 0x0020000E, 0x00080018
_MODALITY, _SERIES_NUMBER, _INSTANCE_NUMBER = 0x00080060, 0x00200011, 0x00200013
_CHARACTER_SET = 0x00080005
_LONGEST_UID = 128
"""Twice the limit of PS3.5 9.1: some files have longer UIDs that still identify instances."""
_LONGEST = 32
_LONGEST_PATIENT_FIELD = 1024


class Subject(Protocol):
    """An open instance, such as `rendicom.engine.Instance`."""

    @property
    def header(self) -> Header:
        """Return the header."""
        ...

    @property
    def sop_class(self) -> str:
        """Return the SOP Class UID, or an empty string."""
        ...

    @property
    def sop_instance(self) -> str:
        """Return the SOP Instance UID, or an empty string."""
        ...

    @property
    def description(self) -> PixelDescription:
        """Return size and number of frames."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def overlay_groups(self, frame: int = 1) -> tuple[int, ...]:
        """Return the groups of the overlay planes of a frame."""
        ...

    def picture(
        self, request: PictureRequest, *, presentation: Any = None, layers: Any = None
    ) -> RenderedImage:
        """Return the requested picture; see `rendicom.engine.Instance.picture`."""
        ...


class InstanceSummary(NamedTuple):
    """Identifiers of an instance, for names, filters and the manifest.

    UIDs, Modality, Series Number and Instance Number are text as in the file, empty if absent;
    there are no data of patients. ``burned_in`` is the reason why the pixels may identify the
    patient, or empty. ``is_image`` is also true for an image without its pixel data.
    """

    study: str = ""
    series: str = ""
    instance: str = ""
    modality: str = ""
    series_number: str = ""
    instance_number: str = ""
    burned_in: str = ""
    is_image: bool = False


def identity_of(instance: Subject) -> InstanceSummary:
    """Return the summary of an instance from its header; it holds no patient's data.

    Of several values the first is taken. Values become printable ASCII of at most 128 characters;
    shortened ones end in a hash of the whole.
    """
    text = instance.header.attributes.text
    return InstanceSummary(
        study=_plain(text(_STUDY), _LONGEST_UID),
        series=_plain(text(_SERIES), _LONGEST_UID),
        instance=_plain(text(_INSTANCE), _LONGEST_UID),
        modality=_plain(text(_MODALITY), _LONGEST),
        series_number=_plain(text(_SERIES_NUMBER), _LONGEST),
        instance_number=_plain(text(_INSTANCE_NUMBER), _LONGEST),
        burned_in=burned_in(instance.header.attributes),
        is_image=is_image(instance.header),
    )


def patient_fields(source: Readable | ByteSource, keywords: Iterable[str]) -> dict[str, str]:
    """Return the first value of each attribute of a file, empty if absent.

    They may be data of a patient: used for names only, if the user allows it. The file is read
    again for them, as other readings of headers leave them out.

    Raises
    ------
    UnreadableSourceError, NotDicomError, CorruptDataError, LimitExceededError
    """
    from pydicom.datadict import tag_for_keyword

    from rendicom.dicom.byte_source import ByteSource, open_source
    from rendicom.dicom.header import read_header

    tags = {keyword: tag_for_keyword(keyword) or 0 for keyword in keywords}
    opened = source if isinstance(source, ByteSource) else open_source(source)
    try:
        attributes = read_header(opened, wanted={_CHARACTER_SET, *tags.values()}).attributes
        return {
            keyword: attributes.text(tag)[:_LONGEST_PATIENT_FIELD] for keyword, tag in tags.items()
        }
    finally:
        opened.close()


def _plain(text: str, most: int) -> str:
    if not (text.isascii() and text.isprintable()):
        text = "".join(letter if " " <= letter <= "~" else "_" for letter in text)
    text = text.strip()
    return text if len(text) <= most else f"{text[: most - 9]}-{hash_of(text)}"


_CODE_STRING = re.compile(r"[A-Z0-9_ ]{1,16}")
_UID = re.compile(r"(?=.{1,64}$)[0-9]+(\.[0-9]+)+")


class Filters(NamedTuple):
    """Filters of instances."""

    modalities: frozenset[str] = frozenset()
    """In capitals; only these are kept; empty for all."""
    series: frozenset[str] = frozenset()
    """Series Instance UIDs; only these are kept; empty for all."""
    skip_burned_in: bool = False
    """Leave out images whose pixels may identify the patient, by
    `rendicom.pixels.burnedin.burned_in`. Images are kept if the header does not tell."""
    only_images: bool = False
    """Leave out objects without pixels; an image whose pixel data are lost is kept, and fails."""

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
