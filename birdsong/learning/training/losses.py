"""Loss functions: cross-entropy of the labels, or losses that use the taxonomy.

Every loss takes ``targets`` and ``logits``, both float32 with a row for each image, and returns
float32 ``(n,)``. Targets are one-hot or mixed, ``(n, n_labels)``. With partial labels they have the
columns of `LabelLevels.first_columns`: a bird that is identified only to its genus has its 1 in the
column of the genus. All losses are linear in the targets. Logits are ``(n, n_labels)``; only a
network of `with_auxiliary_heads` has more columns.

The loss of a partial label is the negative log probability of its taxon, which is the sum of the
probabilities of the taxon's labels [2]_ [3]_.

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
from birdsong.learning.training.group_logsumexp import group_logsumexp
from birdsong.learning.training.loss_config import LossConfig

Tensor: TypeAlias = Any
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]


def build_loss(config: LossConfig, levels: LabelLevels, *, partial_labels: bool = False) -> Loss:
    """Build the loss function of a config.

    Parameters
    ----------
    config : LossConfig
    levels : LabelLevels
        Of all labels of the network, auxiliary classes included.
    partial_labels : bool
        Whether the targets have columns for partial labels.

    Returns
    -------
    callable
        Takes targets and logits; for `keras.Model.compile`.
    """
    smoothing = config.label_smoothing
    if config.name == "hierarchical":
        return hierarchical_cross_entropy(
            levels, alpha=config.hierarchical_alpha, label_smoothing=smoothing
        )
    if config.name == "auxiliary":
        return auxiliary_cross_entropy(
            levels, weight=config.auxiliary_weight, label_smoothing=smoothing
        )
    if partial_labels:
        return cross_entropy(levels, label_smoothing=smoothing)
    loss: Loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    return loss


def cross_entropy(levels: LabelLevels, *, label_smoothing: float = 0.0) -> Loss:
    """Cross-entropy of the label, or of the taxon of a partial label."""

    def loss(targets: Tensor, logits: Tensor) -> Tensor:
        label_targets = _smooth_labels(targets[:, : levels.sizes[0]], label_smoothing)
        return _softmax_cross_entropy(label_targets, logits) + _partial_label_loss(
            targets, logits, levels
        )

    return loss


def hierarchical_cross_entropy(
    levels: LabelLevels, *, alpha: float, label_smoothing: float = 0.0
) -> Loss:
    """Hierarchical cross-entropy: the loss of each step down the tree, weighted by its depth.

    The probability of a label is the product of conditional probabilities along its path: of the
    order, of the family given the order, and so on. The probability of a group is the sum over its
    labels. The negative log probability of a step at depth ``d``, from 0, has the weight
    ``exp(-alpha * d)``: higher ranks count more [1]_. With `alpha` 0 the loss is cross-entropy. For
    a partial label the path ends at its taxon.

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
    # The paper calls d the height; its authors' code counts from the root, as its text does.
    weights = np.exp(-alpha * np.arange(n_steps)[::-1])

    def loss(targets: Tensor, logits: Tensor) -> Tensor:
        by_height = _targets_by_height(targets, levels)
        by_height[0] = _smooth_labels(by_height[0], label_smoothing)
        sums = group_logsumexp(logits, levels)
        total, cumulative = 0.0, 0.0
        for height, weight in enumerate(weights):
            cumulative = by_height[height] + cumulative
            above = ops.take(sums[height + 1], levels.parents(height), axis=1)
            total += float(weight) * ops.sum(cumulative * (above - sums[height]), axis=1)
            cumulative = ops.matmul(cumulative, _parent_matrix(levels, height))
        return total

    return loss


def auxiliary_cross_entropy(
    levels: LabelLevels, *, weight: float, label_smoothing: float = 0.0
) -> Loss:
    """Cross-entropy of the label, plus that of its taxon at each rank above, from auxiliary heads.

    Parameters
    ----------
    levels : LabelLevels
    weight : float
        Weight of each auxiliary head; the label's cross-entropy has the weight 1.
    label_smoothing : float in [0, 1)
        Of every head.

    Returns
    -------
    callable
        Takes the logits of a network of `with_auxiliary_heads`.
    """

    def loss(targets: Tensor, logits: Tensor) -> Tensor:
        by_height = _targets_by_height(targets, levels)
        total = _partial_label_loss(targets, logits[:, : levels.sizes[0]], levels)
        cumulative = 0.0
        for height, first in levels.first_columns.items():
            cumulative = by_height[height] + cumulative
            own = logits[:, first : first + levels.sizes[height]]
            entropy = _softmax_cross_entropy(_smooth_labels(cumulative, label_smoothing), own)
            total += entropy * (weight if height else 1.0)
            cumulative = ops.matmul(cumulative, _parent_matrix(levels, height))
        return total

    return loss


def _parent_matrix(levels: LabelLevels, height: int) -> FloatArray:
    """1 where a group is in a group of the next height; float32, shape (n_groups, n_above)."""
    ones: FloatArray = np.eye(levels.sizes[height + 1], dtype=np.float32)[levels.parents(height)]
    return ones


def _targets_by_height(targets: Tensor, levels: LabelLevels) -> list[Tensor]:
    """Targets of each height, the labels first; 0 for heights without target columns."""
    by_height: list[Tensor] = [0.0] * len(levels.ranks)
    for height, first in levels.first_columns.items():
        if first < targets.shape[-1]:
            by_height[height] = targets[:, first : first + levels.sizes[height]]
    return by_height


def _partial_label_loss(targets: Tensor, logits: Tensor, levels: LabelLevels) -> Tensor:
    """Cross-entropy of the partial labels."""
    if targets.shape[-1] == levels.sizes[0]:
        return 0.0
    sums = group_logsumexp(logits, levels)
    total = 0.0
    for own, below in zip(_targets_by_height(targets, levels)[1:], sums[1:], strict=True):
        total += ops.sum(own * (sums[-1] - below), axis=1)
    return total


def _smooth_labels(targets: Tensor, share: float) -> Tensor:
    spread = ops.sum(targets, axis=1, keepdims=True) * (share / targets.shape[-1])
    return targets * (1.0 - share) + spread


def _softmax_cross_entropy(targets: Tensor, logits: Tensor) -> Tensor:
    # The gradient of Keras's own function assumes that targets sum to 1.
    return -ops.sum(targets * ops.log_softmax(logits, axis=1), axis=1)
