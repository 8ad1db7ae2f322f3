"""WADO-URI: one instance by query parameters (PS3.18 9)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom.dicom.transfer_syntaxes import (
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    syntax_name,
)
from rendicom.dicomweb.accepts import DICOM, Accepts
from rendicom.dicomweb.mediatypes import Choice, choose_rendered
from rendicom.dicomweb.rendered_parameters import (
    MOST_VIEWPORT_PIXELS,
    Keywords,
    given,
    read,
    read_annotation,
    read_decimals,
)
from rendicom.dicomweb.resources import Resource, check_uid
from rendicom.errors import BadRequestError, NotAcceptableError, OptionError
from rendicom.options import RenderOptions, parameters
from rendicom.values import Viewport, Window

if TYPE_CHECKING:
    from rendicom.dicomweb.mediatypes import Category

_REQUIRED = {"studyUID": "study", "seriesUID": "series", "objectUID": "instance"}
_OF_OBJECTS = ("anonymize", "transferSyntax")
_OF_PICTURES = (
    "frameNumber", "annotation", "imageAnnotation", "imageQuality", "rows", "columns", "region",
    "windowCenter", "windowWidth", "presentationSeriesUID", "presentationUID",
)  # fmt: skip
# Parameters that may not be combined with a presentation state.
_DECIDED_BY_STATES = ("frameNumber", "windowCenter", "windowWidth")
_TOGETHER = (("windowCenter", "windowWidth"), ("presentationSeriesUID", "presentationUID"))

WADO_PARAMETERS = (
    "requestType", *_REQUIRED, "contentType", "charset", *_OF_OBJECTS, *_OF_PICTURES
)  # fmt: skip
"""Every supported parameter, by its name in the query."""

AS_STORED = "*"
_POSITIVE = re.compile(r"0*[1-9][0-9]{0,9}", re.ASCII)
_NEVER_SENT = frozenset((IMPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN))


class WadoUri(NamedTuple):
    """A parsed request."""

    resource: Resource
    """The instance, or one frame of it."""
    wants_dicom: bool
    """The object itself is requested, not a picture of it."""
    accepts: Accepts
    """Media types that are accepted."""
    transfer_syntax: str = EXPLICIT_LITTLE_ENDIAN
    """Of the object; ``*`` is "as stored", an extension that viewers use."""
    is_anonymous: bool = False
    """The object must not identify the patient."""
    charset: str = ""
    """As it was given."""
    options: RenderOptions = RenderOptions()
    """Rendering options, without the size."""
    rows: int | None = None
    columns: int | None = None
    """Largest numbers of rows and columns of the picture."""
    region: tuple[float, float, float, float] | None = None
    """Left, top, right and bottom as fractions of the image."""
    presentation: Resource | None = None
    """The presentation state to apply; it is in the same study."""
    warnings: tuple[str, ...] = ()
    """Requested features that are left out."""

    def check_frame(self, number_of_frames: int) -> None:
        """Refuse a frame number that an instance does not have, or needs none of (9.5.1.2.5).

        Raises
        ------
        BadRequestError
        """
        for frame in self.resource.frames:
            if number_of_frames == 1 or frame > number_of_frames:
                raise BadRequestError(
                    f"the image has {number_of_frames} frames: frameNumber is out of range",
                    parameter="frameNumber",
                    frame=frame,
                )

    def choose(self, category: Category, *, offers: Sequence[str] = ()) -> Choice:
        """Return the media type of the picture; one frame represents all, except in a loop.

        Parameters are as for `rendicom.dicomweb.mediatypes.choose_rendered`.

        Raises
        ------
        NotAcceptableError
        """
        return choose_rendered(self.accepts, category, offers=offers, is_single=True, is_still=True)

    def viewport(self, image_rows: int, image_columns: int) -> Viewport | None:
        """Return region and size for an image of the given size; ``None`` for the whole image.

        Raises
        ------
        BadRequestError
            The picture would be too large.
        """
        if self.region is None and self.rows is None and self.columns is None:
            return None
        left, top, right, bottom = self.region or (0.0, 0.0, 1.0, 1.0)
        x, width = _interval(left, right, image_columns)
        y, height = _interval(top, bottom, image_rows)
        bounds = [
            limit / size for limit, size in ((self.columns, width), (self.rows, height)) if limit
        ]
        scale = min(bounds, default=1.0)
        # An unspecified side must not limit the other one.
        size = (self.columns or math.ceil(width * scale), self.rows or math.ceil(height * scale))
        if size[0] * size[1] > MOST_VIEWPORT_PIXELS:
            name = "columns" if self.columns else "rows"
            raise BadRequestError("a picture of this size is not supported", parameter=name)
        return Viewport(*size, *(() if self.region is None else (x, y, width, height)))


def _interval(low: float, high: float, size: int) -> tuple[int, int]:
    """Return the first pixel of a region and its length, at least one."""
    first = min(math.floor(low * size + 0.5), size - 1)
    return first, max(1, math.floor(high * size + 0.5) - first)


def parse_wado_uri(
    pairs: Sequence[tuple[str, str]], accept: str | None, *, is_lenient: bool = False
) -> WadoUri:
    """Return the parsed query of a WADO-URI request (PS3.18 9.4 and 9.5).

    Parameters
    ----------
    pairs
        Percent-decoded names and values. Other names are ignored.
    accept
        The Accept header.
    is_lenient
        Treat a missing header as ``*/*``, give contentType precedence, and accept the transfer
        syntax ``*`` for "as stored".

    Raises
    ------
    BadRequestError
        A parameter is missing, malformed or contradicts others; ``parameter`` names it.
    NotAcceptableError
        Media type or transfer syntax are valid, but not available.
    """
    texts = given(pairs, WADO_PARAMETERS)
    resource = _resource(texts)
    accepts = _accepts(texts, accept, is_lenient=is_lenient)
    wants_dicom = _wants_dicom(accepts)
    _check_kind(texts, wants_dicom=wants_dicom)
    _check_company(texts)
    annotation = _annotation(texts)
    region = _region(texts)
    presentation = None
    if "presentationUID" in texts:
        series, instance = (check_uid(texts[name], what=name) for name in _TOGETHER[1])
        presentation = Resource(resource.study, series, instance)
    return WadoUri(
        resource=resource,
        wants_dicom=wants_dicom,
        accepts=accepts,
        transfer_syntax=_transfer_syntax(texts.get("transferSyntax"), is_lenient=is_lenient),
        is_anonymous="anonymize" in texts,
        charset=texts.get("charset", ""),
        options=_options(texts, annotation),
        rows=_positive(texts, "rows"),
        columns=_positive(texts, "columns"),
        region=region,
        presentation=presentation,
        warnings=annotation.warnings,
    )


def _resource(texts: Mapping[str, str]) -> Resource:
    if texts.get("requestType") != "WADO":
        raise BadRequestError(
            "requestType is not WADO" if "requestType" in texts else "requestType is missing",
            hint="URIs of WADO-URI begin with ?requestType=WADO; the resources of DICOMweb are at"
            " /dicomweb/studies",
            parameter="requestType",
        )
    for name in _REQUIRED:
        if name not in texts:
            raise BadRequestError(f"{name} is missing", parameter=name)
    uids = {level: check_uid(texts[name], what=name) for name, level in _REQUIRED.items()}
    frame = _positive(texts, "frameNumber")
    return Resource(**uids, frames=() if frame is None else (frame,))


def _accepts(texts: Mapping[str, str], accept: str | None, *, is_lenient: bool) -> Accepts:
    """Return the media types of contentType and the Accept header (9.5.1.1.1)."""
    name = "contentType"
    if is_lenient and name in texts:
        # Viewers send the same Accept header with all requests, and mean the query.
        accept = "*/*"
    accepts = Accepts.parse(accept, texts.get(name), is_lenient=is_lenient, parameter=name)
    for each in accepts.query:
        if each.is_multipart:
            raise BadRequestError("contentType cannot be multipart", parameter=name)
        if found := {"transfer-syntax", "charset"} & set(each.parameters):
            hint = "transferSyntax and charset are separate parameters"
            raise BadRequestError(
                f"contentType has the parameter {min(found)}", hint=hint, parameter=name
            )
    named = {each.essence for each in accepts.query}
    if DICOM in named and len(named) > 1:
        raise BadRequestError("contentType has more than application/dicom", parameter=name)
    return accepts


def _wants_dicom(accepts: Accepts) -> bool:
    """Tell whether the object itself is preferred."""
    ranges = [each for each in accepts.query or accepts.header if each.q > 0]
    most = max((each.q for each in ranges), default=0.0)
    return any(
        each.essence == DICOM and not each.is_multipart and each.q == most for each in ranges
    )


def _check_kind(texts: Mapping[str, str], *, wants_dicom: bool) -> None:
    """Refuse parameters of pictures for objects, and those of objects for pictures."""
    for name in _OF_PICTURES if wants_dicom else _OF_OBJECTS:
        if name in texts:
            kind = "pictures" if wants_dicom else "application/dicom"
            raise BadRequestError(f"{name} is for {kind} only", parameter=name)
    if texts.get("anonymize", "yes") != "yes":
        raise BadRequestError("anonymize is not yes", parameter="anonymize")


def _check_company(texts: Mapping[str, str]) -> None:
    """Refuse half of a pair, and parameters that the presentation state determines."""
    for pair in _TOGETHER:
        missing = [name for name in pair if name not in texts]
        if len(missing) == 1:
            raise BadRequestError(
                f"{' and '.join(pair)} must be given together", parameter=missing[0]
            )
    for name in _DECIDED_BY_STATES if "presentationUID" in texts else ():
        if name in texts:
            raise BadRequestError(f"{name} is not for presentation states", parameter=name)


def _transfer_syntax(text: str | None, *, is_lenient: bool) -> str:
    if text is None:
        return EXPLICIT_LITTLE_ENDIAN
    if text == AS_STORED and is_lenient:
        return text
    check_uid(text, what="transferSyntax")
    if text in _NEVER_SENT or syntax_name(text) == text:
        raise NotAcceptableError(
            "objects are not sent in this transfer syntax",
            hint=f"leave transferSyntax out for {syntax_name(EXPLICIT_LITTLE_ENDIAN)}",
        )
    return text


def _positive(texts: Mapping[str, str], name: str) -> int | None:
    text = texts.get(name)
    if text is not None and not _POSITIVE.fullmatch(text):
        raise BadRequestError(f"{name} is not a positive whole number", parameter=name)
    return None if text is None else int(text)


def _annotation(texts: Mapping[str, str]) -> Keywords:
    """Return the keywords; the standard has two names for the parameter."""
    names = [name for name in ("annotation", "imageAnnotation") if name in texts]
    if len(names) > 1:
        raise BadRequestError("annotation is given twice", parameter=names[1])
    return read(names[0], read_annotation, texts[names[0]]) if names else Keywords()


def _options(texts: Mapping[str, str], annotation: Keywords) -> RenderOptions:
    values: dict[str, Any] = {"annotation": annotation.text}
    if "imageQuality" in texts:
        quality = parameters()["quality"].parse
        values["quality"] = read("imageQuality", quality, texts["imageQuality"])
    for name in ("windowCenter", "windowWidth"):
        if name in texts:
            read(name, _one_decimal, texts[name])
    if "windowWidth" in texts:
        text = f"{texts['windowCenter']},{texts['windowWidth']}"
        values["window"] = read("windowWidth", Window.parse, text)
    return RenderOptions(**values)


def _one_decimal(text: str) -> float:
    numbers = read_decimals(text, what="window")
    if len(numbers) != 1 or numbers[0] is None:
        raise OptionError(f"window: {text!r} is not a decimal number")
    return numbers[0]


def _region(texts: Mapping[str, str]) -> tuple[float, float, float, float] | None:
    if "region" not in texts:
        return None
    left, top, right, bottom = read("region", _fractions, texts["region"])
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise BadRequestError(
            "region is not within 0 to 1, from top left to bottom right", parameter="region"
        )
    return left, top, right, bottom


def _fractions(text: str) -> tuple[float, ...]:
    numbers = tuple(number for number in read_decimals(text, what="region") if number is not None)
    if len(numbers) != 4 or text.count(",") != 3:
        raise OptionError("region is not of the form left,top,right,bottom")
    return numbers
