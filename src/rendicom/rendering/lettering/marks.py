"""Accents: strokes around x = 0, from the top of the letter (0) up or the baseline (0) down."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ABOVE", "BELOW", "BESIDE"]

ABOVE: Mapping[str, str] = {
    "\u0300": "-2.4 4.6 0.7 1.8",  # grave
    "\u0301": "2.4 4.6 -0.7 1.8",  # acute
    "\u0302": "-2.8 1.8 0 4.6 2.8 1.8",  # circumflex
    "\u0303": "(-1.6 3 1.6 1.1 180 0) (1.6 3 1.6 1.1 180 360)",  # tilde
    "\u0304": "-3 3 3 3",  # macron
    "\u0306": "(0 4.6 2.8 2.8 180 360)",  # breve
    "\u0307": "0 3.4",  # dot
    "\u0308": "-2.1 3.4; 2.1 3.4",  # diaeresis
    "\u0309": "(0 4 1.5 1.4 160 -60) 0 1.6",  # hook
    "\u030a": "(0 3.6 1.8 1.8 0 360)",  # ring
    "\u030b": "0.2 4.6 -1.8 1.8; 3.6 4.6 1.6 1.8",  # double acute
    "\u030c": "-2.8 4.6 0 1.8 2.8 4.6",  # caron
    "\u0311": "(0 1.8 2.8 2.8 180 0)",  # inverted breve
    "\u0342": "(-1.6 3 1.6 1.1 180 0) (1.6 3 1.6 1.1 180 360)",  # Greek perispomeni
}
BELOW: Mapping[str, str] = {
    "\u0323": "0 -3.4",  # dot
    "\u0324": "-2.1 -3.4; 2.1 -3.4",  # diaeresis
    "\u0326": "0.6 -2 -0.3 -4.6",  # comma
    "\u0327": "0.2 -0.6 0 -1.6 (0.2 -3 1.7 1.4 90 -120)",  # cedilla
    "\u0331": "-3 -3 3 -3",  # macron
    "\u0345": "0 -1.8 0 -3.4 (1 -3.4 1 1 180 290)",  # Greek iota
}
BESIDE: Mapping[str, str] = {
    "\u031b": "(0 0 1.8 1.6 270 400)",  # horn, at the upper right
    "\u0328": "(0 -1.9 2 1.9 100 300)",  # ogonek, at the lower right
}
