"""Converts milliseconds to the time units of a format."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def ticks(durations: Sequence[float], tick: float, *, least: int, most: int) -> list[int]:
    """Return durations in ticks of ``tick`` milliseconds, without accumulated rounding errors.

    Each frame ends at the tick nearest to its exact end, as far as the limits of ``least`` and
    ``most`` ticks a frame allow.
    """
    counts: list[int] = []
    due = 0.0
    shown = 0
    for duration in durations:
        due += duration
        count = min(max(round(due / tick) - shown, least), most)
        shown += count
        counts.append(count)
    return counts


def seconds_fraction(duration: float) -> tuple[int, int]:
    """Return milliseconds as the nearest fraction of a second that has two 16-bit parts."""
    most = 0xFFFF
    # 33.33 in a file means 3333/100, not the nearest binary number.
    exact = Fraction(repr(duration)) / 1000
    if exact >= most:
        return most, 1
    denominator = most if exact <= 1 else int(most / exact)
    nearest = exact.limit_denominator(denominator)
    return nearest.numerator, nearest.denominator
