"""Out-of-fold statistics: results on recordings that a network was not trained on.

A bundle from cross-validation stores the logits of each of its recordings, from the network that
did not train on it. They show how often a label was right in that test, and whether the model is
more uncertain about a new recording than about those.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from birdsong.bundle.bundle import Bundle
from birdsong.bundle.pooling import Probabilities

FAMILIAR_SHARE = 0.95
"""Quantile of the entropy in the test, above which a recording is unfamiliar."""


@dataclass(frozen=True, slots=True)
class LabelStats:
    """Counts of the out-of-fold test for one label.

    Attributes
    ----------
    n_tested : int
        Its recordings in the test.
    n_found : int
        Those of which it was the most probable label.
    n_named : int
        Recordings of any label for which it was the most probable one.
    """

    n_tested: int
    n_found: int
    n_named: int


class OutOfFoldStats:
    """Out-of-fold statistics of a bundle.

    Parameters
    ----------
    bundle : Bundle

    Attributes
    ----------
    of_label : mapping of str to LabelStats
        By taxon; empty where the bundle was not tested by folds.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.of_label: dict[str, LabelStats] = {}
        self._max_entropy_bits = np.inf
        data = bundle.calibration_data
        if data is None or bundle.calibration is None or not len(data):
            return
        labels, _ = bundle.pool_recordings(data)
        y_pred = labels.argmax(axis=1)
        for i, label in enumerate(bundle.bird_labels):
            of_it = data.y_true == i
            self.of_label[label.taxon] = LabelStats(
                n_tested=int(of_it.sum()),
                n_found=int((y_pred[of_it] == i).sum()),
                n_named=int((y_pred == i).sum()),
            )
        self._max_entropy_bits = float(np.quantile(entropy_bits(labels), FAMILIAR_SHARE))

    def is_unfamiliar(self, labels: Probabilities) -> bool:
        """Whether the entropy of label probabilities is higher than in nearly all of the test.

        Parameters
        ----------
        labels : float64, shape (n_labels,)
            Pooled, as from `pooling.pool`.
        """
        return bool(entropy_bits(labels) > self._max_entropy_bits)


def entropy_bits(labels: Probabilities) -> Probabilities:
    """Shannon's entropy of probabilities along the last axis, in bits.

    0 where one label is certain, ``log2(n_labels)`` where all are as likely.
    """
    logarithms = np.log2(labels, out=np.zeros_like(labels), where=labels > 0)
    bits: Probabilities = -(labels * logarithms).sum(axis=-1)
    return bits
