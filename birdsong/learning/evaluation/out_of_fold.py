"""What is told of networks by what they said of recordings that they were held to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from birdsong.bundle.bundle import Bundle
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.evaluation.scores import measure_logits
from birdsong.learning.evaluation.selective import measure_promises
from birdsong.selective.rules import BY_HAND, RULES


def measure_out_of_fold(
    data: CalibrationData,
    by_fold: Sequence[Mapping[str, float]],
    known: Dataset | Bundle,
    *,
    segment_s: float,
    seed: int,
) -> dict[str, Any]:
    """Measure all recordings, put beside it how each fold did, and what promises are worth.

    Parameters
    ----------
    data : CalibrationData
    by_fold : sequence of Mapping
        What `evaluation.measure_logits` says of the recordings of each fold.
    known : Dataset or Bundle
        What has the labels and their tree.
    segment_s : float
        How long a segment is.
    seed : int
        Draws the sides by which promises are judged.

    Returns
    -------
    dict
        ``out_of_fold`` for all recordings, ``by_fold``, ``mean_of_folds``, and ``promises``, as
        `promises_kept.measure_promises` says.
    """
    return {
        "out_of_fold": measure_logits(data, known),
        "mean_of_folds": _means(by_fold),
        "by_fold": list(by_fold),
        "promises": measure_promises(
            data,
            known.bird_labels,
            known.taxonomy,
            background=known.has_background,
            segment_s=segment_s,
            rules=(*RULES, *BY_HAND),
            seed=seed,
        ),
    }


def _means(by_fold: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {
        name: float(np.mean([each[name] for each in by_fold if name in each]))
        for name in dict.fromkeys(name for each in by_fold for name in each)
        if name not in ("recordings", "sessions")
    }
