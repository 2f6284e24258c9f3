"""How a model did on recordings that it had not learned from, as its bundle remembers it.

A bundle that was trained by folds holds what was said of each of its recordings by the network that
had not heard it. From that come two things that a person wants to know of an answer: how often the
label was right in that test, and whether a recording puzzles the model more than those did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from birdsong.bundle.bundle import Bundle
from birdsong.bundle.calibration import pool_all
from birdsong.bundle.pooling import Probabilities

FAMILIAR_SHARE = 0.95
"""Share of the recordings that a model was tested on which count as familiar."""


@dataclass(frozen=True, slots=True)
class LabelStats:
    """What became of the recordings of one label.

    Attributes
    ----------
    n_tested : int
        Recordings of it that were asked about out of fold.
    n_found : int
        Those of which it was the most probable label.
    n_named : int
        Recordings of any label of which it was the most probable one.
    """

    n_tested: int
    n_found: int
    n_named: int


class OutOfFoldStats:
    """What a bundle remembers of its own test.

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
        self._most_doubt_bits = np.inf
        data, calibration = bundle.calibration_data, bundle.calibration
        if data is None or calibration is None or not len(data):
            return
        labels, _ = pool_all(data, background=bundle.has_background, rule=calibration.pooling)
        said = labels.argmax(axis=1)
        for i, label in enumerate(bundle.bird_labels):
            of_it = data.y_true == i
            self.of_label[label.taxon] = LabelStats(
                n_tested=int(of_it.sum()),
                n_found=int((said[of_it] == i).sum()),
                n_named=int((said == i).sum()),
            )
        self._most_doubt_bits = float(np.quantile(entropy_bits(labels), FAMILIAR_SHARE))

    def is_unfamiliar(self, labels: Probabilities) -> bool:
        """Whether probabilities of labels leave more doubt than in nearly all of the test.

        Parameters
        ----------
        labels : float64, shape (n_labels,)
            As `pooling.pool` brings them together.
        """
        return bool(entropy_bits(labels) > self._most_doubt_bits)


def entropy_bits(labels: Probabilities) -> Probabilities:
    """Shannon's entropy of probabilities along the last axis, in bits.

    0 where one label is certain, ``log2(n_labels)`` where all are as likely.
    """
    logarithms = np.log2(labels, out=np.zeros_like(labels), where=labels > 0)
    bits: Probabilities = -(labels * logarithms).sum(axis=-1)
    return bits
