"""Song activity: frames in which a narrow band is well above its own background.

Song is narrow in frequency and intermittent. The background of a band is the level that it rarely
falls below: the steady tone of an insect, or rain. Its standard deviation sets how far song must
rise above it. Gusts, drops and clicks raise many neighbouring bands at once, so the median of each
region of bands is subtracted. The result is in standard deviations of the background.

Lasseck (2013) and Sprengel et al. (2016) compare a signal with the medians of its row and its
column. Here levels are in decibels, each band has its own standard deviation, and medians are taken
over regions of bands, because wind is low in frequency.

References
----------
.. [1] Lasseck (2013), Bird song classification in field recordings, NIPS4B workshop.
.. [2] Sprengel, Jaggi, Kilcher & Hofmann (2016), Audio based bird species identification using
   deep learning techniques, CLEF.
"""

from __future__ import annotations

import numpy as np

from birdsong.arrays import FloatArray
from birdsong.sound.grey_levels import nonsilent_frames
from birdsong.sound.spectrogram import BAND_REGIONS, SpectrogramConfig

_SMOOTHING_S = 0.085  # a note is rarely shorter; noise changes faster
_FRAME_STRIDE = 4  # every fourth frame is enough to measure the background
_LOW_QUANTILE, _HIGHER_QUANTILE = 0.05, 0.25  # over time: song may fill most of an excerpt
_LOW_DEVIATIONS, _HIGHER_DEVIATIONS = 1.6449, 0.6745  # below the mean of a normal distribution
_DEVIATION_RANGE_DB = (0.5, 2.5)  # a larger deviation is song with few pauses


def prominence(decibels: FloatArray, config: SpectrogramConfig) -> FloatArray:
    """Prominence of the most prominent band of each frame above its background.

    Parameters
    ----------
    decibels : float32, shape (n_mels, n_frames)
        From `spectrogram.mel_power_db`: tens of seconds of a recording, so that song does not fill
        most of it.
    config : SpectrogramConfig

    Returns
    -------
    float32, shape (n_frames,)
        Standard deviations of the band's background; minus infinity in digital silence.
    """
    nonsilent = nonsilent_frames(decibels, config)
    if not nonsilent.any():
        return np.full(decibels.shape[1], -np.inf, np.float32)
    levels = _moving_average(decibels.T, int(_SMOOTHING_S * config.frames_per_s / 2))
    sample = np.sort(levels[nonsilent][::_FRAME_STRIDE].T, axis=1)
    low, quartile = (
        sample[:, int(share * sample.shape[1])] for share in (_LOW_QUANTILE, _HIGHER_QUANTILE)
    )
    # The empty bands of a low-passed recording hold only artefacts of the codec.
    lowest_background = np.median(quartile) - np.float32(config.background_spread_db)
    low, quartile = np.maximum(low, lowest_background), np.maximum(quartile, lowest_background)
    deviation = (quartile - low) / np.float32(_LOW_DEVIATIONS - _HIGHER_DEVIATIONS)
    deviation = np.clip(deviation, *_DEVIATION_RANGE_DB, dtype=np.float32)
    levels -= quartile + np.float32(_HIGHER_DEVIATIONS) * deviation
    levels /= deviation
    regions = np.sort(levels.reshape(len(levels), BAND_REGIONS, -1), axis=2)
    medians = regions[:, :, regions.shape[2] // 2 - 1]
    prominences: FloatArray = (regions[:, :, -1] - np.maximum(medians, 0)).max(axis=1)
    prominences[~nonsilent] = -np.inf
    return prominences


def _moving_average(levels: FloatArray, half_width: int) -> FloatArray:
    """Average each band over as many frames before and after; `levels` is (n_frames, n_mels)."""
    n_frames = len(levels)
    padded = np.concatenate([levels[:1]] * half_width + [levels] + [levels[-1:]] * half_width)
    total = padded[:n_frames].copy()
    for shift in range(1, 2 * half_width + 1):
        total += padded[shift : n_frames + shift]
    total /= 2 * half_width + 1
    return total
