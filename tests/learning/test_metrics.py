"""Metrics, held to scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import recall_score, top_k_accuracy_score

from birdsong.learning.metrics import macro_recall, top_k_accuracy


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(3, 8), st.integers(1, 10))
def test_scikit_learn_agrees(seed, n, n_labels, k):
    generator = np.random.default_rng(seed)
    y_true = generator.integers(0, n_labels, n)
    y_prob = generator.dirichlet(np.ones(n_labels), n)
    expected = (
        1.0
        if k >= n_labels
        else top_k_accuracy_score(y_true, y_prob, k=k, labels=np.arange(n_labels))
    )
    assert top_k_accuracy(y_true, y_prob, k=k) == pytest.approx(expected)
    best = y_prob.argmax(axis=1)
    expected = recall_score(y_true, best, labels=np.unique(y_true), average="macro")
    assert macro_recall(y_true, y_prob) == pytest.approx(expected)


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
        (np.array([0]), np.array([[np.nan, 1]]), "not a finite number"),
    ],
)
def test_what_cannot_be_scored(y_true, y_prob, message):
    for metric in (top_k_accuracy, macro_recall):
        with pytest.raises(ValueError, match=message):
            metric(y_true, y_prob)
