"""Calibration metrics: pure functions.

Conventions: ``confidence`` is ``float (n,)``, the probability that an answer was given, and
``right`` is ``bool (n,)``, whether it was right. ``y_true`` and ``y_prob`` are as in `metrics`.
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
    """Answers in bins of equal width by their probability, empty bins left out.

    Attributes
    ----------
    n : int, shape (n_bins,)
        Answers in each bin.
    confidence : float64, shape (n_bins,)
        Mean probability in each.
    accuracy : float64, shape (n_bins,)
        Share of right ones in each.
    """

    n: IntArray
    confidence: Probabilities
    accuracy: Probabilities


def reliability(
    right: BoolArray, confidence: Probabilities, *, n_bins: int = N_BINS
) -> Reliability:
    """Compare probabilities with accuracies, bin by bin.

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
    there = n > 0
    return Reliability(
        n=n[there],
        confidence=np.bincount(bins, confidence, n_bins)[there] / n[there],
        accuracy=np.bincount(bins, right, n_bins)[there] / n[there],
    )


def expected_calibration_error(
    right: BoolArray, confidence: Probabilities, *, n_bins: int = N_BINS
) -> float:
    """Mean distance of probability and accuracy over the bins, each weighted by its answers.

    It is above 0 for a perfect model, too: see `perfect_calibration_error`.

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
    """The calibration error that a model would have whose probabilities are exact.

    Parameters
    ----------
    confidence : float, shape (n,)
    n_bins : int
    n_draws : int
        How often it is drawn which answers are right.
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
        raise ValueError("a probability is not from 0 to 1")
