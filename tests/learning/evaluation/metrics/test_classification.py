"""Metrics, held to scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from birdsong.learning.evaluation.metrics.classification import (
    auroc_by_label,
    average_precision_by_label,
    confusion_matrix,
    macro_auroc,
    macro_recall,
    mean_average_precision,
    recall_by_label,
    top_k_accuracy,
)

METRICS = (
    top_k_accuracy, macro_recall, mean_average_precision, recall_by_label,
    average_precision_by_label, macro_auroc, auroc_by_label,
)  # fmt: skip


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(3, 8), st.integers(1, 10))
def test_scikit_learn_agrees(seed, n, n_labels, k):
    generator = np.random.default_rng(seed)
    y_true = generator.integers(0, n_labels, n)
    y_prob = generator.dirichlet(np.ones(n_labels), n)
    weights = generator.uniform(0.1, 3, n)
    labels = np.arange(n_labels)
    expected = (
        1.0
        if k >= n_labels
        else reference.top_k_accuracy_score(
            y_true, y_prob, k=k, labels=labels, sample_weight=weights
        )
    )
    assert top_k_accuracy(y_true, y_prob, k=k, weights=weights) == pytest.approx(expected)
    best = y_prob.argmax(axis=1)
    expected = reference.recall_score(
        y_true, best, labels=np.unique(y_true), average="macro", sample_weight=weights
    )
    assert macro_recall(y_true, y_prob, weights=weights) == pytest.approx(expected)
    np.testing.assert_array_equal(
        confusion_matrix(y_true, y_prob), reference.confusion_matrix(y_true, best, labels=labels)
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([1, 3, 100]))
def test_average_precision_is_scikit_learns_with_ties_and_weights(seed, n, n_levels):
    generator = np.random.default_rng(seed)
    y_true = generator.integers(0, 4, n)
    y_prob = generator.integers(0, n_levels, (n, 4)) / n_levels
    weights = generator.integers(0, 3, n).astype(float)
    weights[generator.integers(n)] = 1  # one at least
    measured = average_precision_by_label(y_true, y_prob, weights=weights)
    for label in range(4):
        if weights[y_true == label].sum() == 0:
            assert np.isnan(measured[label])
        else:
            assert measured[label] == pytest.approx(
                reference.average_precision_score(
                    y_true == label, y_prob[:, label], sample_weight=weights
                )
            )
    assert mean_average_precision(y_true, y_prob, weights=weights) == pytest.approx(
        np.nanmean(measured)
    )


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.sampled_from([1, 3, 100]))
def test_auroc_is_scikit_learns_with_ties_and_weights(seed, n, n_levels):
    generator = np.random.default_rng(seed)
    y_true = generator.integers(0, 4, n)
    y_prob = generator.integers(0, n_levels, (n, 4)) / n_levels
    weights = generator.integers(0, 3, n).astype(float)
    weights[generator.integers(n)] = 1  # one at least
    measured = auroc_by_label(y_true, y_prob, weights=weights)
    for label in range(4):
        own = y_true == label
        if weights[own].sum() == 0 or weights[~own].sum() == 0:
            assert np.isnan(measured[label])
        else:
            assert measured[label] == pytest.approx(
                reference.roc_auc_score(own, y_prob[:, label], sample_weight=weights)
            )
    if np.isfinite(measured).any():
        assert macro_auroc(y_true, y_prob, weights=weights) == pytest.approx(np.nanmean(measured))
    else:
        assert np.isnan(macro_auroc(y_true, y_prob, weights=weights))


@given(st.integers(0, 2**32 - 1), st.sampled_from(METRICS))
def test_a_weight_counts_as_that_many_copies(seed, metric):
    generator = np.random.default_rng(seed)
    y_true, y_prob = generator.integers(0, 4, 20), generator.dirichlet(np.ones(4), 20)
    weights = generator.integers(0, 3, 20)
    weights[0] = 1
    copies = np.repeat(np.arange(20), weights)
    np.testing.assert_allclose(
        metric(y_true, y_prob, weights=weights.astype(float)),
        metric(y_true[copies], y_prob[copies]),
    )


def test_a_tie_is_not_a_hit():
    y_true, y_prob = np.array([0, 1]), np.full((2, 4), 0.25)
    assert top_k_accuracy(y_true, y_prob, k=3) == 0
    assert top_k_accuracy(y_true, y_prob, k=4) == 1


@pytest.mark.parametrize(
    ("y_true", "y_prob", "message"),
    [
        (np.array([], int), np.empty((0, 3)), "nothing to score"),
        (np.array([0, 1]), np.zeros((3, 3)), r"got \(2,\) and \(3, 3\)"),
        (np.array([3]), np.zeros((1, 3)), r"labels must be in 0\.\.2, got 3"),
        (np.array([0]), np.array([[np.nan, 1]]), "scores must be finite"),
    ],
)
def test_what_cannot_be_scored(y_true, y_prob, message):
    for metric in (*METRICS, confusion_matrix):
        with pytest.raises(ValueError, match=message):
            metric(y_true, y_prob)


@pytest.mark.parametrize("weights", [np.ones(3), np.array([1.0, -1.0]), np.zeros(2)])
def test_weights_that_cannot_be(weights):
    for metric in METRICS:
        with pytest.raises(ValueError, match=r"weights must be \(2,\), 0 or greater"):
            metric(np.array([0, 1]), np.eye(2), weights=weights)
