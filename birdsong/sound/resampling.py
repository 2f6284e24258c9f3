"""Samples from one rate to another, in blocks: soxr's high-quality resampler."""

from __future__ import annotations

from collections.abc import Callable

import soxr

from birdsong.arrays import FloatArray

QUALITY = "HQ"


def make_resampler(from_hz: float, to_hz: int) -> Callable[[FloatArray, bool], FloatArray]:
    """Make a function that resamples the blocks of one mono stream.

    Parameters
    ----------
    from_hz : float
        Rate of the blocks.
    to_hz : int
        Rate of the result.

    Returns
    -------
    callable
        Takes the next block, float32 of shape (n,), and whether it is the last; returns what is
        ready of the resampled stream, float32. Where the rates are equal, blocks pass through.
    """
    if from_hz == to_hz:
        return lambda samples, last: samples
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality=QUALITY)
    return lambda samples, last: stream.resample_chunk(samples, last=last)
