"""Suggestions for unknown names: similar ones, and equivalents of other programs' options."""

from __future__ import annotations

from collections.abc import Iterable

_COMMANDS = {
    "dcm2img": "convert", "dcm2jpg": "convert", "dcmj2pnm": "convert", "render": "convert",
    "check": "doctor", "download": "get", "dump": "info", "export": "convert", "fetch": "get",
    "list": "find", "preview": "serve", "query": "find", "search": "find", "send": "store",
    "server": "serve", "show": "serve", "upload": "store", "version": "--version", "view": "serve",
}  # fmt: skip
_EQUIVALENTS = {
    "leave it out: each format has one kind of compression": "-C",
    "leave it out: libraries are chosen by themselves": "-E",
    "--format png, or the extension of TARGET": "-F",
    "--window CENTER,WIDTH": "-c --windowCenter -w --windowWidth +Ww --set-window",
    "--frames N": "--frame -frame +F",
    "--icc srgb": "--iccprofile",
    "rendicom doctor": "--lsE --lsF",
    "--voi identity --no-padding": "--noauto -W --no-windowing",
    "leave it out: that is the default": "--noshape -S -a",
    "--existing overwrite, which is the default": "--overwrite",
    "--existing skip": "--no-overwrite",
    "--overlay-color '#RRGGBB'": "--ovlygray --ovlyrgb +Osf",
    "--presentation-state FILE": "--ps",
    "--layout '{source}.SUFFIX'": "--suffix",
    "leave it out: only needed attributes are read": "--usedis --useiis",
    "--voi lut:N": "--uselut --voilut +Wl --use-voi-lut",
    "--viewport W,H,X,Y,W,H": "+C --clip-region",
    "--gsdf LUMINANCE,...": "+Dm --monitor-file",
    "--frames all": "+Fa --all-frames",
    "--frames FIRST-LAST": "+Fr --frame-range",
    "--quality N": "+Jq --compr-quality",
    "--flip h": "+Lh --flip-horizontally",
    "--flip v": "+Lv --flip-vertically",
    "--rotate 180": "+Lhv --flip-both-axes +Rtd --rotate-top-down",
    "--no-overlays, which is the default": "-O",
    "--overlays, or --overlay-planes 6000": "+O --display-overlay",
    "--overlay-mode replace": "+Omr",
    "--overlay-mode threshold": "+Omt",
    "--overlay-mode complement": "+Omc",
    "--overlay-mode invert": "+Omv",
    "--overlay-mode roi": "+Omi",
    "--invert": "+P --change-polarity",
    "--invert for MONOCHROME1, else leave it out": "+Pid",
    "--rotate 270": "+Rl --rotate-left",
    "--rotate 90": "+Rr --rotate-right",
    "--scale FACTOR": "+Sxf +Syf --scale-x-factor --scale-y-factor",
    "--max-size N, or --viewport W,H": (
        "+Sxv +Syv --scale-x-size --scale-y-size --height --resize --size --width"
    ),
    "--values stored": "+Tll",
    "--window CENTER,WIDTH,linear": "+Wfl",
    "--window CENTER,WIDTH,sigmoid": "+Wfs",
    "--voi percentile:LOW,HIGH": "+Wh --histogram-window +Wn",
    "--voi window:N": "+Wi --use-window",
    "--voi minmax": "+Wm --min-max-window",
    "--voi roi:X,Y,W,H": "+Wr --roi-min-max-window",
    "--square-pixels": "+a --recognize-aspect",
    "rendicom info": "-im --image-info",
    "--format png": "+on --write-png",
    "--format png --bit-depth 16": "+on2",
    "--format jpg": "+oj --write-jpeg",
    "--format bmp": "+ob --write-bmp",
    "--format tiff": "+ot --write-tiff",
    "--format pnm": "+op --write-raw-pnm",
    "TARGET, the last path": "-o --output",
    "leave it out: a folder is read with all its subfolders": "-r --recursive",
    "-v": "-d --debug",
}
"""Options of dcm4che's dcm2jpg, DCMTK's dcm2img and dcmj2pnm, and many other programs, by what
does the same here."""
_OPTIONS = {name: here for here, names in _EQUIVALENTS.items() for name in names.split()}


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the most similar known name, ignoring case; else an empty text."""
    from difflib import get_close_matches

    folded = {each.lower(): each for each in known}
    found = get_close_matches(word.lower(), folded, n=3)
    # Swapped letters are the most likely error.
    found.sort(key=lambda each: sorted(each) != sorted(word.lower()))
    return folded[found[0]] if found else ""


def advice_on_command(word: str, known: Iterable[str]) -> str:
    """Return the replacement for an unknown command, or an empty text."""
    if meant := _COMMANDS.get(word.lower(), ""):
        return f"use rendicom {meant}"
    near = nearest(word, known)
    return f"did you mean {near}?" if near else ""


def advice_on_option(option: str, known: Iterable[str] = ()) -> str:
    """Return the replacement for an unknown option, or an empty text."""
    if here := _OPTIONS.get(option, ""):
        return here if here.startswith("leave") else f"use {here}"
    near = nearest(option, known) if option.startswith("--") else ""
    return f"did you mean {near}?" if near else ""
