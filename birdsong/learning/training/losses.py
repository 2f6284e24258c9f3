"""Loss functions: cross-entropy of the labels, or a loss that knows the tree.

Every loss takes ``targets`` and ``logits``, both float32 with a row for each image, and returns
float32 ``(n,)``. Targets are one-hot or mixed, ``(n, n_labels)``, or have the
columns of `LabelLevels.first_columns`: a bird known to its genus only has its 1 in the column of
the genus. All losses are linear in them. Logits are ``(n, n_labels)``; only a network of
`with_auxiliary_heads` gives more columns.

Of a bird known to a taxon above the labels, the negative logarithm of the taxon's probability is to
be small, which is the sum of its labels': none of them is told to give way to another [2]_ [3]_.

References
----------
.. [1] Bertinetto, Mueller, Tertikas, Samangooei & Lord (2020), Making better mistakes: leveraging
   class hierarchies with deep networks, CVPR.
.. [2] Redmon & Farhadi (2017), YOLO9000: better, faster, stronger, CVPR.
.. [3] Cour, Sapp & Taskar (2011), Learning from partial labels, JMLR 12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops

from birdsong.arrays import FloatArray
from birdsong.learning.data.label_levels import LabelLevels
from birdsong.learning.training.group_logsumexp import log_sums
from birdsong.learning.training.loss_config import LossConfig

Tensor: TypeAlias = Any
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]


def loss_of(config: LossConfig, levels: LabelLevels, *, partial_labels: bool = False) -> Loss:
    """The loss that a config names.

    Parameters
    ----------
    config : LossConfig
    levels : LabelLevels
        Of the labels that are learned.
    partial_labels : bool
        Whether some targets are taxa above the labels.

    Returns
    -------
    callable
        Takes targets and logits of the same images, as `keras.Model.compile` wants it.
    """
    smoothing = config.label_smoothing
    if config.name == "hierarchical":
        return hierarchical(levels, alpha=config.hierarchical_alpha, label_smoothing=smoothing)
    if config.name == "auxiliary":
        return auxiliary(levels, weight=config.auxiliary_weight, label_smoothing=smoothing)
    if partial_labels:
        return plain(levels, label_smoothing=smoothing)
    of_labels: Loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing
    )
    return of_labels


def plain(levels: LabelLevels, *, label_smoothing: float = 0.0) -> Loss:
    """Cross-entropy of the label, or of the taxon above it where that is all that is known."""

    def loss(targets: Tensor, logits: Tensor) -> Tensor:
        of_labels = _smoothed(targets[:, : levels.sizes[0]], label_smoothing)
        return _cross_entropy(of_labels, logits) + _partly_known(targets, logits, levels)

    return loss


def hierarchical(levels: LabelLevels, *, alpha: float, label_smoothing: float = 0.0) -> Loss:
    """Hierarchical cross-entropy: each step on the way down to the label, weighed by its depth.

    The probability of a label is the product of those of the steps from all there is to its order,
    its family, its genus and itself, each given the one before; a group's probability is the sum
    of its labels'. The negative logarithm of a step that ends ``d`` steps below the first one
    weighs ``exp(-alpha * d)``: what is general counts more [1]_. At `alpha` 0 it is cross-entropy.
    Where only a taxon above the label is known, the way ends there.

    Parameters
    ----------
    levels : LabelLevels
    alpha : float, 0 or greater
    label_smoothing : float in [0, 1)

    Returns
    -------
    callable
    """
    n_steps = len(levels.ranks) - 1
    # The paper calls d the height, and its authors' code counts from the root, as the text means.
    weights = np.exp(-alpha * np.arange(n_steps)[::-1])

    def loss(targets: Tensor, logits: Tensor) -> Tensor:
        known = _known(targets, levels)
        known[0] = _smoothed(known[0], label_smoothing)
        sums = log_sums(logits, levels)
        total, on_way = 0.0, 0.0
        for height, weight in enumerate(weights):
            on_way = known[height] + on_way
            above = ops.take(sums[height + 1], levels.parents(height), axis=1)
            total += float(weight) * ops.sum(on_way * (above - sums[height]), axis=1)
            on_way = ops.matmul(on_way, _upwards(levels, height))
        return total

    return loss


def auxiliary(levels: LabelLevels, *, weight: float, label_smoothing: float = 0.0) -> Loss:
    """Cross-entropy of the label, plus that of its taxon at each rank above by a head of its own.

    Parameters
    ----------
    levels : LabelLevels
    weight : float
        Of each head, where the label's cross-entropy weighs 1.
    label_smoothing : float in [0, 1)
        Holds for every head.

    Returns
    -------
    callable
        Takes what a network of `with_auxiliary_heads` says.
    """

    def loss(targets: Tensor, logits: Tensor) -> Tensor:
        known = _known(targets, levels)
        total = _partly_known(targets, logits[:, : levels.sizes[0]], levels)
        on_way = 0.0
        for height, first in levels.first_columns.items():
            on_way = known[height] + on_way
            own = logits[:, first : first + levels.sizes[height]]
            entropy = _cross_entropy(_smoothed(on_way, label_smoothing), own)
            total += entropy * (weight if height else 1.0)
            on_way = ops.matmul(on_way, _upwards(levels, height))
        return total

    return loss


def _upwards(levels: LabelLevels, height: int) -> FloatArray:
    """1 where a group is under one of the next height; float32, shape (n_groups, n_above)."""
    ones: FloatArray = np.eye(levels.sizes[height + 1], dtype=np.float32)[levels.parents(height)]
    return ones


def _known(targets: Tensor, levels: LabelLevels) -> list[Tensor]:
    """What is known at each height and not below it, the labels first; 0 where nothing can be."""
    known: list[Tensor] = [0.0] * len(levels.ranks)
    for height, first in levels.first_columns.items():
        if first < targets.shape[-1]:
            known[height] = targets[:, first : first + levels.sizes[height]]
    return known


def _partly_known(targets: Tensor, logits: Tensor, levels: LabelLevels) -> Tensor:
    """Cross-entropy of what is known above the labels only."""
    if targets.shape[-1] == levels.sizes[0]:
        return 0.0
    sums = log_sums(logits, levels)
    total = 0.0
    for own, below in zip(_known(targets, levels)[1:], sums[1:], strict=True):
        total += ops.sum(own * (sums[-1] - below), axis=1)
    return total


def _smoothed(targets: Tensor, share: float) -> Tensor:
    spread = ops.sum(targets, axis=1, keepdims=True) * (share / targets.shape[-1])
    return targets * (1.0 - share) + spread


def _cross_entropy(targets: Tensor, logits: Tensor) -> Tensor:
    # Keras's own takes it for granted, in its gradient, that targets sum to 1.
    return -ops.sum(targets * ops.log_softmax(logits, axis=1), axis=1)
