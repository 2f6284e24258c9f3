"""Where something sings: frames in which a narrow band stands out from what goes on all the time.

Song is narrow in frequency and comes and goes. What a band never falls much below, the steady tone
of an insect as the rush of rain, is its background, and how much that wavers tells by how much
song has to stand out. Gusts, drops and clicks lift many neighbouring bands at once: the median of a
region of bands takes them away. What is left is told in standard deviations of the background.

The idea of a signal above the medians of its row and its column is that of Lasseck (2013) and
Sprengel et al. (2016); here levels are in decibels, each band is measured by its own spread, and
the medians are those of regions, since wind has a low voice.

References
----------
.. [1] Lasseck (2013), Bird song classification in field recordings, NIPS4B workshop.
.. [2] Sprengel, Jaggi, Kilcher & Hofmann (2016), Audio based bird species identification using
   deep learning techniques, CLEF.
"""

from __future__ import annotations

import numpy as np

from birdsong.arrays import FloatArray
from birdsong.sound.grey_levels import live_frames
from birdsong.sound.spectrogram import BAND_REGIONS, SpectrogramConfig

_SMOOTHED_S = 0.085  # a note, seldom less: noise wavers faster
_EVERY = 4  # of the frames one is enough to measure the background by
_LOW, _HIGHER = 0.05, 0.25  # quantiles over time: song may fill most of it, seldom all
_LOW_DEVIATIONS, _HIGHER_DEVIATIONS = 1.6449, 0.6745  # below the mean of a normal distribution
_DEVIATION_DB = (0.5, 2.5)  # what wavers more is song that hardly pauses


def prominence(decibels: FloatArray, config: SpectrogramConfig) -> FloatArray:
    """By how much the most prominent band of each frame stands out.

    Parameters
    ----------
    decibels : float32, shape (n_mels, n_frames)
        From `spectrogram.mel_power_db`: a stretch of a recording, tens of seconds long, so that
        song does not fill most of it.
    config : SpectrogramConfig

    Returns
    -------
    float32, shape (n_frames,)
        Standard deviations of the band's background; minus infinity in digital silence.
    """
    live = live_frames(decibels, config)
    if not live.any():
        return np.full(decibels.shape[1], -np.inf, np.float32)
    levels = _smoothed(decibels.T, int(_SMOOTHED_S * config.frames_per_s / 2))
    sample = np.sort(levels[live][::_EVERY].T, axis=1)
    low, higher = (sample[:, int(share * sample.shape[1])] for share in (_LOW, _HIGHER))
    # The empty bands of a low-passed recording hold nothing but the coder's whims.
    least = np.median(higher) - np.float32(config.background_spread_db)
    low, higher = np.maximum(low, least), np.maximum(higher, least)
    deviation = (higher - low) / np.float32(_LOW_DEVIATIONS - _HIGHER_DEVIATIONS)
    deviation = np.clip(deviation, *_DEVIATION_DB, dtype=np.float32)
    levels -= higher + np.float32(_HIGHER_DEVIATIONS) * deviation
    levels /= deviation
    regions = np.sort(levels.reshape(len(levels), BAND_REGIONS, -1), axis=2)
    medians = regions[:, :, regions.shape[2] // 2 - 1]
    standing_out: FloatArray = (regions[:, :, -1] - np.maximum(medians, 0)).max(axis=1)
    standing_out[~live] = -np.inf
    return standing_out


def _smoothed(levels: FloatArray, reach: int) -> FloatArray:
    """Average each band over as many frames before and after; `levels` is (n_frames, n_mels)."""
    n_frames = len(levels)
    padded = np.concatenate([levels[:1]] * reach + [levels] + [levels[-1:]] * reach)
    total = padded[:n_frames].copy()
    for shift in range(1, 2 * reach + 1):
        total += padded[shift : n_frames + shift]
    total /= 2 * reach + 1
    return total
