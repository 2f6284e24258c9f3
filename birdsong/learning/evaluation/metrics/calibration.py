"""Calibration metrics: pure functions.

Conventions: ``confidence`` is ``float (n,)``, the probability of each answer, and ``right`` is
``bool (n,)``, whether it is right. ``y_true`` and ``y_prob`` are as in `metrics`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from birdsong.arrays import BoolArray, IntArray

Probabilities = npt.NDArray[np.float64]
N_BINS = 15


@dataclass(frozen=True, slots=True)
class Reliability:
    """Reliability diagram: answers in bins of equal width over the probability, without empty bins.

    Attributes
    ----------
    n : int, shape (n_bins,)
        Answers in each bin.
    confidence : float64, shape (n_bins,)
        Mean probability in each bin.
    accuracy : float64, shape (n_bins,)
        Share of right answers in each bin.
    """

    n: IntArray
    confidence: Probabilities
    accuracy: Probabilities


def reliability(
    right: BoolArray, confidence: Probabilities, *, n_bins: int = N_BINS
) -> Reliability:
    """Compare mean probability and accuracy in each bin.

    Parameters
    ----------
    right : bool, shape (n,)
    confidence : float, shape (n,), values in [0, 1]
    n_bins : int
        Bins of equal width over [0, 1]; a value on an edge belongs to the lower bin.

    Returns
    -------
    Reliability

    Raises
    ------
    ValueError
        If there is no answer, the shapes differ, or a value is no probability.
    """
    _check(right, confidence)
    bins = np.clip(np.ceil(confidence * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    n = np.bincount(bins, minlength=n_bins)
    filled = n > 0
    return Reliability(
        n=n[filled],
        confidence=np.bincount(bins, confidence, n_bins)[filled] / n[filled],
        accuracy=np.bincount(bins, right, n_bins)[filled] / n[filled],
    )


def expected_calibration_error(
    right: BoolArray, confidence: Probabilities, *, n_bins: int = N_BINS
) -> float:
    """Mean absolute difference of probability and accuracy over bins, weighted by their answers.

    It is above 0 even for a perfect model: see `perfect_calibration_error`.

    Parameters
    ----------
    right, confidence, n_bins
        As in `reliability`.

    Returns
    -------
    float in [0, 1]

    References
    ----------
    .. [1] Guo, Pleiss, Sun & Weinberger (2017), On calibration of modern neural networks, ICML.
    """
    bins = reliability(right, confidence, n_bins=n_bins)
    return float(np.average(np.abs(bins.confidence - bins.accuracy), weights=bins.n))


def perfect_calibration_error(
    confidence: Probabilities, *, n_bins: int = N_BINS, n_draws: int = 200, seed: int = 0
) -> float:
    """Expected calibration error of a model whose probabilities are exact.

    Parameters
    ----------
    confidence : float, shape (n,)
    n_bins : int
    n_draws : int
        Number of random draws of which answers are right.
    seed : int

    Returns
    -------
    float in [0, 1]
        The mean over the draws.
    """
    generator = np.random.default_rng(seed)
    draws = [
        expected_calibration_error(
            generator.random(len(confidence)) < confidence, confidence, n_bins=n_bins
        )
        for _ in range(n_draws)
    ]
    return float(np.mean(draws))


def _check(right: BoolArray, confidence: Probabilities) -> None:
    if len(right) == 0:
        raise ValueError("there is nothing to score: no answer was given")
    if right.shape != confidence.shape or right.ndim != 1:
        raise ValueError(f"expected (n,) and (n,), got {right.shape} and {confidence.shape}")
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError("probabilities must be in [0, 1]")
