"""How good predictions are: pure functions on ``(y_true, y_prob)``.

Conventions: ``y_true`` is ``int (n,)``, the class index of each item; ``y_prob`` is
``float (n, n_labels)``, scores of which only the order within a row counts. An item whose true
label scores the same as others is placed behind them: a tie is never a hit by luck.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from birdsong.arrays import IntArray


def top_k_accuracy(y_true: IntArray, y_prob: npt.NDArray[np.floating], *, k: int = 1) -> float:
    """Share of items whose true label is among the `k` that score highest.

    Parameters
    ----------
    y_true : int, shape (n,)
    y_prob : float, shape (n, n_labels)
    k : int
        More than there are labels counts as all of them.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        If there is no item, the shapes do not fit, or a score is not a number.
    """
    _check(y_true, y_prob)
    own = y_prob[np.arange(len(y_true)), y_true]
    rank = (y_prob >= own[:, np.newaxis]).sum(axis=1)
    return float((rank <= min(k, y_prob.shape[1])).mean())


def macro_recall(y_true: IntArray, y_prob: npt.NDArray[np.floating]) -> float:
    """Share of items right at top 1, taken for each label that occurs and averaged over these.

    Parameters
    ----------
    y_true : int, shape (n,)
    y_prob : float, shape (n, n_labels)

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        As `top_k_accuracy` does.
    """
    _check(y_true, y_prob)
    return float(
        np.mean(
            [
                top_k_accuracy(y_true[y_true == label], y_prob[y_true == label])
                for label in np.unique(y_true)
            ]
        )
    )


def _check(y_true: IntArray, y_prob: npt.NDArray[np.floating]) -> None:
    if len(y_true) == 0:
        raise ValueError("there is nothing to score: no item was given")
    if y_prob.ndim != 2 or y_true.shape != y_prob.shape[:1]:
        raise ValueError(f"expected (n,) and (n, n_labels), got {y_true.shape} and {y_prob.shape}")
    if y_true.min() < 0 or y_true.max() >= y_prob.shape[1]:
        raise ValueError(f"labels must be in 0..{y_prob.shape[1] - 1}, got {y_true.max()}")
    if not np.isfinite(y_prob).all():
        raise ValueError("a score is not a finite number")
