"""How the describing room reads a data set, whoever parsed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Attributes"]


class Attributes(Protocol):
    """Read access to one data set or sequence item, by tag as a 32-bit integer (0x00280010).

    Malformed values never raise: what cannot be read counts as absent.
    """

    def __contains__(self, tag: int) -> bool:
        """Tell whether the element is there with a value (of at least one byte)."""
        ...

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return the values of a text element, each stripped of padding; () when absent.

        For technical attributes (CS, UI, IS, DS, LO, SH): decoded as Latin-1.
        """
        ...

    def text(self, tag: int, default: str = "") -> str:
        """Return the first text value."""
        ...

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Return DS, IS, FL, FD, US, SS, UL, SL values; a value that is no number is nan."""
        ...

    def number(self, tag: int) -> float | None:
        """Return the first numeric value, or None when absent or not finite."""
        ...

    def integers(self, tag: int, *, signed: bool = False) -> tuple[int, ...]:
        """Return whole numbers. ``signed`` decides for ``US or SS`` where the VR is not known."""
        ...

    def integer(self, tag: int, default: int | None = None, *, signed: bool = False) -> int | None:
        """Return the first whole number."""
        ...

    def raw(self, tag: int) -> bytes:
        """Return the value bytes as stored, OW words as little endian; b"" when absent."""
        ...

    def words(self, tag: int) -> NDArray[np.uint16]:
        """Return US, SS or OW data as native uint16 words (SS reinterpreted), shape (n,)."""
        ...

    def items(self, tag: int) -> Sequence[Attributes]:
        """Return the items of a sequence, parsed when used; () when absent."""
        ...
