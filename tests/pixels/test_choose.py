"""Which codec is let loose on a stream, and what is said when none is or none can."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import imagecodecs
import numpy as np
import pytest

from rendicom import registry
from rendicom.engine import open_instance
from rendicom.errors import (
    CorruptDataError,
    LimitExceededError,
    RendicomError,
    UnsupportedImageError,
    UnsupportedTransferSyntaxError,
)
from rendicom.options import RenderOptions
from rendicom.pixels import choose
from rendicom.pixels.choose import Stream, decode_stream, in_tree_codecs, sniff
from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.testing import encapsulate, image

ROOM = "rendicom.pixels.codecs"
ROOT = "1.2.840.10008.1.2"
KINDS = sorted({kind for of in registry.declared(ROOM, "CODEC", "streams").values() for kind in of})
GRAY = (np.arange(20 * 30) % 251).astype(np.uint8).reshape(20, 30)


def request(**other: Any) -> DecodeRequest:
    given: dict[str, Any] = {
        "transfer_syntax": f"{ROOT}.4.90",
        "rows": 20,
        "columns": 30,
        "samples_per_pixel": 1,
        "bits_allocated": 8,
        "bits_stored": 8,
        "signed": False,
        "photometric_interpretation": "MONOCHROME2",
        "planar_configuration": 0,
        "max_pixels": 10_000,
        **other,
    }
    return DecodeRequest(**given)


class Fake:
    """A codec that answers, or raises, what it is told to."""

    name = "fake"
    install = "pip install fake"

    def __init__(
        self,
        answer: Decoded | Exception,
        *,
        streams: Sequence[str] = ("rle",),
        rank: int = 10,
        version: str | None = "1",
    ) -> None:
        self.streams, self.rank = streams, rank
        self._answer, self._version = answer, version
        self.asked = 0

    def version(self) -> str | None:
        return self._version

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        self.asked += 1
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


DECODED = Decoded(GRAY)


@pytest.fixture
def codecs(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that puts codecs in the place of all others."""

    def only(*fakes: Fake) -> None:
        monkeypatch.setattr(choose, "_codecs", lambda kind: iter(fakes))

    return only


# --- ours -------------------------------------------------------------------------------------


def test_one_rank_among_the_codecs_of_a_kind() -> None:
    for kind in KINDS:
        ranks = [registry.load(ROOM, name, "CODEC").rank for name in in_tree_codecs(kind)]
        assert ranks == sorted(set(ranks))


def test_one_decode_imports_one_codec() -> None:
    """What a file does not need is not loaded."""
    code = """
import sys
from rendicom.pixels.choose import Stream, decode_stream
from rendicom.pixels.codecs import DecodeRequest
from rendicom.testing import rle
import numpy as np
request = DecodeRequest("1.2.840.10008.1.2.5", 2, 2, 1, 8, 8, False, "MONOCHROME2", 0, 10)
decode_stream(Stream("rle", rle(np.zeros((2, 2), np.uint8))), request)
print(*sorted(name for name in sys.modules if name.startswith("rendicom.pixels.codecs.")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [f"{ROOM}._imagecodecs", f"{ROOM}.rle"]


# --- the chooser ------------------------------------------------------------------------------


def test_first_that_can_decides(codecs: Callable[..., None]) -> None:
    first, second = Fake(DECODED), Fake(DECODED)
    codecs(first, second)
    assert decode_stream(Stream("rle", b"x"), request()) is DECODED
    assert (first.asked, second.asked) == (1, 0)


@pytest.mark.parametrize(
    "refusal",
    [
        CorruptDataError("no"),
        UnsupportedImageError("no"),
        UnsupportedTransferSyntaxError("no"),
        RuntimeError("a fault of its own"),
        MemoryError(),
    ],
)
def test_next_is_asked_when_one_refuses(refusal: Exception, codecs: Callable[..., None]) -> None:
    codecs(Fake(refusal), Fake(DECODED))
    assert decode_stream(Stream("rle", b"x"), request()) is DECODED


def test_too_large_is_too_large_for_all(codecs: Callable[..., None]) -> None:
    second = Fake(DECODED)
    codecs(Fake(LimitExceededError("large")), second)
    with pytest.raises(LimitExceededError):
        decode_stream(Stream("rle", b"x"), request())
    assert not second.asked


def test_missing_library_is_passed_over(codecs: Callable[..., None]) -> None:
    missing = Fake(RuntimeError(), version=None)
    codecs(missing, Fake(DECODED))
    assert decode_stream(Stream("rle", b"x"), request()) is DECODED
    assert not missing.asked


def test_all_missing_says_what_to_install(codecs: Callable[..., None]) -> None:
    codecs(Fake(DECODED, version=None))
    with pytest.raises(UnsupportedTransferSyntaxError, match="JPEG 2000 Lossless") as caught:
        decode_stream(Stream("jpeg2000", b"x"), request())
    assert caught.value.hint == "pip install fake"


def test_no_codec_of_a_kind(codecs: Callable[..., None]) -> None:
    codecs()
    with pytest.raises(UnsupportedTransferSyntaxError) as caught:
        decode_stream(Stream("tape", b"x"), request())
    assert "no library" in caught.value.hint


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_without_its_library(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in in_tree_codecs(kind):
        codec = registry.load(ROOM, name, "CODEC")
        monkeypatch.setattr(type(codec), "version", lambda self: None)
    with pytest.raises(UnsupportedTransferSyntaxError) as caught:
        decode_stream(Stream(kind, b"x"), request())
    assert caught.value.hint == registry.load(ROOM, in_tree_codecs(kind)[0], "CODEC").install


def test_all_refuse(codecs: Callable[..., None]) -> None:
    codecs(Fake(RuntimeError("secret")), Fake(CorruptDataError("it is torn")))
    with pytest.raises(CorruptDataError, match=r"JPEG 2000 Lossless stream .* it is torn"):
        decode_stream(Stream("jpeg2000", b"x"), request())


def test_fault_of_a_codec_names_it_and_no_content(codecs: Callable[..., None]) -> None:
    codecs(Fake(KeyError("Doe^Jane")))
    with pytest.raises(CorruptDataError, match="fake failed: KeyError") as caught:
        decode_stream(Stream("jpeg2000", b"x"), request())
    assert "Doe" not in str(caught.value)


@pytest.mark.parametrize("kind", [UnsupportedImageError, UnsupportedTransferSyntaxError])
def test_what_is_unsupported_stays_so(
    kind: type[RendicomError], codecs: Callable[..., None]
) -> None:
    refusal = kind("hierarchical")
    codecs(Fake(refusal))
    with pytest.raises(kind) as caught:
        decode_stream(Stream("jpeg", b"x"), request())
    assert caught.value is refusal


def test_strict_refuses_what_is_odd_about_a_stream(codecs: Callable[..., None]) -> None:
    fake = Fake(DECODED)
    codecs(fake)
    odd = Stream("rle", b"x", warnings=("it is odd",))
    with pytest.raises(CorruptDataError, match="it is odd"):
        decode_stream(odd, request(strict=True))
    assert not fake.asked
    assert decode_stream(odd, request()) is DECODED


# --- plugins ----------------------------------------------------------------------------------


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that installs codecs as entry points of other distributions."""
    installed: dict[str, Any] = {}

    def forget() -> None:
        registry.discover.cache_clear()
        registry.load.cache_clear()
        choose._plugins.cache_clear()

    def install(**codecs: Any) -> None:
        installed.update(codecs)
        for name, codec in codecs.items():
            monkeypatch.setattr(f"{__name__}.{name}", codec, raising=False)
        points = EntryPoints(EntryPoint(name, f"{__name__}:{name}", ROOM) for name in installed)
        monkeypatch.setattr(
            "importlib.metadata.entry_points",
            lambda **named: points if named == {"group": ROOM} else EntryPoints(),
        )
        forget()

    yield install
    monkeypatch.undo()
    forget()


def test_plugin_of_a_kind_that_we_do_not_know(plugins: Callable[..., None]) -> None:
    plugins(tape=Fake(DECODED, streams=("tape",)))
    assert decode_stream(Stream("tape", b"x"), request()) is DECODED


def test_plugin_comes_after_ours(plugins: Callable[..., None]) -> None:
    other = Fake(DECODED, streams=("jpeg2000",), rank=0)
    plugins(other=other)
    stream = bytes(imagecodecs.jpeg2k_encode(GRAY, codecformat="j2k", reversible=True))
    ours = decode_stream(Stream("jpeg2000", stream), request())
    assert (ours.samples == GRAY).all()
    assert not other.asked
    assert decode_stream(Stream("jpeg2000", stream[:60]), request()) is DECODED


def test_plugins_are_asked_by_rank(plugins: Callable[..., None]) -> None:
    late, early = Fake(DECODED, streams=("tape",), rank=9), Fake(GRAY, streams=("tape",), rank=1)  # type: ignore[arg-type]
    plugins(a_late=late, b_early=early)
    assert decode_stream(Stream("tape", b"x"), request()) is GRAY  # type: ignore[comparison-overlap]
    assert not late.asked


def test_plugin_does_not_replace_ours(plugins: Callable[..., None]) -> None:
    fake = Fake(DECODED, streams=("jpeg2000",))
    plugins(openjpeg=fake)
    with pytest.raises(CorruptDataError):
        decode_stream(Stream("jpeg2000", b"x"), request())
    assert not fake.asked


def test_plugin_that_cannot_be_imported_does_no_harm(
    monkeypatch: pytest.MonkeyPatch, plugins: Callable[..., None]
) -> None:
    plugins()
    points = EntryPoints([EntryPoint("broken", "no_such_module_here:CODEC", ROOM)])
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **named: points)
    with pytest.raises(UnsupportedTransferSyntaxError):
        decode_stream(Stream("tape", b"x"), request())


# --- the kind of a stream ---------------------------------------------------------------------


def described(syntax: str, **other: Any) -> Any:
    with open_instance(image(GRAY)) as opened:
        return opened.description._replace(transfer_syntax=f"{ROOT}{syntax}", **other)


J2K = bytes(imagecodecs.jpeg2k_encode(GRAY, codecformat="j2k", reversible=True))
JPEG = bytes(imagecodecs.jpeg8_encode(GRAY))
LOSSLESS = bytes(imagecodecs.jpeg8_encode(GRAY, lossless=True, predictor=1))


@pytest.mark.parametrize(
    ("data", "syntax", "kind"),
    [
        (JPEG, ".4.50", "jpeg"),
        (LOSSLESS, ".4.50", "jpeg-lossless"),
        (bytes(imagecodecs.jpegls_encode(GRAY)), ".4.70", "jpeg-ls"),
        (J2K, ".4.50", "jpeg2000"),
        (bytes(imagecodecs.htj2k_encode(GRAY)), ".4.90", "htj2k"),
        (bytes(imagecodecs.jpegxl_encode(GRAY)), ".4.90", "jpeg-xl"),
        (J2K, ".5", "jpeg2000"),
        (bytes(100), ".5", "rle"),
        (J2K, ".8.1", "deflate"),
        (J2K, ".1.98", "native"),
        (J2K, ".4.102", "video"),
        (bytes(600), ".4.50", "native"),
        (bytes(601), ".4.50", "native"),
    ],
)
def test_bytes_tell_before_the_transfer_syntax(data: bytes, syntax: str, kind: str) -> None:
    assert sniff(data, described(syntax)).kind == kind


@pytest.mark.parametrize("size", [599, 602])
def test_bytes_of_another_size_are_no_native_frame(size: int) -> None:
    with pytest.raises(CorruptDataError, match="JPEG Baseline"):
        sniff(bytes(size), described(".4.50"))


def test_syntax_that_nobody_knows() -> None:
    with pytest.raises(UnsupportedTransferSyntaxError, match=r"1\.2\.840\.10008\.1\.2\.4\.999"):
        sniff(bytes(600), described(".4.999"))
    known = sniff(JPEG, described(".4.999"))
    assert known.kind == "jpeg"
    assert "transfer syntax does not say" in known.warnings[0]


def test_stream_without_end_is_said() -> None:
    stream = sniff(JPEG[:-2], described(".4.50"))
    assert "cut short" in stream.warnings[0]
    assert not sniff(JPEG + b"\0", described(".4.50")).warnings


# --- a sequence delimiter in the header -------------------------------------------------------

WIDE = np.add.outer(np.arange(64), np.arange(300)).astype(np.uint16)


@pytest.mark.parametrize("encode", [imagecodecs.jpeg2k_encode, imagecodecs.htj2k_encode])
def test_delimiter_in_the_header_is_taken_out(encode: Callable[..., Any]) -> None:
    named = {"codecformat": "j2k"} if encode is imagecodecs.jpeg2k_encode else {}
    stream = bytearray(encode(WIDE, reversible=True, **named))
    stream[6:10] = b"\xfe\xff\xdd\xe0"
    data = image(
        encapsulate([bytes(stream)]), rows=64, columns=300, bits_allocated=16,
        transfer_syntax=f"{ROOT}.4.90",
    )  # fmt: skip
    with open_instance(data) as opened:
        frame = opened.frame(1)
        assert (frame.samples == WIDE).all()
        assert "sequence delimiter" in frame.warnings[0]
        with pytest.raises(CorruptDataError, match="sequence delimiter"):
            opened.frame(1, RenderOptions(strict=True))


def test_real_file_with_a_delimiter_in_its_header(pydicom_file: Callable[[str], Any]) -> None:
    """The stream ends where its only tile part says, so nothing else of it is missing."""
    path = pydicom_file("JPEG2000-embedded-sequence-delimiter.dcm")
    with open_instance(path) as opened:
        frame = opened.frame(1)
    assert frame.samples.shape == (1024, 256)
    assert frame.signed
    # A whole body from head to feet, in the middle, on an even ground.
    ground = np.concatenate([frame.samples[:60].ravel(), frame.samples[960:].ravel()])
    assert np.ptp(ground) < 12
    assert frame.samples[100:850, 60:200].mean() > ground.mean() + 15


@pytest.mark.parametrize("count", [0, 2, 255])
@pytest.mark.parametrize("encode", [imagecodecs.jpeg2k_encode, imagecodecs.htj2k_encode])
def test_number_of_tile_parts_that_is_a_lie(encode: Callable[..., Any], count: int) -> None:
    named = {"codecformat": "j2k"} if encode is imagecodecs.jpeg2k_encode else {}
    stream = bytearray(encode(GRAY, reversible=True, **named))
    stream[stream.index(b"\xff\x90") + 11] = count
    data = image(encapsulate([bytes(stream)]), rows=20, columns=30, transfer_syntax=f"{ROOT}.4.90")
    with open_instance(data) as opened:
        assert (opened.frame(1).samples == GRAY).all()
