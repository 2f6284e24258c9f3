"""What the logits of labels say of groups of labels, as logarithms that cannot underflow."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from keras import ops

from birdsong.learning.data.label_levels import LabelLevels

Tensor: TypeAlias = Any

_NOTHING = -1e30  # what exp takes to 0 without the NaN that an infinity brings to gradients


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
