"""Calibration, fitted to recordings that the network did not learn from.

First the rule that pools segments: that with the least log loss. Then a temperature for each rank
[1]_, at which the taxon of that rank on the path is right as often as its probability says: a
network trained with label smoothing and mixed images is underconfident about orders, and may be
well calibrated for species, so that one temperature does not fit all ranks. For both a recording
counts twice, whole and cut to its first half, since pooling cannot tell a short recording from a
long one. Then the thresholds of the promises, to whole recordings; see
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
"""Standard deviation of the prior of a log temperature: few recordings move it little from 0."""

_SMALLEST = 1e-12  # a probability of 0 would make one recording outweigh all


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCalibration:
    """A calibration, and the losses that its pooling rule was chosen by.

    Attributes
    ----------
    calibration : Calibration
    log_loss : mapping of str to float
        Of the labels, in nats a recording, by each pooling rule at its best temperature.
    """

    calibration: Calibration
    log_loss: Mapping[str, float]


def calibrate(bundle: Bundle) -> Bundle:
    """Fit a bundle's calibration to the logits that it carries.

    Returns
    -------
    Bundle
        Without a calibration where it carries no logits.
    """
    if bundle.calibration_data is None:
        return replace(bundle, calibration=None)
    kept = round_logits(bundle.calibration_data)
    fitted = fit_calibration(kept, bundle.label_space)
    return replace(bundle, calibration=fitted.calibration, calibration_data=kept)


def round_logits(data: CalibrationData) -> CalibrationData:
    """Round the logits as a bundle does, so that a later fit to them gives the same numbers."""
    return calibration_from_bytes(calibration_to_bytes(data))


def fit_calibration(data: CalibrationData, space: LabelSpace) -> FittedCalibration:
    """Fit pooling, temperatures and thresholds.

    Parameters
    ----------
    data : CalibrationData
    space : LabelSpace
        What the columns of the logits mean.

    Returns
    -------
    FittedCalibration
    """
    tree = space.tree()
    lowest = max((label.rank for label in space.bird_labels), key=DEPTH.__getitem__)
    n = len(data)
    both = CalibrationData.concatenate([data, data.first_half()])
    losses: dict[str, float] = {}
    pooled: dict[str, tuple[Probabilities, Probabilities]] = {}
    for rule in POOLINGS:
        pooled[rule] = pool_recordings(both, has_background=space.has_background, rule=rule)
        losses[rule] = _label_log_loss(pooled[rule][0], both.y_true)
    pooling = min(losses, key=losses.__getitem__)
    labels, bird = pooled[pooling]
    temperatures = {
        rank: _temperature(tree, labels, bird, both.y_true, rank)
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
    """Log loss of the labels, in nats a recording, at the temperature at which it is least."""
    logarithms = np.log(np.maximum(labels, _SMALLEST))

    def loss(log_temperature: float) -> float:
        scaled = logarithms / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        own = scaled[np.arange(len(y_true)), y_true] - np.log(np.exp(scaled).sum(axis=1))
        return float(-own.mean())

    return loss(_least(loss, len(y_true)))


def _temperature(
    tree: LabelTree, labels: Probabilities, bird: Probabilities, y_true: Indices, rank: str
) -> float:
    """The temperature at which the probability of the path's taxon of a rank is calibrated.

    It has the least log loss over the recordings whose path has a taxon at the rank.
    """
    nodes = tree.label_paths[tree.best_labels(labels), DEPTH[rank]]
    asked = np.flatnonzero(nodes >= 0)
    if not len(asked):
        return 1.0
    nodes, bird = nodes[asked], bird[asked]
    logarithms = np.log(np.maximum(labels[asked], _SMALLEST))
    under = tree.label_paths[:, DEPTH[rank]] == nodes[:, np.newaxis]
    right = under[np.arange(len(asked)), y_true[asked]]

    def loss(log_temperature: float) -> float:
        scaled = logarithms / np.exp(log_temperature)
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        share = np.where(under, powers, 0.0).sum(axis=1) / powers.sum(axis=1)
        chance = np.clip(bird * share, _SMALLEST, 1 - _SMALLEST)
        return float(-np.log(np.where(right, chance, 1 - chance)).mean())

    return float(np.exp(_least(loss, len(asked))))


def _least(loss: Callable[[float], float], n: int) -> float:
    """The logarithm of a temperature with the least loss over `n` recordings, and the prior."""
    from scipy.optimize import minimize_scalar

    def penalised(log_temperature: float) -> float:
        return loss(log_temperature) + (log_temperature / _PRIOR_SPREAD) ** 2 / (2 * n)

    return float(minimize_scalar(penalised, bounds=(-2.5, 2.5), method="bounded").x)
