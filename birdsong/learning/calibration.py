"""What makes logits honest probabilities, fitted to recordings that were not learned from.

First the rule by which segments become a recording: that with the least log loss. Then a
temperature for each rank [1]_: a network trained with label smoothing and mixed pictures says too
little for what it knows of orders and may say the right thing of species, so that no single
temperature serves. Then the thresholds of the promises, see `birdsong.taxa.promises`.

References
----------
.. [1] Guo, Pleiss, Sun & Weinberger (2017), On calibration of modern neural networks, ICML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from birdsong.bundle import Bundle
from birdsong.calibration import Calibration, pool_all, promises_of
from birdsong.calibration_data import (
    CalibrationData,
    calibration_from_bytes,
    calibration_to_bytes,
)
from birdsong.pooling import POOLINGS, Probabilities
from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import DEPTH, RANKS
from birdsong.taxa.paths import LabelTree
from birdsong.taxa.taxonomy import Taxonomy

_PRIOR_SPREAD = 0.5
"""How far the logarithm of a temperature is from 0 before anything was seen: few recordings cannot
carry it far."""

_SMALLEST = 1e-12  # a probability of 0 would make one recording outweigh all


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A calibration, and what it was chosen by.

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
    # To the numbers that are kept, rounded as they are: who fits them again gets the same.
    kept = calibration_from_bytes(calibration_to_bytes(bundle.calibration_data))
    fitted = fit_calibration(
        kept,
        bundle.bird_labels,
        bundle.taxonomy,
        background=bundle.has_background,
    )
    return replace(bundle, calibration=fitted.calibration, calibration_data=kept)


def fit_calibration(
    data: CalibrationData, labels: Sequence[Label], taxonomy: Taxonomy, *, background: bool
) -> Fitted:
    """Fit pooling, temperatures and thresholds.

    Parameters
    ----------
    data : CalibrationData
    labels : sequence of Label
        Without the background.
    taxonomy : Taxonomy
    background : bool
        Whether the last column of the logits is the background class.

    Returns
    -------
    Fitted
    """
    tree = LabelTree(taxonomy, labels)
    lowest = max((label.rank for label in labels), key=DEPTH.__getitem__)
    losses: dict[str, float] = {}
    pooled: dict[str, tuple[Probabilities, Probabilities]] = {}
    for rule in POOLINGS:
        pooled[rule] = pool_all(data, background=background, rule=rule)
        _, losses[rule] = _temperature(tree, pooled[rule][0], data.y_true, lowest)
    pooling = min(losses, key=losses.__getitem__)
    said, bird = pooled[pooling]
    temperatures = {
        rank: _temperature(tree, said, data.y_true, rank)[0]
        for rank in RANKS[1 : DEPTH[lowest] + 1]
    }
    calibrated = LabelTree(taxonomy, labels, temperatures=temperatures)
    return Fitted(
        calibration=Calibration(
            pooling=pooling,
            temperatures=temperatures,
            promises=promises_of(calibrated, said, bird, data.y_true, data.sessions),
        ),
        log_loss=losses,
    )


def _temperature(
    tree: LabelTree, said: Probabilities, y_true: npt.NDArray[np.integer], rank: str
) -> tuple[float, float]:
    """The temperature at which the taxa of a rank have the least log loss, and that loss.

    A label above the rank stands for itself, and one whose path has no taxon at the rank for the
    next taxon below.
    """
    from scipy.optimize import minimize_scalar

    groups = _groups(tree, rank)
    n_groups = groups.max() + 1
    members = np.zeros((len(groups), n_groups))
    members[np.arange(len(groups)), groups] = 1
    logarithms = np.log(np.maximum(said, _SMALLEST))
    truth = groups[y_true]

    def loss(log_temperature: float) -> float:
        scaled = logarithms / np.exp(log_temperature)
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        of_group = (powers @ members) / powers.sum(axis=1, keepdims=True)
        own = of_group[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(own, _SMALLEST)).mean())

    def penalised(log_temperature: float) -> float:
        prior = (log_temperature / _PRIOR_SPREAD) ** 2 / (2 * len(truth))
        return loss(log_temperature) + prior

    best = float(minimize_scalar(penalised, bounds=(-2.5, 2.5), method="bounded").x)
    return float(np.exp(best)), loss(best)


def _groups(tree: LabelTree, rank: str) -> npt.NDArray[np.intp]:
    """Which labels are one and the same at a rank; int ``(n_labels,)``, from 0."""
    paths = tree.label_paths[:, DEPTH[rank] :]
    first_below = paths[np.arange(len(paths)), (paths >= 0).argmax(axis=1)]
    # A label above the rank is kept apart from those under it.
    n_nodes = len(tree.taxonomy.nodes)
    own = np.where(first_below >= 0, first_below, n_nodes + tree.label_nodes)
    groups: npt.NDArray[np.intp] = np.unique(own, return_inverse=True)[1]
    return groups
