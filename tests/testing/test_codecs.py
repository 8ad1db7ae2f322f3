"""Every codec that is found passes the tests that ship for codecs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rendicom.registry import discover
from rendicom.testing.codecs import CodecTests, examples

CODECS = discover("rendicom.pixels.codecs", "CODEC")

for _name, _codec in CODECS.items():
    if _codec.version() is not None:
        globals()[f"Test_{_name}"] = type(f"Test_{_name}", (CodecTests,), {"codec": _codec})


def test_every_kind_of_stream_has_a_codec() -> None:
    decoded = {kind for codec in CODECS.values() for kind in codec.streams}
    assert {example.kind for example in examples()} <= decoded


def test_the_suite_notices_a_codec_that_lies() -> None:
    class Lying(CodecTests):
        codec = next(codec for codec in CODECS.values() if "rle" in codec.streams)

    suite = Lying()
    suite.test_decodes_what_was_encoded()
    broken = [replace(example, samples=example.samples + 1) for example in suite.examples()]
    suite.examples = lambda: broken  # type: ignore[method-assign]
    with pytest.raises(AssertionError):
        suite.test_decodes_what_was_encoded()
