"""Signal or background: how much in a segment stands out as a bird's song does.

Song is narrow in frequency and comes and goes. A steady insect or hum is part of a band's
background and is gone already; wind, rain and clicks lift all bands of a frame at once, and the
median band of each frame takes them away. What is left in the loudest half percent of the points is
the segment's activity.
"""

from __future__ import annotations

import numpy as np

from birdsong.arrays import FloatArray

LOUDEST_SHARE = 0.005


def activity_db(excess_db: FloatArray) -> float:
    """Level that the most prominent points of a segment reach above their surroundings.

    Parameters
    ----------
    excess_db : float32, shape (64, 200)
        From `spectrogram.above_background_db`.

    Returns
    -------
    float, dB, at least 0
        Level that the loudest 0.5 % of the points exceed, relative to the band's background and to
        the median band of the same frame.
    """
    prominent = excess_db - np.median(excess_db, axis=0)
    rank = int((1 - LOUDEST_SHARE) * prominent.size)
    return max(0.0, float(np.partition(prominent, rank, axis=None)[rank]))
