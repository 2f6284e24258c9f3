"""What a network is trained to make small: plain cross-entropy, or a loss that knows the tree.

Every loss takes ``targets`` and what the network said, ``said``, both float32 with a row for each
picture, and returns float32 ``(n,)``. Targets are one-hot or mixed, ``(n, n_labels)``; all losses
are linear in them. ``said`` is the logits ``(n, n_labels)``; only `with_heads` gives more columns.

References
----------
.. [1] Bertinetto, Mueller, Tertikas, Samangooei & Lord (2020), Making better mistakes: leveraging
   class hierarchies with deep networks, CVPR.
.. [2] Szegedy et al. (2015), Going deeper with convolutions, CVPR: classifiers that only training
   has, beside the one that is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from birdsong.arrays import FloatArray
from birdsong.errors import ConfigError
from birdsong.learning.label_levels import LabelLevels
from birdsong.learning.training_config import TrainingConfig

Tensor: TypeAlias = Any
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]

_NOTHING = -1e30  # what exp takes to 0 without the NaN that an infinity brings to gradients


def loss_of(config: TrainingConfig, levels: LabelLevels) -> Loss:
    """The loss that a config names.

    Parameters
    ----------
    config : TrainingConfig
    levels : LabelLevels
        Of the labels that are learned.

    Returns
    -------
    callable
        Takes targets and what was said of the same pictures; as `keras.Model.compile` wants it.
    """
    smoothing = config.label_smoothing
    if config.loss == "soft-labels":
        return soft_labels(levels, beta=config.soft_labels_beta)
    if config.loss == "hierarchical":
        return hierarchical(levels, alpha=config.hierarchical_alpha, label_smoothing=smoothing)
    if config.loss == "auxiliary":
        return auxiliary(levels, weight=config.auxiliary_weight, label_smoothing=smoothing)
    plain: Loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    return plain


def soft_targets(distances: npt.NDArray[np.float64], beta: float) -> FloatArray:
    """What is to be said of each label where one is right: the nearer on the tree, the more.

    ``result[i, j]`` is ``exp(-beta * distances[i, j])``, scaled to sum to 1 over ``j`` [1]_.

    Parameters
    ----------
    distances : float64, shape (n_labels, n_labels), values in [0, 1]
    beta : float
        The greater, the nearer to one-hot; at 0 all labels are as good.

    Returns
    -------
    float32, shape (n_labels, n_labels)
    """
    powers = np.exp(-beta * distances)
    scaled: FloatArray = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return scaled


def soft_labels(levels: LabelLevels, *, beta: float) -> Loss:
    """Cross-entropy against `soft_targets`, which take the place of label smoothing."""
    softened = soft_targets(levels.distances(), beta)

    def loss(targets: Tensor, said: Tensor) -> Tensor:
        return _cross_entropy(ops.matmul(targets, softened), said)

    return loss


def hierarchical(levels: LabelLevels, *, alpha: float, label_smoothing: float = 0.0) -> Loss:
    """Hierarchical cross-entropy: each step on the way down to the label, weighed by its depth.

    The probability of a label is the product of those of the steps from all there is to its order,
    its family, its genus and itself, each given the one before; a group's probability is the sum
    of its labels'. The negative logarithm of a step that ends ``d`` steps below the first one
    weighs ``exp(-alpha * d)``: what is general counts more [1]_. At `alpha` 0 it is cross-entropy.

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

    def loss(targets: Tensor, said: Tensor) -> Tensor:
        targets = _smoothed(targets, label_smoothing)
        sums = log_sums(said, levels)
        total = 0.0
        for height, weight in enumerate(weights):
            above = ops.take(sums[height + 1], levels.parents(height), axis=1)
            shares = ops.matmul(targets, _members(levels, height))
            total += float(weight) * ops.sum(shares * (above - sums[height]), axis=1)
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
        Takes what a network of `with_heads` says.
    """
    heights = [0, *levels.ranks_above.values()]
    ends = np.cumsum([levels.sizes[height] for height in heights])

    def loss(targets: Tensor, said: Tensor) -> Tensor:
        total = 0.0
        for height, end in zip(heights, ends.tolist(), strict=True):
            of_groups = ops.matmul(targets, _members(levels, height)) if height else targets
            own = said[:, end - levels.sizes[height] : end]
            entropy = _cross_entropy(_smoothed(of_groups, label_smoothing), own)
            total += entropy * (weight if height else 1.0)
        return total

    return loss


def with_heads(network: keras.Model, levels: LabelLevels) -> keras.Model:
    """Put a head for each rank above the labels beside the one of the labels, for training only.

    A head sees what the last convolution of the network sees, and is one of the same kind. The
    layers of the network stay its own: what is trained here is trained there.

    Parameters
    ----------
    network : keras.Model
        As `squeezenet` builds it: ``labels`` is the last convolution.
    levels : LabelLevels

    Returns
    -------
    keras.Model
        Returns float32 ``(n, n_labels + n_genera + n_families + n_orders)``, logits, as far as
        these ranks are above the labels.

    Raises
    ------
    ConfigError
        If no rank is above the labels, as where they are orders.
    """
    if not levels.ranks_above:
        raise ConfigError(
            f"the loss 'auxiliary' needs a rank above the labels, but they are {levels.ranks[0]}s; "
            "choose another loss, or learn a lower rank"
        )
    features = network.get_layer("labels").input
    outputs = [*network.outputs]
    for rank, height in levels.ranks_above.items():
        x = keras.layers.Conv2D(levels.sizes[height], 1, name=f"{rank}_head")(features)
        x = keras.layers.GlobalAveragePooling2D(dtype="float32", name=f"{rank}_logits")(x)
        outputs.append(x)
    said = keras.layers.Concatenate(dtype="float32", name="all_logits")(outputs)
    return keras.Model(network.inputs[0], said, name="with_heads")


def log_sums(logits: Tensor, levels: LabelLevels) -> list[Tensor]:
    """Logarithm of the summed exponentials of the logits in every group, height by height.

    Parameters
    ----------
    logits : float32, shape (n, n_labels)
    levels : LabelLevels

    Returns
    -------
    list of float32, shape (n, n_groups), length n_levels
        The logits first. A group's probability is the exponential of its sum less the last one.
    """
    sums = [logits]
    for height in range(len(levels.ranks) - 1):
        filled = ops.pad(sums[-1], ((0, 0), (0, 1)), constant_values=_NOTHING)
        under = _under(levels, height)
        sums.append(ops.logsumexp(ops.take(filled, under, axis=1), axis=2))
    return sums


def _under(levels: LabelLevels, height: int) -> npt.NDArray[np.int64]:
    """Groups at a height under each group of the next; filled up with one that is not there."""
    parents = levels.parents(height)
    children = [np.flatnonzero(parents == parent) for parent in range(levels.sizes[height + 1])]
    under = np.full((len(children), max(map(len, children))), len(parents), np.int64)
    for row, own in zip(under, children, strict=True):
        row[: len(own)] = own
    return under


def _members(levels: LabelLevels, height: int) -> FloatArray:
    """1 where a label is of a group; float32, shape (n_labels, n_groups)."""
    members: FloatArray = np.eye(levels.sizes[height], dtype=np.float32)[levels.groups[height]]
    return members


def _smoothed(targets: Tensor, share: float) -> Tensor:
    return targets * (1.0 - share) + share / targets.shape[-1]


def _cross_entropy(targets: Tensor, logits: Tensor) -> Tensor:
    return ops.categorical_crossentropy(targets, logits, from_logits=True)
