"""Levels of mel bands to the grey levels of an image: what is background, what stands out."""

from __future__ import annotations

import math

import numpy as np

from birdsong.arrays import BoolArray, FloatArray, ImageArray
from birdsong.sound.spectrogram import SpectrogramConfig

_SILENT_ABOVE_FLOOR_DB = 10.0


def above_background_db(
    decibels: FloatArray, config: SpectrogramConfig, *, n_columns: int | None = None
) -> FloatArray:
    """How far each point of some sound stands above its background.

    The background of a band is a low percentile of its level over the frames that hold sound; how
    much of it is taken away, ``config.background_share`` says. Frames of digital silence, and
    columns that are missing at the end of a recording, are as the background is.

    Parameters
    ----------
    decibels : float32, shape (n_mels, n_frames)
        From `mel_power_db`, lowest band first.
    config : SpectrogramConfig
    n_columns : int, optional
        At least `n_frames`, which it is by default.

    Returns
    -------
    float32, shape (n_mels, n_columns), dB
    """
    n_columns = decibels.shape[1] if n_columns is None else n_columns
    excess = np.zeros((len(decibels), n_columns), np.float32)
    live = live_frames(decibels, config)
    sounding = decibels if live.all() else np.ascontiguousarray(decibels.T[live].T)
    if sounding.shape[1] == 0:
        return excess
    background, dark = _levels_db(sounding, config)
    if sounding.shape[1] < n_columns:
        excess[:] = (background - dark)[:, np.newaxis]
    columns = slice(len(live)) if live.all() else np.flatnonzero(live)
    excess[:, columns] = sounding - dark[:, np.newaxis]
    return excess


def _levels_db(decibels: FloatArray, config: SpectrogramConfig) -> tuple[FloatArray, FloatArray]:
    """The background of each band, and the level that is dark in it; both of shape (n_mels,)."""
    rank = round(config.background_percentile / 100 * (decibels.shape[1] - 1))
    background = np.sort(decibels, axis=1)[:, rank]  # faster than a partition of short rows
    middle = np.sort(background)[len(background) // 2 - 1 : len(background) // 2 + 1].mean()
    background = np.maximum(background, middle - config.background_spread_db)
    dark = background + np.float32(1 - config.background_share) * (middle - background)
    return background, dark


def live_frames(decibels: FloatArray, config: SpectrogramConfig) -> BoolArray:
    """Tell which frames, shape (n_frames,), hold anything above the floor."""
    live: BoolArray = decibels.max(axis=0) > config.floor_db + _SILENT_ABOVE_FLOOR_DB
    return live


def grey_image(excess_db: FloatArray, config: SpectrogramConfig) -> ImageArray:
    """Turn decibels above the background into grey levels.

    Parameters
    ----------
    excess_db : float32, shape (n_mels, n_columns)
        From `above_background_db`, lowest band first.
    config : SpectrogramConfig

    Returns
    -------
    uint8, shape (n_mels, n_columns)
        Row 0 is the highest band.
    """
    scale = 255 / (config.brightest_db - config.darkest_db)
    grey = np.rint((excess_db[::-1] - config.darkest_db) * np.float32(scale))
    clipped: ImageArray = np.clip(grey, 0, 255).astype(np.uint8)
    return clipped


def signal_level_db(images: ImageArray, config: SpectrogramConfig) -> FloatArray:
    """How loud the song in each image is: how far its brightest points stand above the rest.

    That is the distance from the median of an image to what a hundredth of it exceeds: a click of
    two of 200 columns, or a note in one band for two thirds of its length.

    Parameters
    ----------
    images : uint8, shape (n, n_mels, n_frames)
    config : SpectrogramConfig
        Of the images.

    Returns
    -------
    float32, shape (n,), dB, at least 0
    """
    n_points = math.prod(images.shape[1:])
    ranks = (n_points // 2, n_points * 99 // 100)  # of the points of an image, the darkest first
    counts = (np.bincount(each.ravel(), minlength=256) for each in images)
    points = np.array([np.searchsorted(each.cumsum(), ranks, "right") for each in counts])
    return np.diff(points.reshape(-1, 2)).ravel().astype(np.float32) * np.float32(config.grey_db)
