"""Log-sum-exp of the logits of labels over groups of labels."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from keras import ops

from birdsong.learning.data.label_levels import LabelLevels

Tensor: TypeAlias = Any

_LOG_ZERO = -1e30  # exp gives 0; minus infinity would give gradients of NaN


def group_logsumexp(logits: Tensor, levels: LabelLevels) -> list[Tensor]:
    """Log-sum-exp of the logits in each group, height by height.

    The log probability of a group is its value minus that of the last height, which has one group.

    Parameters
    ----------
    logits : float32, shape (n, n_labels)
    levels : LabelLevels

    Returns
    -------
    list of float32, shape (n, n_groups), length n_levels
        The first item is `logits`.
    """
    sums = [logits]
    for height in range(len(levels.ranks) - 1):
        padded = ops.pad(sums[-1], ((0, 0), (0, 1)), constant_values=_LOG_ZERO)
        children = _padded_children(levels, height)
        sums.append(ops.logsumexp(ops.take(padded, children, axis=1), axis=2))
    return sums


def _padded_children(levels: LabelLevels, height: int) -> npt.NDArray[np.int64]:
    """Groups at a height in each group of the next, padded with the index past the last group."""
    parents = levels.parents(height)
    children = [np.flatnonzero(parents == parent) for parent in range(levels.sizes[height + 1])]
    padded = np.full((len(children), max(map(len, children))), len(parents), np.int64)
    for row, own in zip(padded, children, strict=True):
        row[: len(own)] = own
    return padded
