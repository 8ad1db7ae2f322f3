"""The colour quantiser against arithmetic and Pillow's."""

from __future__ import annotations

import numpy as np
from PIL import Image

from rendicom.encode.indexed_color import indexed


def test_few_colours_are_exact():
    colours = np.random.default_rng(3).integers(0, 256, (256, 3), np.uint8)
    picture = colours[np.random.default_rng(4).integers(0, 256, (300, 200))]
    palette, indices = indexed(picture)
    assert len(palette) <= 256
    assert indices.dtype == np.uint8
    assert np.array_equal(palette[indices], picture)


def test_one_pixel():
    palette, indices = indexed(np.array([[[1, 2, 3]]], np.uint8))
    assert palette.tolist() == [[1, 2, 3]]
    assert indices.tolist() == [[0]]


def test_rare_colours_hidden_from_the_first_look():
    # More than 256 colours, but so few pixels of them that a sample may see none.
    picture = np.zeros((400, 400, 3), np.uint8)
    picture[7, 1:300, 0] = np.arange(299) % 256
    picture[9, 1:300, 1] = np.arange(299) % 256
    palette, indices = indexed(picture)
    assert len(palette) <= 256
    assert np.abs(palette[indices].astype(int) - picture).max() <= 8


def test_no_worse_than_pillow(samples):
    y, x = np.mgrid[:120, :160]
    waves = [np.sin(x / 17 + y / 23), np.cos(x / 31), np.sin(y / 13 + 1)]
    picture = np.stack([127.5 + 127.5 * wave for wave in waves], axis=-1).astype(np.uint8)
    palette, indices = indexed(picture)
    ours = np.square(palette[indices].astype(float) - picture).mean()
    quantised = Image.fromarray(picture).quantize(256, Image.Quantize.MEDIANCUT, dither=0)
    theirs = np.square(np.asarray(quantised.convert("RGB")).astype(float) - picture).mean()
    assert ours <= theirs


def test_gray_stays_gray_and_white_stays_white():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    noise = np.random.default_rng(5).integers(0, 256, (256, 40, 3), np.uint8)
    picture = np.concatenate([np.repeat(ramp, 2000, axis=1), noise], axis=1)
    picture[:, :500] = 255
    palette, indices = indexed(picture)
    shown = palette[indices].astype(int)
    assert np.abs(shown[:, :2000] - picture[:, :2000]).max() <= 8
    assert np.abs(shown[:, :500] - 255).max() <= 1
