"""The habits of servers: the one table of what is known of them, and where it is known from.

Nothing here makes a server unusable: it says what to try first, what not to ask for, and what not
to believe. Of a server that nobody has heard of the last row holds.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["HABITS", "Habits", "habits_of"]

_MULTIPART = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_MULTIPART_PLAIN = 'multipart/related; type="application/dicom"'
_SINGLE = "application/dicom; transfer-syntax=*"
_SINGLE_PLAIN = "application/dicom"


class Habits(NamedTuple):
    """What is known of a kind of server.

    Attributes
    ----------
    server
        Its name.
    host, path
        Patterns that its addresses follow, where they do.
    instance_accepts
        How an instance is asked for, in the order in which it is tried; the one that works is
        remembered. One media type each: some servers refuse lists (Orthanc for pictures).
    page
        Results asked for at once in a search.
    has_search_below_root
        All series, and all instances, of the whole server can be searched.
    has_whole_metadata
        Metadata hold, or point to, all that a picture needs.
    trusts_capabilities
        What it lists in its capabilities is what it does.
    never_remote
        It is known not to render, or not as asked: no trial is worth the time.
    notes
        Habits as a person reads them.
    known_from
        Where all this is from.
    """

    server: str
    host: str = ""
    path: str = ""
    instance_accepts: tuple[str, ...] = (
        _MULTIPART,
        _SINGLE,
        _MULTIPART_PLAIN,
        _SINGLE_PLAIN,
        "*/*",
    )
    page: int = 500
    has_search_below_root: bool = True
    has_whole_metadata: bool = True
    trusts_capabilities: bool = False
    never_remote: bool = False
    notes: tuple[str, ...] = ()
    known_from: str = ""


HABITS = (
    Habits(
        "Google Cloud Healthcare API",
        host=r"healthcare\.googleapis\.com",
        page=500,
        notes=(
            "the base is .../datasets/DATASET/dicomStores/STORE/dicomWeb",
            "tokens of OAuth 2, good for an hour: a file that somebody renews is read again",
            "no thumbnails, no capabilities, no WADO-URI",
            "pictures of instances and frames only; of the parameters viewport alone",
            "a single application/dicom is an extension that it has",
        ),
        known_from="documentation: DICOM conformance statement, reference of retrieveRendered",
    ),
    Habits(
        "Azure Health Data Services, microsoft/dicom-server",
        host=r".+\.dicom\.azurehealthcareapis\.com",
        page=200,
        has_whole_metadata=False,
        notes=(
            "the base ends in the version: https://HOST/v2",
            "a search gives 100 results where no limit is asked for, and refuses one above 200",
            "metadata are without OB, OW and UN values: no palettes, no lookup tables",
            "of several frames the first is rendered; of the parameters quality alone",
            "names in place of UIDs may have letters",
            "404 for a picture of what has no pixels, 406 for one that is too large",
        ),
        known_from="documentation: version 2 conformance statement",
    ),
    Habits(
        "AWS HealthImaging",
        host=r"dicom-medical-imaging\..+\.amazonaws\.com",
        page=500,
        has_search_below_root=False,
        never_remote=True,
        notes=(
            "the base is https://HOST/datastore/ID",
            "renders nothing: instances, metadata and frames only",
            "series are searched below a study and instances below a series; 10,000 at most",
            "requests are signed, or have a bearer token of OpenID Connect: here only the token",
        ),
        known_from="documentation: developer guide, Using DICOMweb with AWS HealthImaging",
    ),
    Habits(
        "dcm4chee-arc",
        path=r".*/dcm4chee-arc/aets/[^/]+/rs",
        notes=(
            "capabilities list parameters that do nothing (annotation)",
            "several frames come as an animated GIF",
            "pictures are scaled to the nearest pixel",
        ),
        known_from="its source code, not run",
    ),
    Habits(
        "Orthanc with its DICOMweb plugin",
        path=r".*/dicom-web",
        instance_accepts=(_MULTIPART, _MULTIPART_PLAIN, "*/*"),
        notes=(
            "ignores the file's own window: without ?window= least to greatest are stretched",
            "window=...,linear-exact is wrong by up to half the range",
            "viewport pads to the exact size with black, and takes the nearest pixel",
            "VOI and modality LUTs, overlays, padding and pixel aspect are ignored",
            "commas in a query must not be percent-encoded",
            "Accept for a picture is one media type: lists, weights and image/* get 400",
            "application/dicom alone gets 400: instances come as multipart, also a single one",
            "a picture of several frames, and of a series or study, is one frame of one instance",
            "the type of a part stands with its transfer syntax inside the quotes of type=",
            "unknown parameters and search keys are ignored",
            "OPTIONS gets 404; connections are closed after a second without a request",
        ),
        known_from="measured: Orthanc 1.10.1 with plugin 1.7, and 1.12.7 with plugin 1.20",
    ),
    Habits(
        "rendicom serve",
        path=r".*/dicomweb",
        instance_accepts=(_SINGLE, _MULTIPART, _SINGLE_PLAIN, _MULTIPART_PLAIN, "*/*"),
        trusts_capabilities=True,
        notes=("renders as this program does: pictures are the same, byte for byte",),
        known_from="measured",
    ),
    Habits(
        "any other",
        notes=(
            "206 stands for 200, as PS3.18 had it before 2025",
            "multipart is taken where a single part was asked for, and the other way round",
            "Content-Location and RetrieveURL are not relied on",
            "a page of results may be shorter than asked for, and offset may be ignored",
        ),
        known_from="PS3.18, and what clients of others report",
    ),
)


def habits_of(base: str) -> Habits:
    """Return what is known of the server at an address.

    The path alone proves little, so it decides of the order in which things are tried, and of
    no more: see `Habits.trusts_capabilities` for what else has to be seen.
    """
    parts = urlsplit(base)
    for habits in HABITS:
        if habits.host and re.fullmatch(habits.host, parts.hostname or ""):
            return habits
        if habits.path and re.fullmatch(habits.path, parts.path):
            return habits
    return HABITS[-1]
