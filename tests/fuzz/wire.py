"""Targets of what clients send: multipart messages, queries, media types, parameters, addresses."""

from __future__ import annotations

from random import Random
from typing import Any
from urllib.parse import parse_qsl

from findings import Case, Target, require
from mutations import INTEGERS, damaged_bytes, damaged_text, hostile_text

from rendicom.dicomweb.accepts import Accepts
from rendicom.dicomweb.header_fields import format_media_type, parse_media_type
from rendicom.dicomweb.mediatypes import Offer, choose, choose_charset, choose_rendered
from rendicom.dicomweb.message_parts import Limits
from rendicom.dicomweb.multipart import MultipartReader, read_multipart
from rendicom.dicomweb.query import parse_query
from rendicom.dicomweb.rendered_parameters import check_media_type, parse_rendered
from rendicom.dicomweb.resources import check_uid, parse_frames
from rendicom.dicomweb.wadouri import parse_wado_uri
from rendicom.errors import RendicomError
from rendicom.options import RenderOptions

__all__ = ["TARGETS"]

_LIMITS = Limits(preamble=4096, headers=2048, part=100_000, parts=50, memory=1000)
_TYPES = (
    "image/jpeg",
    "image/png",
    "image/*",
    "*/*",
    "application/dicom",
    "application/dicom+json",
    "application/octet-stream",
    "video/mp4",
    "text/html",
    "application/dicom+xml",
    "image/gif",
    "",
    'multipart/related;type="image/jpeg"',
    'multipart/related; type="application/dicom"',
    'multipart/related;type="application/octet-stream";transfer-syntax=*',
    "application/json",
    "image/jpeg;q=0.5",
    "image/jp2;q=0",
    "*/*;q=0.001",
    "text/plain;charset=latin-1",
    "image/jpeg;q=2",
    'multipart/related;type="application/octet-stream";transfer-syntax=1.2.840.10008.1.2.4.50',
    "a/b",
)
_CATEGORIES = ("single-frame", "multi-frame", "video", "text", "presentation-state", "other")
_VALUES: dict[str, tuple[str, ...]] = {
    "viewport": ("100,100", "100,100,0,0,10,10", "5,5,,,-3,-3", "256,256,1.5,2,,"),
    "window": ("40,400,linear", "1,2,sigmoid", "5,1,linear-exact"),
    "quality": ("1", "50", "101"),
    "annotation": ("patient", "technique,patient", '"x"'),
    "iccprofile": ("no", "yes", "srgb"),
    "accept": ("image/png", "image/jpeg,image/png;q=0.5"),
    "charset": ("utf-8", "latin-1,utf-8"),
    "limit": ("0", "1", "999999999999"),
    "offset": ("0", "5"),
    "fuzzymatching": ("true", "x"),
    "includefield": ("all", "00100010", "PatientName,StudyDate", "00081199.00081155"),
    "requestType": ("WADO",),
    "studyUID": ("1.2.3",),
    "seriesUID": ("1.2.4",),
    "objectUID": ("1.2.5",),
    "contentType": ("image/jpeg", "application/dicom", "image/png,image/jpeg"),
    "rows": ("10", "0"),
    "columns": ("10", "99999"),
    "region": ("0,0,1,1", ".25,.25,.75,.75"),
    "windowCenter": ("40",),
    "windowWidth": ("400",),
    "frameNumber": ("1", "2"),
    "imageQuality": ("50",),
    "anonymize": ("yes",),
    "presentationUID": ("1.2.6",),
    "presentationSeriesUID": ("1.2.7",),
    "transferSyntax": ("*", "1.2.840.10008.1.2.1"),
    "frames": ("1-3,7", "1", "all"),
    "rotate": ("90",),
    "voi": ("minmax", "percentile:1,99"),
}
_SEARCHED: dict[str, tuple[str, ...]] = {
    "PatientName": ("Doe*", "Doe^Jane", "d?e", '""', "DOE", "M\u00fcller*", "a_b%"),
    "PatientID": ("P1", "*", "P1,P2"),
    "StudyDate": ("20240229", "20240101-", "-20240301", "20240101-20241231", "2024", "20241399"),
    "StudyTime": ("12", "120000-130000", "-1200", "115959.999999-"),
    "ModalitiesInStudy": ("CT", "CT\\MR", "C*"),
    "00100010": ("Doe",),
    "SeriesNumber": ("1", "1e0", "+1"),
    "InstanceNumber": ("1", "-1"),
    "Rows": ("6", "6.0"),
    "NumberOfFrames": ("3",),
    "SOPClassUID": ("1.2.840.10008.5.1.4.1.1.2",),
    "StudyInstanceUID": ("1.2.3.1", "1.2.3.1,1.9"),
    "RequestAttributesSequence.ScheduledProcedureStepID": ("x",),
    "00400275.00400009": ("x", "*"),
    "PatientBirthDate": ("19700101", "19700000"),
    "StudyDescription": ("ch*t", "Chest"),
    "OtherPatientIDs": ("x",),
    "AcquisitionDateTime": ("20240229120000-", "2024"),
    "TimezoneOffsetFromUTC": ("+0100",),
    "NumberOfStudyRelatedInstances": ("1",),
}


def _pairs(
    random: Random, known: dict[str, tuple[str, ...]], most: int = 5
) -> list[tuple[str, str]]:
    pairs = []
    for name in random.sample(list(known), random.randint(1, min(most, len(known)))):
        value = random.choice(known[name])
        if random.random() < 0.25:
            value = (
                damaged_text(random, value, letters=",;-*?\\^.\"'%_ ")
                if random.random() < 0.6
                else hostile_text(random)
            )
        if random.random() < 0.08:
            name = damaged_text(random, name, letters=".")
        pairs.append((name, value))
        if random.random() < 0.05:
            pairs.append((name, value))
    return pairs


def _accept(random: Random) -> str | None:
    if random.random() < 0.05:
        return None
    text = random.choice((",", ", ", " ,,")).join(random.choices(_TYPES, k=random.randint(1, 4)))
    return damaged_text(random, text, letters=';,="/*q\\') if random.random() < 0.6 else text


def negotiate(case: Case) -> str:
    """What is chosen is among what is offered and accepted; else a typed refusal."""
    random = case.random
    query = None if random.random() < 0.6 else _accept(random)
    accepts = Accepts.parse(_accept(random), query, is_lenient=random.random() < 0.5)
    if random.random() < 0.5:
        category: Any = random.choice(_CATEGORIES)
        offers = random.choice(((), ("text/html", "text/plain"), ("video/mp4",)))
        chosen = choose_rendered(
            accepts, category, offers=offers, is_single=random.random() < 0.5,
            is_thumbnail=random.random() < 0.2, is_still=random.random() < 0.2,
        )  # fmt: skip
        choose_charset(
            media_type=chosen.charset, query=hostile_text(random), header=_accept(random)
        )
    else:
        offers = (
            Offer("application/dicom+json"), Offer("multipart/related", "either"),
            Offer("application/octet-stream", "multipart", ("1.2.840.10008.1.2.1", "*")),
        )  # fmt: skip
        chosen = choose(accepts, offers=offers)
        require(chosen.media_type in [each.media_type for each in offers], "not among the offers")
    return "chosen"


def media_types(case: Case) -> str:
    """A media type that is read is the same when it is written and read again."""
    random = case.random
    text = damaged_text(random, random.choice(_TYPES), letters=';="/\\ \t')
    found = parse_media_type(text)
    again = parse_media_type(format_media_type(found.essence, found.parameters))
    require(again == found, f"{text!r}: {found} and {again}")
    return "read"


def rendered(case: Case) -> str:
    """Parameters of rendered resources give options that can be used."""
    random = case.random
    query = parse_rendered(
        _pairs(random, _VALUES), is_thumbnail=random.random() < 0.2,
        is_presentation_state=random.random() < 0.2,
    )  # fmt: skip
    check_media_type(query.options, random.choice(("image/jpeg", "image/gif", "image/png")))
    again = RenderOptions.parse(dict(parse_qsl(query.options.canonical(), keep_blank_values=True)))
    require(again == query.options, f"{query.options.canonical()!r} is read as something else")
    return "read"


def wado(case: Case) -> str:
    """Parameters of WADO-URI give a request that can be answered."""
    random = case.random
    uids = zip(("studyUID", "seriesUID", "objectUID"), ("1.2.1", "1.2.2", "1.2.3"), strict=True)
    pairs = [("requestType", "WADO"), *uids]
    known = {
        name: values
        for name, values in _VALUES.items()
        if name not in dict(pairs) or random.random() < 0.05
    }
    pairs += _pairs(random, known)
    random.shuffle(pairs)
    found = parse_wado_uri(pairs, _accept(random), is_lenient=random.random() < 0.5)
    viewport = found.viewport(random.choice((1, 512, 65535)), random.choice((1, 300)))
    require(viewport is None or viewport.width >= 1, "a viewport without width")
    found.check_frame(random.choice((1, 3)))
    if not found.wants_dicom:
        found.choose("single-frame")
    return "read"


def search(case: Case) -> str:
    """A query is refused or searched for, whatever its patterns mean to a database."""
    from catalogues import catalogue

    random = case.random
    level: Any = random.choice(("studies", "series", "instances"))
    known = _SEARCHED | {
        name: _VALUES[name] for name in ("limit", "offset", "fuzzymatching", "includefield")
    }
    query = parse_query(_pairs(random, known), level=level)
    found = catalogue().search(
        level, query, *random.choice(((), ("1.2.3.1",), ("1.2.3.1", "1.2.3.2")))
    )
    require(isinstance(found.models, list | tuple), "no list")
    return "found" if found.models else "nothing"


def paths(case: Case) -> str:
    """UIDs and frame lists."""
    random = case.random
    text = damaged_text(random, random.choice(("1.2.840.10008", "1", "0.0")), letters=".0123456789")
    try:
        check_uid(text, what="study")
    except RendicomError:
        pass
    else:
        require(set(text) <= set("0123456789."), f"{text!r} is taken for a UID")
    frames = parse_frames(
        damaged_text(
            random,
            random.choice(("1,2,7", "1", str(random.choice(INTEGERS)))),
            letters=",-0123456789",
        )
    )
    require(
        all(frame >= 1 for frame in frames) and list(frames) == sorted(set(frames)), f"{frames}"
    )
    return "read"


def addresses(case: Case) -> str:
    """Addresses that a client is given."""
    from rendicom.client.resource_urls import parse_address

    random = case.random
    url = random.choice((
        "https://host/dicomweb/studies/1.2/series/1.3/instances/1.4/frames/1,2", "http://h:8042/wado?requestType=WADO&studyUID=1.2&seriesUID=1&objectUID=3",
        "https://user:pw@[::1]:99/rs/studies?PatientID=P1&limit=5", "http://host/dicomweb/studies/1.2/rendered?viewport=5,5",
    ))  # fmt: skip
    parse_address(damaged_text(random, url, letters=":/?#[]@!$&'()*+,;=%"))
    return "read"


# --- multipart -----------------------------------------------------------------------------------


def _message(random: Random) -> tuple[str, bytes]:
    boundary = random.choice(("b", "xyz", "a b", "'()+_,-./:=?", "-" * 70, "b" * 71, "\u00e9"))
    parts = []
    for number in range(random.randint(0, 4)):
        headers = [f"Content-Type: {random.choice(_TYPES)}", f"Content-Location: http://x/{number}"]
        headers += random.sample(
            ("Content-Length: 5", "X: y", ": ", "Content-Type : a", "content-type:", " folded"),
            random.choice((0, 0, 1)),
        )
        body = random.choice(
            (b"", b"x", b"--b", b"\r\n--", b"\r\n--b", random.randbytes(random.choice((9, 1500))))
        )
        parts.append("\r\n".join(headers).encode("utf-8", "replace") + b"\r\n\r\n" + body)
    mark = b"--" + boundary.encode("utf-8", "replace")
    data = random.choice((b"", b"preamble\r\n")) + b"".join(
        mark + b"\r\n" + part + b"\r\n" for part in parts
    )
    data += mark + random.choice((b"--", b"--\r\n", b"", b"--x", b"-- \r\nepilogue"))
    content_type = f'multipart/related; type="application/dicom"; boundary="{boundary}"'
    if random.random() < 0.4:
        data = damaged_bytes(random, data, most=3)
    if random.random() < 0.2:
        content_type = damaged_text(random, content_type, letters=';="')
    return content_type, data


def multipart(case: Case) -> str:
    """However a message is cut into pieces, it has the same parts."""
    random = case.random
    content_type, data = _message(random)
    case.file(content_type.encode("utf-8", "replace") + b"\n" + data, "message")
    cuts = sorted(random.choices(range(len(data) + 1), k=random.choice((1, 3, 20))))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    if random.random() < 0.1:
        pieces = [data[at : at + 1] for at in range(min(len(data), 3000))] + [data[3000:]]

    def whole() -> Any:
        return read_multipart(content_type, data, limits=_LIMITS)

    def piecewise() -> Any:
        with MultipartReader(content_type, limits=_LIMITS) as reader:
            found = [part for piece in pieces for part in reader.feed(piece)]
            reader.finish()
        return found

    one, other = _parts(whole), _parts(piecewise)
    require(one == other, f"whole: {_told(one)}; in pieces: {_told(other)}")
    return one if isinstance(one, str) else "read"


def _parts(read: Any) -> Any:
    try:
        parts = read()
    except RendicomError as error:
        return error.code
    found = [(dict(part.headers), part.read(), part.size) for part in parts]
    for part in parts:
        part.close()
    require(all(len(body) == size for _, body, size in found), "a part of another size")
    return found


def _told(outcome: Any) -> str:
    return outcome if isinstance(outcome, str) else f"{len(outcome)} parts"


TARGETS = (
    Target("accept", 8, negotiate),
    Target("mediatype", 4, media_types),
    Target("rendered", 8, rendered),
    Target("wado", 8, wado),
    Target("search", 6, search),
    Target("paths", 3, paths),
    Target("addresses", 3, addresses),
    Target("multipart", 10, multipart),
)
