"""Segments to a recording: what the network said of each becomes what is said of the whole.

Training measures with it and answers come from it, so it stands where both reach it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from birdsong.arrays import BoolArray

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the segments of a recording say, alone and together.

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
    logits: npt.NDArray[np.floating], *, background: bool, silent: BoolArray | None = None
) -> Evidence:
    """Weigh the segments of one recording by how likely they hold a bird, and average.

    The length of a recording is no evidence: repeating it does not change the result.

    Parameters
    ----------
    logits : float, shape (n_segments, n_labels) or (n_segments, n_labels + 1)
        Of the network, one row a segment.
    background : bool
        Whether the last column is the background class. Without one every segment counts as a
        bird.
    silent : bool, shape (n_segments,), optional
        Segments that hold nothing but digital silence, and so no bird.

    Returns
    -------
    Evidence

    Raises
    ------
    ValueError
        If there is no segment, or no label beside the background.
    """
    n_bird_labels = logits.shape[1] - background if logits.ndim == 2 else 0
    if len(logits) == 0 or n_bird_labels < 1:
        raise ValueError(f"expected logits of (n_segments, n_labels), got shape {logits.shape}")
    probabilities = softmax(logits)
    birds = probabilities[:, :n_bird_labels]
    # Summed, not taken from 1, so that a small chance of a bird keeps its digits.
    segment_bird = np.minimum(birds.sum(axis=1), 1.0)
    if silent is not None:
        segment_bird[silent] = 0
    segment_labels = softmax(logits[:, :n_bird_labels])
    total = segment_bird.sum()
    weights = segment_bird / total if total > 0 else np.full(len(logits), 1 / len(logits))
    return Evidence(
        segment_bird=segment_bird,
        segment_labels=segment_labels,
        bird=min(1.0, float(weights @ segment_bird)),
        labels=weights @ segment_labels,
    )


def softmax(logits: npt.NDArray[np.floating]) -> Probabilities:
    """Probabilities along the last axis; logits far apart neither overflow nor become NaN."""
    shifted = np.asarray(logits, np.float64)
    powers = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
    probabilities: Probabilities = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities
