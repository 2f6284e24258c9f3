"""Metrics of a cross-validation, from out-of-fold logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from birdsong.bundle.calibration_data import CalibrationData
from birdsong.learning.evaluation.scores import measure_logits
from birdsong.learning.evaluation.selective import measure_promises
from birdsong.selective.rules import BY_HAND, RULES
from birdsong.taxa.label_space import LabelSpace


def measure_out_of_fold(
    data: CalibrationData,
    by_fold: Sequence[Mapping[str, float]],
    space: LabelSpace,
    *,
    segment_s: float,
    seed: int,
) -> dict[str, Any]:
    """Measure all recordings together, each fold, and the promises.

    Parameters
    ----------
    data : CalibrationData
    by_fold : sequence of Mapping
        Metrics of each fold, from `scores.measure_logits`.
    space : LabelSpace
        Meaning of the columns of the logits.
    segment_s : float
        Duration of a segment.
    seed : int
        Seed of the folds of the calibration, used if all logits are of one network.

    Returns
    -------
    dict
        ``out_of_fold`` for all recordings, ``by_fold``, ``mean_of_folds``, and ``promises``, from
        `selective.measure_promises`.
    """
    return {
        "out_of_fold": measure_logits(data, space),
        "mean_of_folds": _means(by_fold),
        "by_fold": list(by_fold),
        "promises": measure_promises(
            data, space, segment_s=segment_s, rules=(*RULES, *BY_HAND), seed=seed
        ),
    }


def _means(by_fold: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {
        name: float(np.mean([each[name] for each in by_fold if name in each]))
        for name in dict.fromkeys(name for each in by_fold for name in each)
        if name not in ("recordings", "sessions")
    }
