"""Levels of mel bands to the grey levels of an image, relative to the background."""

from __future__ import annotations

import math

import numpy as np

from birdsong.arrays import BoolArray, FloatArray, ImageArray
from birdsong.sound.spectrogram import SpectrogramConfig

_SILENT_ABOVE_FLOOR_DB = 10.0


def above_background_db(
    decibels: FloatArray, config: SpectrogramConfig, *, n_columns: int | None = None
) -> FloatArray:
    """Level of each point above its background.

    The background of a band is a low percentile of its level over the frames that are not silent;
    ``config.background_share`` sets how much of it is subtracted. Frames of digital silence, and
    columns past the end of a recording, are set to the background.

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
    nonsilent = nonsilent_frames(decibels, config)
    nonsilent_db = decibels if nonsilent.all() else np.ascontiguousarray(decibels.T[nonsilent].T)
    if nonsilent_db.shape[1] == 0:
        return excess
    background, black = _background_and_black_db(nonsilent_db, config)
    if nonsilent_db.shape[1] < n_columns:
        excess[:] = (background - black)[:, np.newaxis]
    columns = slice(len(nonsilent)) if nonsilent.all() else np.flatnonzero(nonsilent)
    excess[:, columns] = nonsilent_db - black[:, np.newaxis]
    return excess


def _background_and_black_db(
    decibels: FloatArray, config: SpectrogramConfig
) -> tuple[FloatArray, FloatArray]:
    """The background of each band and the level that becomes black; both of shape (n_mels,)."""
    rank = round(config.background_percentile / 100 * (decibels.shape[1] - 1))
    background = np.sort(decibels, axis=1)[:, rank]  # faster than a partition of short rows
    middle = np.sort(background)[len(background) // 2 - 1 : len(background) // 2 + 1].mean()
    background = np.maximum(background, middle - config.background_spread_db)
    black = background + np.float32(1 - config.background_share) * (middle - background)
    return background, black


def nonsilent_frames(decibels: FloatArray, config: SpectrogramConfig) -> BoolArray:
    """Whether each frame, shape (n_frames,), is above the floor."""
    nonsilent: BoolArray = decibels.max(axis=0) > config.floor_db + _SILENT_ABOVE_FLOOR_DB
    return nonsilent


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
    """Level of the song in each image: its brightest points relative to its median.

    This is the difference between the 99th percentile of an image and its median. One hundredth of
    an image is a click of two of 200 columns, or a note in one band for two thirds of its length.

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
    ranks = (n_points // 2, n_points * 99 // 100)  # with points sorted from dark to bright
    counts = (np.bincount(each.ravel(), minlength=256) for each in images)
    points = np.array([np.searchsorted(each.cumsum(), ranks, "right") for each in counts])
    return np.diff(points.reshape(-1, 2)).ravel().astype(np.float32) * np.float32(config.grey_db)
