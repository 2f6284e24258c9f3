"""Classification metrics: pure functions of ``(y_true, y_prob)``.

Conventions: ``y_true`` is ``int (n,)``, the class index of each item; ``y_prob`` is
``float (n, n_labels)``, scores of which only the order within a row matters, and for average
precision the order within a column. In a tie the true label ranks last. ``weights``,
``float (n,)``, 0 or greater, are sample weights, 1 by default. Averages over labels leave out
labels without an item.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from birdsong.arrays import IntArray

Scores = npt.NDArray[np.floating]
Weights = npt.NDArray[np.float64]


def top_k_accuracy(
    y_true: IntArray, y_prob: Scores, *, k: int = 1, weights: Weights | None = None
) -> float:
    """Share of items whose true label is among the `k` labels with the highest scores.

    Parameters
    ----------
    y_true : int, shape (n,)
    y_prob : float, shape (n, n_labels)
    k : int
        A `k` above `n_labels` counts as `n_labels`.
    weights : float, shape (n,), optional

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        If there is no item, the shapes do not fit, or a score is not finite.
    """
    weights = _check_inputs(y_true, y_prob, weights)
    return float(np.average(_positions(y_true, y_prob) <= k, weights=weights))


def recall_by_label(
    y_true: IntArray, y_prob: Scores, *, weights: Weights | None = None
) -> npt.NDArray[np.float64]:
    """Recall of each label at top 1.

    Parameters
    ----------
    y_true : int, shape (n,)
    y_prob : float, shape (n, n_labels)
    weights : float, shape (n,), optional

    Returns
    -------
    float64, shape (n_labels,)
        NaN where no item has the label.

    Raises
    ------
    ValueError
        As `top_k_accuracy` does.
    """
    weights = _check_inputs(y_true, y_prob, weights)
    n_labels = y_prob.shape[1]
    right = np.bincount(y_true, weights * (_positions(y_true, y_prob) <= 1), n_labels)
    there = np.bincount(y_true, weights, n_labels)
    recall: npt.NDArray[np.float64] = np.full(n_labels, np.nan)
    np.divide(right, there, out=recall, where=there > 0)
    return recall


def macro_recall(y_true: IntArray, y_prob: Scores, *, weights: Weights | None = None) -> float:
    """Mean of `recall_by_label` over the labels that occur.

    Parameters
    ----------
    y_true : int, shape (n,)
    y_prob : float, shape (n, n_labels)
    weights : float, shape (n,), optional

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        As `top_k_accuracy` does.
    """
    return float(np.nanmean(recall_by_label(y_true, y_prob, weights=weights)))


def average_precision_by_label(
    y_true: IntArray, y_prob: Scores, *, weights: Weights | None = None
) -> npt.NDArray[np.float64]:
    """Average precision of each label, with items ranked by its column.

    Equal scores are one threshold, as in scikit-learn.

    Parameters
    ----------
    y_true : int, shape (n,)
    y_prob : float, shape (n, n_labels)
    weights : float, shape (n,), optional

    Returns
    -------
    float64, shape (n_labels,)
        NaN where no item has the label.

    Raises
    ------
    ValueError
        As `top_k_accuracy` does.
    """
    weights = _check_inputs(y_true, y_prob, weights)
    precisions = np.full(y_prob.shape[1], np.nan)
    for label in np.unique(y_true[weights > 0]):
        order = np.argsort(-y_prob[:, label], kind="stable")
        scores, w = y_prob[order, label], weights[order]
        found = np.cumsum(w * (y_true[order] == label))
        listed = np.cumsum(w)
        # Ends of groups of equal scores, without leading groups of weight 0.
        ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
        ends = ends[listed[ends] > 0]
        gained = np.diff(found[ends], prepend=0.0)
        precisions[label] = (gained * found[ends] / listed[ends]).sum() / found[-1]
    return precisions


def mean_average_precision(
    y_true: IntArray, y_prob: Scores, *, weights: Weights | None = None
) -> float:
    """Mean of `average_precision_by_label` over the labels that occur.

    Parameters
    ----------
    y_true : int, shape (n,)
    y_prob : float, shape (n, n_labels)
    weights : float, shape (n,), optional

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        As `top_k_accuracy` does.
    """
    return float(np.nanmean(average_precision_by_label(y_true, y_prob, weights=weights)))


def auroc_by_label(
    y_true: IntArray, y_prob: Scores, *, weights: Weights | None = None
) -> npt.NDArray[np.float64]:
    """Area under the ROC curve of each label, one against the rest.

    It is the probability that an item of the label scores higher than another; ties count half.

    Parameters
    ----------
    y_true : int, shape (n,)
    y_prob : float, shape (n, n_labels)
    weights : float, shape (n,), optional

    Returns
    -------
    float64, shape (n_labels,)
        NaN where no item, or every item, has the label.

    Raises
    ------
    ValueError
        As `top_k_accuracy` does.
    """
    weights = _check_inputs(y_true, y_prob, weights)
    areas = np.full(y_prob.shape[1], np.nan)
    for label in np.unique(y_true[weights > 0]):
        _, level = np.unique(y_prob[:, label], return_inverse=True)
        own = np.bincount(level, weights * (y_true == label))
        others = np.bincount(level, weights * (y_true != label))
        if others.sum() > 0:
            below = np.cumsum(others) - others / 2
            areas[label] = (own * below).sum() / (own.sum() * others.sum())
    return areas


def macro_auroc(y_true: IntArray, y_prob: Scores, *, weights: Weights | None = None) -> float:
    """Mean of `auroc_by_label` over the labels that occur, NaN if there is only one.

    Parameters
    ----------
    y_true : int, shape (n,)
    y_prob : float, shape (n, n_labels)
    weights : float, shape (n,), optional

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        As `top_k_accuracy` does.
    """
    areas = auroc_by_label(y_true, y_prob, weights=weights)
    return float(np.nanmean(areas)) if np.isfinite(areas).any() else np.nan


def brier_score(y_true: IntArray, y_prob: Scores) -> float:
    """Mean squared difference of probabilities and one-hot labels, summed over the labels.

    Parameters
    ----------
    y_true : int, shape (n,)
    y_prob : float, shape (n, n_labels)

    Returns
    -------
    float in [0, 2]
        0 for perfect predictions; ``1 - 1 / n_labels`` for uniform probabilities.

    Raises
    ------
    ValueError
        If there is no item, the shapes do not fit, or a value is not in [0, 1].

    References
    ----------
    .. [1] Brier (1950), Verification of forecasts expressed in terms of probability.
    """
    _check_inputs(y_true, y_prob, None)
    if not ((y_prob >= 0) & (y_prob <= 1)).all():
        raise ValueError("probabilities must be in [0, 1]")
    own = y_prob[np.arange(len(y_true)), y_true]
    return float(((y_prob**2).sum(axis=1) - 2 * own + 1).mean())


def confusion_matrix(y_true: IntArray, y_prob: Scores) -> IntArray:
    """Count the predictions of each label for each true label.

    Parameters
    ----------
    y_true : int, shape (n,)
    y_prob : float, shape (n, n_labels)

    Returns
    -------
    int64, shape (n_labels, n_labels)
        Row: the true label. Column: the label with the highest score, the first of a tie.

    Raises
    ------
    ValueError
        As `top_k_accuracy` does.
    """
    _check_inputs(y_true, y_prob, None)
    counts = np.zeros((y_prob.shape[1], y_prob.shape[1]), np.int64)
    np.add.at(counts, (y_true, y_prob.argmax(axis=1)), 1)
    return counts


def _positions(y_true: IntArray, y_prob: Scores) -> IntArray:
    """Position of the true label in each row, from 1; last in a tie."""
    own = y_prob[np.arange(len(y_true)), y_true]
    positions: IntArray = (y_prob >= own[:, np.newaxis]).sum(axis=1)
    return positions


def _check_inputs(y_true: IntArray, y_prob: Scores, weights: Weights | None) -> Weights:
    if len(y_true) == 0:
        raise ValueError("there is nothing to score: no item was given")
    if y_prob.ndim != 2 or y_true.shape != y_prob.shape[:1]:
        raise ValueError(f"expected (n,) and (n, n_labels), got {y_true.shape} and {y_prob.shape}")
    if y_true.min() < 0 or y_true.max() >= y_prob.shape[1]:
        raise ValueError(f"labels must be in 0..{y_prob.shape[1] - 1}, got {y_true.max()}")
    if not np.isfinite(y_prob).all():
        raise ValueError("scores must be finite")
    if weights is None:
        return np.ones(len(y_true))
    if weights.shape != y_true.shape or not (weights >= 0).all() or weights.sum() == 0:
        raise ValueError(f"weights must be {y_true.shape}, 0 or greater, and not all of them 0")
    return weights
