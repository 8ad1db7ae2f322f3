"""Suggestions for unknown names: similar ones, and equivalents of other programs' options."""

from __future__ import annotations

from collections.abc import Iterable

_COMMANDS = {
    "dcm2img": "convert", "dcm2jpg": "convert", "dcmj2pnm": "convert", "render": "convert",
    "check": "doctor", "download": "get", "dump": "info", "export": "convert", "fetch": "get",
    "list": "find", "preview": "serve", "query": "find", "search": "find", "send": "store",
    "server": "serve", "show": "serve", "upload": "store", "version": "--version", "view": "serve",
}  # fmt: skip
_DEFAULT = "leave it out: that is the default"
_NO_PADDING = "--voi identity --no-padding"
_OPTIONS = {
    # dcm4che's dcm2jpg
    "-C": "leave it out: each format has one kind of compression",
    "-E": "leave it out: libraries are chosen by themselves",
    "-F": "--format png, or the extension of TARGET",
    "-c": "--window CENTER,WIDTH",
    "--windowCenter": "--window CENTER,WIDTH",
    "-w": "--window CENTER,WIDTH",
    "--windowWidth": "--window CENTER,WIDTH",
    "--frame": "--frames N",
    "-frame": "--frames N",
    "--iccprofile": "--icc srgb",
    "--lsE": "rendicom doctor",
    "--lsF": "rendicom doctor",
    "--noauto": _NO_PADDING,
    "--noshape": _DEFAULT,
    "--overwrite": "--existing overwrite, which is the default",
    "--no-overwrite": "--existing skip",
    "--ovlygray": "--overlay-color '#RRGGBB'",
    "--ovlyrgb": "--overlay-color '#RRGGBB'",
    "--ps": "--presentation-state FILE",
    "--suffix": "--layout '{source}.SUFFIX'",
    "--usedis": "leave it out: only needed attributes are read",
    "--useiis": "leave it out: only needed attributes are read",
    "--uselut": "--voi lut:N",
    "--voilut": "--voi lut:N",
    # DCMTK's dcm2img and dcmj2pnm
    "+C": "--viewport W,H,X,Y,W,H",
    "--clip-region": "--viewport W,H,X,Y,W,H",
    "+Dm": "--gsdf LUMINANCE,...",
    "--monitor-file": "--gsdf LUMINANCE,...",
    "+F": "--frames N",
    "+Fa": "--frames all",
    "--all-frames": "--frames all",
    "+Fr": "--frames FIRST-LAST",
    "--frame-range": "--frames FIRST-LAST",
    "+Jq": "--quality N",
    "--compr-quality": "--quality N",
    "+Lh": "--flip h",
    "--flip-horizontally": "--flip h",
    "+Lv": "--flip v",
    "--flip-vertically": "--flip v",
    "+Lhv": "--rotate 180",
    "--flip-both-axes": "--rotate 180",
    "-O": "--no-overlays, which is the default",
    "+O": "--overlays, or --overlay-planes 6000",
    "--display-overlay": "--overlays, or --overlay-planes 6000",
    "+Omr": "--overlay-mode replace",
    "+Omt": "--overlay-mode threshold",
    "+Omc": "--overlay-mode complement",
    "+Omv": "--overlay-mode invert",
    "+Omi": "--overlay-mode roi",
    "+Osf": "--overlay-color '#RRGGBB'",
    "+P": "--invert",
    "--change-polarity": "--invert",
    "+Pid": "--invert for MONOCHROME1, else leave it out",
    "+Rl": "--rotate 270",
    "--rotate-left": "--rotate 270",
    "+Rr": "--rotate 90",
    "--rotate-right": "--rotate 90",
    "+Rtd": "--rotate 180",
    "--rotate-top-down": "--rotate 180",
    "-S": _DEFAULT,
    "+Sxf": "--scale FACTOR",
    "+Syf": "--scale FACTOR",
    "--scale-x-factor": "--scale FACTOR",
    "--scale-y-factor": "--scale FACTOR",
    "+Sxv": "--max-size N, or --viewport W,H",
    "+Syv": "--max-size N, or --viewport W,H",
    "--scale-x-size": "--max-size N, or --viewport W,H",
    "--scale-y-size": "--max-size N, or --viewport W,H",
    "+Tll": "--values stored",
    "-W": _NO_PADDING,
    "--no-windowing": _NO_PADDING,
    "+Wfl": "--window CENTER,WIDTH,linear",
    "+Wfs": "--window CENTER,WIDTH,sigmoid",
    "+Wh": "--voi percentile:LOW,HIGH",
    "--histogram-window": "--voi percentile:LOW,HIGH",
    "+Wi": "--voi window:N",
    "--use-window": "--voi window:N",
    "+Wl": "--voi lut:N",
    "--use-voi-lut": "--voi lut:N",
    "+Wm": "--voi minmax",
    "--min-max-window": "--voi minmax",
    "+Wn": "--voi percentile:LOW,HIGH",
    "+Wr": "--voi roi:X,Y,W,H",
    "--roi-min-max-window": "--voi roi:X,Y,W,H",
    "+Ww": "--window CENTER,WIDTH",
    "--set-window": "--window CENTER,WIDTH",
    "-a": _DEFAULT,
    "+a": "--square-pixels",
    "--recognize-aspect": "--square-pixels",
    "-im": "rendicom info",
    "--image-info": "rendicom info",
    "+on": "--format png",
    "--write-png": "--format png",
    "+on2": "--format png --bit-depth 16",
    "+oj": "--format jpg",
    "--write-jpeg": "--format jpg",
    "+ob": "--format bmp",
    "--write-bmp": "--format bmp",
    "+ot": "--format tiff",
    "--write-tiff": "--format tiff",
    "+op": "--format pnm",
    "--write-raw-pnm": "--format pnm",
    # options of many programs
    "-o": "TARGET, the last path",
    "--output": "TARGET, the last path",
    "-r": "leave it out: a folder is read with all its subfolders",
    "--recursive": "leave it out: a folder is read with all its subfolders",
    "--height": "--max-size N, or --viewport W,H",
    "--resize": "--max-size N, or --viewport W,H",
    "--size": "--max-size N, or --viewport W,H",
    "--width": "--max-size N, or --viewport W,H",
    "-d": "-v",
    "--debug": "-v",
}
"""Options of other programs, and their equivalents here."""


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
