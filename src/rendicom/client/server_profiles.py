"""Known servers and the requests that they support; see docs/guides/get.md.

A profile only tells which requests to try first. The last one is for all other servers.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

_MULTIPART = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_MULTIPART_PLAIN = 'multipart/related; type="application/dicom"'
_SINGLE = "application/dicom; transfer-syntax=*"
_SINGLE_PLAIN = "application/dicom"


class ServerProfile(NamedTuple):
    """Properties of one kind of server."""

    server: str
    """Its name in docs/guides/get.md."""
    host: str = ""
    path: str = ""
    """Patterns of its base URL."""
    instance_accepts: tuple[str, ...] = (
        _MULTIPART,
        _SINGLE,
        _MULTIPART_PLAIN,
        _SINGLE_PLAIN,
        "*/*",
    )
    """Media types for retrieving an instance, tried one by one in this order, since some servers
    refuse lists."""
    page: int = 500
    """Number of results per request of a search."""
    has_whole_metadata: bool = True
    """Metadata contain, or refer to, all attributes that a picture needs."""


OWN = ServerProfile(
    "rendicom serve", instance_accepts=(_SINGLE, _MULTIPART, _SINGLE_PLAIN, _MULTIPART_PLAIN, "*/*")
)
"""Profile of a server whose capabilities identify it as `rendicom serve`."""

SERVER_PROFILES = (
    ServerProfile("Google Cloud Healthcare API", host=r"healthcare\.googleapis\.com"),
    ServerProfile(
        "Azure Health Data Services, microsoft/dicom-server",
        host=r".+\.dicom\.azurehealthcareapis\.com",
        # A larger limit is refused; metadata lack OB, OW and UN values.
        page=200,
        has_whole_metadata=False,
    ),
    ServerProfile("AWS HealthImaging", host=r"dicom-medical-imaging\..+\.amazonaws\.com"),
    ServerProfile("dcm4chee-arc", path=r".*/dcm4chee-arc/aets/[^/]+/rs"),
    ServerProfile(
        "Orthanc with its DICOMweb plugin",
        path=r".*/dicom-web",
        instance_accepts=(_MULTIPART, _MULTIPART_PLAIN, "*/*"),
    ),
    OWN,
    ServerProfile("any other"),
)


def profile_of(base: str) -> ServerProfile:
    """Return the profile of the server at a base URL."""
    parts = urlsplit(base)
    for profile in SERVER_PROFILES:
        if profile.host and re.fullmatch(profile.host, parts.hostname or ""):
            return profile
        if profile.path and re.fullmatch(profile.path, parts.path):
            return profile
    return SERVER_PROFILES[-1]
