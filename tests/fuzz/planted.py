"""Faults on purpose: the harness is tested by finding each of them."""

from __future__ import annotations

import ctypes
import itertools

from findings import Case, Target, require

__all__ = ["TARGETS"]


def raw_error(case: Case) -> str:
    return {"a": "sound"}["ab"[case.random.randrange(2)]]


def broken_promise(case: Case) -> str:
    require(case.random.random() < 0.5, "half of the time")
    return "kept"


def crash(case: Case) -> str:
    if case.random.random() < 0.5:
        ctypes.string_at(0)
    return "alive"


def hang(case: Case) -> str:
    if case.random.random() < 0.5:
        for _ in itertools.count():
            pass
    return "ended"


def glutton(case: Case) -> str:
    size = 500 << 20 if case.random.random() < 0.5 else 1
    return "held" if bytearray(b"x") * size else "nothing"


TARGETS = (
    Target("planted-error", 1, raw_error),
    Target("planted-promise", 1, broken_promise),
    Target("planted-crash", 1, crash),
    Target("planted-hang", 1, hang),
    Target("planted-memory", 1, glutton),
)
