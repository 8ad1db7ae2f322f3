"""The size of a frame: the only place that multiplies attributes of headers.

Sources: PS3.5 8.1.1 (native frames follow each other), PS3.3 C.7.6.3.1.2 (shared chroma).
Code that allocates memory for a frame calls this first. Sizes are in samples, bits or bytes, as the
names say.
"""

from __future__ import annotations

from rendicom.errors import LimitExceededError, UnsupportedImageError

_MOST_SAMPLES = 4
"""Samples per Pixel of the retired ARGB and CMYK; no image has more."""
_MOST_BITS = 64
"""Largest bytes per pixel in an image of the most pixels allowed; smaller images may have more."""
_ALWAYS_FILLED = 64 << 20
_MOST_TIMES = 64
"""Largest expansion of run-length codes: a shorter file does not justify the memory."""


def is_subsampled(samples: int, photometric: str) -> bool:
    """Tell whether native cells should share chroma: YBR_FULL_422, YBR_PARTIAL_422."""
    return samples == 3 and photometric.endswith("_422")


def native_samples(
    rows: int,
    columns: int,
    samples: int,
    photometric: str,
    *,
    cell_bits: int,
    held_bytes: int | None,
    frames: int = 1,
) -> int:
    """Return how many samples one native frame stores.

    That is rows x columns x samples. With subsampled chroma it is two samples a pixel
    (PS3.3 C.7.6.3.1.2), but the standard asks for even columns and files have odd ones too:
    then each row ends with a separate pair, or pairs continue across rows. Some files
    are labelled 4:2:2 and store 4:4:4. ``held_bytes``, the length of ``frames`` frames, tells
    which; ``None`` where it is not known.
    """
    pixels = rows * columns
    full = pixels * samples
    if not is_subsampled(samples, photometric):
        return full
    run_on = pixels * 2
    if held_bytes is None:
        return run_on
    layouts = (run_on, rows * -(-columns // 2) * 4, -(-pixels // 2) * 4, full)
    for padding in (0, 1):
        for layout in layouts:
            if -(-layout * frames * cell_bits // 8) + padding == held_bytes:
                return layout
    return full if full * frames * cell_bits <= held_bytes * 8 else run_on


def check_frame(rows: int, columns: int, samples: int, *, cell_bits: int, max_pixels: int) -> None:
    """Refuse an implausible frame before memory is allocated for it.

    Raises
    ------
    LimitExceededError
        It has more than ``max_pixels`` pixels, or too many bytes for them.
    UnsupportedImageError
        It has more samples per pixel than any color model.
    """
    if rows * columns > max_pixels:
        raise LimitExceededError(
            f"the image is {columns} x {rows} pixels, more than {max_pixels}",
            hint="--max-pixels raises it",
        )
    if samples <= _MOST_SAMPLES and samples * cell_bits > _MOST_BITS * max(
        1, max_pixels // (rows * columns)
    ):
        raise LimitExceededError(f"{samples} samples of {cell_bits} bits a pixel are too many")
    if samples > _MOST_SAMPLES:
        raise UnsupportedImageError(f"{samples} samples a pixel are not supported")


def check_filling(needed_bytes: int, held_bytes: int) -> None:
    """Refuse to pad ``held_bytes`` to ``needed_bytes`` if the header is implausible.

    Padding would let a short file allocate all memory.

    Raises
    ------
    LimitExceededError
        More than 64 MiB, and more than 64 times the present bytes, would be needed.
    """
    if needed_bytes > max(_ALWAYS_FILLED, held_bytes * _MOST_TIMES):
        raise LimitExceededError(
            f"a frame should have {needed_bytes} bytes, and only {held_bytes} are there",
            hint="the header is wrong, or nearly all of the file is missing",
        )
