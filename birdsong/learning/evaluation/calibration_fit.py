"""Fits the calibration of a network to held-out recordings.

First, the pooling rule of segments with the smallest log loss is chosen. Second, a temperature is
fitted for each rank [1]_, so that the accuracy of the predicted taxon of that rank matches its
probability. One temperature does not fit all ranks: a network trained with label smoothing and
mixup is underconfident about orders and may be well calibrated for species. Both steps use each
recording twice, whole and cut to its first half, since pooling must work for short and long
recordings. Third, the thresholds of the promises are fitted to whole recordings; see
`birdsong.selective.promises`.

References
----------
.. [1] Guo, Pleiss, Sun & Weinberger (2017), On calibration of modern neural networks, ICML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from birdsong.bundle.bundle import Bundle
from birdsong.bundle.calibration import Calibration, fit_promises_to, pool_recordings
from birdsong.bundle.calibration_data import (
    CalibrationData,
    calibration_from_bytes,
    calibration_to_bytes,
)
from birdsong.bundle.pooling import POOLINGS, Probabilities
from birdsong.taxa.label_space import LabelSpace
from birdsong.taxa.label_tree import Indices, LabelTree
from birdsong.taxa.lineage import DEPTH, RANKS

_PRIOR_SPREAD = 0.5
"""Standard deviation of the prior of a log temperature, whose mean is 0."""

_MIN_PROBABILITY = 1e-12  # avoids an infinite log loss


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCalibration:
    """A calibration, and the log loss of each pooling rule.

    Attributes
    ----------
    calibration : Calibration
    log_loss : mapping of str to float
        Log loss of the labels, in nats per recording, of each pooling rule at its best temperature.
    """

    calibration: Calibration
    log_loss: Mapping[str, float]


def calibrate(bundle: Bundle) -> Bundle:
    """Fit a bundle's calibration to the logits that it carries.

    Returns
    -------
    Bundle
        Without a calibration if the bundle has no logits.
    """
    if bundle.calibration_data is None:
        return replace(bundle, calibration=None)
    data = round_logits(bundle.calibration_data)
    fitted = fit_calibration(data, bundle.label_space)
    return replace(bundle, calibration=fitted.calibration, calibration_data=data)


def round_logits(data: CalibrationData) -> CalibrationData:
    """Round the logits as a bundle stores them, so that a later fit gives the same numbers."""
    return calibration_from_bytes(calibration_to_bytes(data))


def fit_calibration(data: CalibrationData, space: LabelSpace) -> FittedCalibration:
    """Fit pooling, temperatures and thresholds.

    Parameters
    ----------
    data : CalibrationData
    space : LabelSpace
        Meaning of the columns of the logits.

    Returns
    -------
    FittedCalibration
    """
    tree = space.tree()
    lowest = max((label.rank for label in space.bird_labels), key=DEPTH.__getitem__)
    n = len(data)
    whole_and_half = CalibrationData.concatenate([data, data.first_half()])
    losses: dict[str, float] = {}
    pooled: dict[str, tuple[Probabilities, Probabilities]] = {}
    for rule in POOLINGS:
        pooled[rule] = pool_recordings(
            whole_and_half, has_background=space.has_background, rule=rule
        )
        losses[rule] = _label_log_loss(pooled[rule][0], whole_and_half.y_true)
    pooling = min(losses, key=losses.__getitem__)
    labels, bird = pooled[pooling]
    temperatures = {
        rank: _temperature(tree, labels, bird, whole_and_half.y_true, rank)
        for rank in RANKS[1 : DEPTH[lowest] + 1]
    }
    calibrated = space.tree(temperatures=temperatures)
    return FittedCalibration(
        calibration=Calibration(
            pooling=pooling,
            temperatures=temperatures,
            promises=fit_promises_to(calibrated, labels[:n], bird[:n], data.y_true, data.sessions),
        ),
        log_loss=losses,
    )


def _label_log_loss(labels: Probabilities, y_true: Indices) -> float:
    """Minimum log loss of the labels over the temperature, in nats per recording."""
    logarithms = np.log(np.maximum(labels, _MIN_PROBABILITY))

    def loss(log_temperature: float) -> float:
        scaled = logarithms / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        own = scaled[np.arange(len(y_true)), y_true] - np.log(np.exp(scaled).sum(axis=1))
        return float(-own.mean())

    return loss(_minimize(loss, len(y_true)))


def _temperature(
    tree: LabelTree, labels: Probabilities, bird: Probabilities, y_true: Indices, rank: str
) -> float:
    """Fit the temperature that calibrates the probability of the predicted taxon at a rank.

    It minimizes the log loss over recordings whose predicted path has a taxon at the rank.
    """
    nodes = tree.label_paths[tree.best_labels(labels), DEPTH[rank]]
    present = np.flatnonzero(nodes >= 0)
    if not len(present):
        return 1.0
    nodes, bird = nodes[present], bird[present]
    logarithms = np.log(np.maximum(labels[present], _MIN_PROBABILITY))
    under = tree.label_paths[:, DEPTH[rank]] == nodes[:, np.newaxis]
    right = under[np.arange(len(present)), y_true[present]]

    def loss(log_temperature: float) -> float:
        scaled = logarithms / np.exp(log_temperature)
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        share = np.where(under, powers, 0.0).sum(axis=1) / powers.sum(axis=1)
        p = np.clip(bird * share, _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
        return float(-np.log(np.where(right, p, 1 - p)).mean())

    return float(np.exp(_minimize(loss, len(present))))


def _minimize(loss: Callable[[float], float], n: int) -> float:
    """Log temperature that minimizes the mean loss over `n` recordings plus the prior."""
    from scipy.optimize import minimize_scalar

    def penalised(log_temperature: float) -> float:
        return loss(log_temperature) + (log_temperature / _PRIOR_SPREAD) ** 2 / (2 * n)

    return float(minimize_scalar(penalised, bounds=(-2.5, 2.5), method="bounded").x)
