"""Pooling: the logits of the segments of a recording become probabilities of the recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from birdsong.arrays import BoolArray

Probabilities = npt.NDArray[np.float64]

DB_PER_DECADE = 20.0
"""The weight of a segment grows tenfold over so many decibels, in proportion to the amplitude."""
DEFAULT_POOLING = "mean_probabilities"
"""The rule of a model that is not calibrated."""


@dataclass(frozen=True, slots=True)
class PooledProbabilities:
    """Probabilities of a recording and of each of its segments.

    Attributes
    ----------
    segment_bird : float64, shape (n_segments,)
        Probability that a segment holds a bird.
    segment_labels : float64, shape (n_segments, n_labels)
        Probability of each label, given that the segment holds a bird; rows sum to 1.
    bird : float
        Probability that the recording holds a bird.
    labels : float64, shape (n_labels,)
        Probability of each label, given that the recording holds a bird; sums to 1.
    """

    segment_bird: Probabilities
    segment_labels: Probabilities
    bird: float
    labels: Probabilities


def pool(
    logits: npt.NDArray[np.floating],
    *,
    has_background: bool,
    signal_level_db: npt.NDArray[np.floating] | None = None,
    silent: BoolArray | None = None,
    rule: str = DEFAULT_POOLING,
) -> PooledProbabilities:
    """Pool the segments of one recording by a weighted rule.

    The weight of a segment is the probability that it holds a bird, times the amplitude of its
    song: a distant bird, or one at the edge of the segment, is easily confused with another. With
    ``w_s`` the weight of segment ``s``, scaled to sum to 1, and ``p_sl`` the probability of label
    ``l`` in it, given a bird, the probability of the label in the recording is in proportion to

    ======================  ====================================================================
    ``mean_logits``         ``exp(sum_s w_s log p_sl)``: low if one segment disagrees
    ``mean_roots``          ``(sum_s w_s sqrt(p_sl)) ** 2``: between the rules above and below
    ``mean_probabilities``  ``sum_s w_s p_sl``
    ``top_third``           the mean of the highest third of ``w_s p_sl``
    ``noisy_or``            ``1 - prod_s (1 - w_s p_sl / max(w)) ** (1 / n_segments)``: a few sure
                            segments are enough
    ======================  ====================================================================

    The length of a recording is no evidence: repeating it does not change the result.

    Parameters
    ----------
    logits : float, shape (n_segments, n_labels) or (n_segments, n_labels + 1)
        Output of the network, one row a segment.
    has_background : bool
        Whether the last column is the background class. Without one every segment counts as a
        bird.
    signal_level_db : float, shape (n_segments,), optional
        Level of the signal in each segment (`sound.grey_levels.signal_level_db`); equal in all by
        default.
    silent : bool, shape (n_segments,), optional
        Segments of digital silence, which have no bird.
    rule : str
        One of `POOLINGS`.

    Returns
    -------
    PooledProbabilities

    Raises
    ------
    ValueError
        If there is no segment, no label beside the background, or no such rule.
    """
    n_bird_labels = logits.shape[1] - has_background if logits.ndim == 2 else 0
    if len(logits) == 0 or n_bird_labels < 1:
        raise ValueError(f"expected logits of (n_segments, n_labels), got shape {logits.shape}")
    if rule not in _RULES:
        raise ValueError(f"the rule must be one of {', '.join(POOLINGS)}, got {rule!r}")
    probabilities = softmax(logits)
    birds = probabilities[:, :n_bird_labels]
    # Summed, not taken from 1, so that a small chance of a bird keeps its digits.
    segment_bird = np.minimum(birds.sum(axis=1), 1.0)
    if silent is not None:
        segment_bird[silent] = 0
    segment_labels = softmax(logits[:, :n_bird_labels])
    amplitude = (
        1.0
        if signal_level_db is None
        else 10 ** ((signal_level_db - signal_level_db.max()) / DB_PER_DECADE)
    )
    weights = segment_bird * amplitude
    total = weights.sum()
    weights = weights / total if total > 0 else np.full(len(logits), 1 / len(logits))
    labels = _RULES[rule](weights, segment_labels)
    return PooledProbabilities(
        segment_bird=segment_bird,
        segment_labels=segment_labels,
        bird=min(1.0, float(weights @ segment_bird)),
        labels=labels / labels.sum(),
    )


def _mean_logits(weights: Probabilities, labels: Probabilities) -> Probabilities:
    logarithms = weights @ np.log(np.maximum(labels, np.finfo(np.float64).tiny))
    pooled: Probabilities = np.exp(logarithms - logarithms.max())
    return pooled


def _mean_roots(weights: Probabilities, labels: Probabilities) -> Probabilities:
    pooled: Probabilities = (weights @ np.sqrt(labels)) ** 2
    return pooled


def _mean_probabilities(weights: Probabilities, labels: Probabilities) -> Probabilities:
    pooled: Probabilities = weights @ labels
    return pooled


def _top_third(weights: Probabilities, labels: Probabilities) -> Probabilities:
    """Mean of the highest third of each column; fractions of a segment count in proportion."""
    highest_first = -np.sort(-weights[:, np.newaxis] * labels, axis=0)
    shares = np.clip(len(weights) / 3 - np.arange(len(weights)), 0, 1)
    pooled: Probabilities = shares @ highest_first
    return pooled


def _noisy_or(weights: Probabilities, labels: Probabilities) -> Probabilities:
    highest = weights.max()  # scaled so that the surest segment counts in full
    chances = np.minimum(weights[:, np.newaxis] / highest * labels, 1 - 1e-12)
    pooled: Probabilities = -np.expm1(np.log1p(-chances).mean(axis=0))
    return pooled


_RULES: dict[str, Callable[[Probabilities, Probabilities], Probabilities]] = {
    "mean_logits": _mean_logits,
    "mean_roots": _mean_roots,
    "mean_probabilities": _mean_probabilities,
    "top_third": _top_third,
    "noisy_or": _noisy_or,
}
POOLINGS = tuple(_RULES)


def softmax(logits: npt.NDArray[np.floating]) -> Probabilities:
    """Probabilities along the last axis; logits far apart neither overflow nor become NaN."""
    shifted = np.asarray(logits, np.float64)
    powers = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
    probabilities: Probabilities = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities
