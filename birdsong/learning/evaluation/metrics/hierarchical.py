"""Hierarchical metrics: distance of mistakes, precision and recall, information, risk and coverage.

Conventions: ``distances`` is ``int (n_labels, n_labels)`` from `label_distances`. ``chosen`` is
``int (n,)``, the column of `RANKS` of each answer, 0 for the class and -1 for no bird. ``right``
is ``bool (n, 5)``: whether each taxon of the predicted path is right.

References
----------
.. [1] Bertinetto, Mueller, Tertikas, Samangooei & Lord (2020), Making better mistakes: leveraging
   class hierarchies with deep networks, CVPR.
.. [2] Kiritchenko, Matwin, Nock & Famili (2006), Learning and evaluation in the presence of class
   hierarchies, Canadian AI.
.. [3] El-Yaniv & Wiener (2010), On the foundations of noise-free selective classification, JMLR 11.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from birdsong.arrays import BoolArray, IntArray
from birdsong.taxa.label_tree import LabelTree
from birdsong.taxa.lineage import DEPTH

Floats = npt.NDArray[np.float64]


def label_distances(tree: LabelTree) -> IntArray:
    """Number of ranks from two labels up to their lowest common ancestor.

    0 for a label and itself, 1 for two species of a genus, up to 4 for species of two orders. For
    labels of different ranks it is counted from the lower one.

    Returns
    -------
    int64, shape (n_labels, n_labels)
    """
    paths = tree.label_paths
    depths = np.array([DEPTH[label.rank] for label in tree.labels])
    shared = np.zeros((len(paths), len(paths)), np.int64)
    for depth in range(paths.shape[1]):
        present = paths[:, depth] >= 0
        same = (paths[:, depth][:, np.newaxis] == paths[:, depth]) & present
        shared[same] = depth
    distances: IntArray = np.maximum(depths[:, np.newaxis], depths) - shared
    return distances


def hierarchical_distance(
    y_true: IntArray, y_prob: Floats, distances: IntArray, *, k: int = 1
) -> float:
    """Mean distance of the `k` most probable labels from the true label.

    Parameters
    ----------
    y_true : int, shape (n,)
    y_prob : float, shape (n, n_labels)
    distances : int, shape (n_labels, n_labels)
    k : int
        A `k` above `n_labels` counts as `n_labels`.

    Returns
    -------
    float
    """
    best = np.argsort(-y_prob, axis=1, kind="stable")[:, :k]
    return float(distances[y_true[:, np.newaxis], best].mean())


def severity_of_mistakes(y_true: IntArray, y_prob: Floats, distances: IntArray) -> float:
    """Mean distance of wrong predictions from the true label.

    Report it together with top-1: a model with more easy mistakes has a lower severity.

    Parameters
    ----------
    y_true, y_prob, distances
        As in `hierarchical_distance`.

    Returns
    -------
    float
        NaN if there is no mistake.
    """
    y_pred = y_prob.argmax(axis=1)
    wrong = y_pred != y_true
    return float(distances[y_true[wrong], y_pred[wrong]].mean()) if wrong.any() else np.nan


def hierarchical_precision_recall(
    nodes: IntArray, chosen: IntArray, y_true: IntArray, tree: LabelTree
) -> tuple[float, float, float]:
    """Hierarchical precision, recall and F1.

    An answer predicts its taxon and all ancestors below the class. Counts are summed over items.

    Parameters
    ----------
    nodes : int, shape (n, 5)
        Predicted path of each item, -1 if it has no taxon at a rank.
    chosen : int, shape (n,)
    y_true : int, shape (n,)
        True label of each item.
    tree : LabelTree

    Returns
    -------
    precision, recall, f1 : float in [0, 1]
        Precision is NaN if no taxon is predicted; F1 is 0 if none is right.
    """
    columns = np.arange(nodes.shape[1])
    predicted = (nodes >= 0) & (columns <= chosen[:, np.newaxis]) & (columns > 0)
    truth = tree.label_paths[y_true]
    true = (truth >= 0) & (columns > 0)
    both = int((predicted & true & (nodes == truth)).sum())
    precision = both / predicted.sum() if predicted.any() else np.nan
    recall = both / true.sum()
    f1 = 2 * both / (predicted.sum() + true.sum())
    return float(precision), float(recall), float(f1)


def information_gained(chosen: IntArray, right: BoolArray, information: Floats) -> float:
    """Mean information of the answers, as a share of the information of a label.

    Wrong answers count 0, and so does "a bird".

    Parameters
    ----------
    chosen : int, shape (n,)
    right : bool, shape (n, 5)
    information : float64, shape (n, 5)
        Information of each taxon of the predicted path.

    Returns
    -------
    float in [0, 1]
    """
    items, columns = np.arange(len(chosen)), np.maximum(chosen, 0)
    counted = (chosen > 0) & right[items, columns]
    return float(np.where(counted, information[items, columns], 0.0).mean())


def risk_coverage(right: BoolArray, confidence: Floats) -> tuple[Floats, Floats]:
    """Risk-coverage curve: share of wrong answers among the most confident ones.

    Parameters
    ----------
    right : bool, shape (n,)
    confidence : float, shape (n,)
        Items of equal confidence are answered together.

    Returns
    -------
    coverage, risk : float64, shape (n_levels,)
        A point for each distinct confidence, in descending order.
    """
    order = np.argsort(-confidence, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1)
    n_answered = ends + 1
    wrong = np.cumsum(~right[order])[ends]
    return n_answered / len(order), wrong / n_answered


def area_under_risk_coverage(right: BoolArray, confidence: Floats) -> float:
    """Area under the risk-coverage curve: 0 if every answer is right.

    Answers of equal confidence are one point of the curve.

    Parameters
    ----------
    right, confidence
        As in `risk_coverage`.

    Returns
    -------
    float in [0, 1]
    """
    coverage, risk = risk_coverage(right, confidence)
    return float((np.diff(coverage, prepend=0.0) * risk).sum())
