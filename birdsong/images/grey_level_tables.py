"""Lookup tables for gain and mixing on grey levels.

Grey level ``g`` stands for a power of ``10 ** (g * grey_db / 10)`` times the background's, so that
0 is the background itself. Louder songs and mixed sounds are sums of powers; since there are only
256 grey levels, every sum can be computed once and looked up.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from birdsong.arrays import ImageArray
from birdsong.sound.spectrogram import SpectrogramConfig

GREY_DB = SpectrogramConfig().grey_db
"""Decibels of one grey level in the default config."""

BRIGHTEST = 255


@cache
def gain_table(grey_db: float) -> ImageArray:
    """Table of grey levels after a gain of the song, with the background unchanged.

    A level holds the background and, above it, the song: ``p = 1 + s``. With the gain ``G`` it is
    ``1 + G * s``. So loud points move by the whole gain, faint ones by less, and the background not
    at all; simply adding grey levels would tear its noise into points of light.

    Parameters
    ----------
    grey_db : float
        Decibels of one grey level.

    Returns
    -------
    uint8, shape (511, 256)
        Row ``255 + k`` is a gain of ``k`` grey levels, column ``g`` what ``g`` becomes.
    """
    powers = _powers(np.arange(BRIGHTEST + 1), grey_db)
    gains = _powers(np.arange(-BRIGHTEST, BRIGHTEST + 1), grey_db)
    louder = _levels(1 + gains[:, np.newaxis] * (powers - 1), grey_db)
    return np.minimum(np.rint(louder), BRIGHTEST).astype(np.uint8)


@cache
def mixing_table(grey_db: float) -> ImageArray:
    """Table of the change of grey levels when another image is mixed in.

    Where the background of the other, ``w`` times as strong as our own, is added to it, their sum
    is the new background: ``p`` and ``q`` become ``(p + w * q) / (1 + w)``. Background on
    background stays background.

    Parameters
    ----------
    grey_db : float
        Decibels of one grey level.

    Returns
    -------
    uint8, shape (511, 511)
        Row ``255 + k``: the other background is ``k`` grey levels above our own. Column
        ``255 + d``: the other image is ``d`` grey levels above ours. The change, modulo 256: the
        sum lies between the two levels, so that adding it in 8 bits never runs over.
    """
    steps = np.arange(-BRIGHTEST, BRIGHTEST + 1)
    weights = _powers(steps, grey_db)[:, np.newaxis]
    mixed = _levels((1 + weights * _powers(steps, grey_db)) / (1 + weights), grey_db)
    return np.rint(mixed).astype(np.int16).astype(np.uint8)


def to_grey_levels(decibels: npt.ArrayLike, grey_db: float) -> npt.NDArray[np.int64]:
    """Turn decibels into whole grey levels."""
    return np.rint(np.asarray(decibels) / grey_db).astype(np.int64)


def _powers(levels: npt.NDArray[np.int64], grey_db: float) -> npt.NDArray[np.float64]:
    powers: npt.NDArray[np.float64] = 10 ** (levels * grey_db / 10)
    return powers


def _levels(powers: npt.NDArray[np.float64], grey_db: float) -> npt.NDArray[np.float64]:
    levels: npt.NDArray[np.float64] = 10 * np.log10(powers) / grey_db
    return levels
