"""Honesty of probabilities, held to scikit-learn and to naive references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.preprocessing import label_binarize

from birdsong.learning.evaluation.metrics.calibration import (
    expected_calibration_error,
    perfect_calibration_error,
    reliability,
)
from birdsong.learning.evaluation.metrics.classification import brier_score

seeds = st.integers(0, 2**32 - 1)


def drawn(seed, n):
    generator = np.random.default_rng(seed)
    confidence = np.round(generator.random(n), int(generator.integers(1, 9)))
    return generator.random(n) < confidence**2, confidence


@given(seeds, st.integers(1, 80), st.integers(1, 20))
def test_reliability_is_scikit_learns(seed, n, n_bins):
    right, confidence = drawn(seed, n)
    right[0] = True
    bins = reliability(right, confidence, n_bins=n_bins)
    assert bins.n.sum() == n
    assert bins.accuracy @ bins.n == pytest.approx(right.sum())
    if not right.all():  # scikit-learn wants both
        # Edges as it has them; on a value that rounding puts beside its edge the two may differ.
        clear = abs(confidence * n_bins - np.round(confidence * n_bins)) > 1e-9
        if not clear.all():
            return
        accuracy, mean = calibration_curve(right, confidence, n_bins=n_bins, strategy="uniform")
        np.testing.assert_allclose(bins.accuracy, accuracy)
        np.testing.assert_allclose(bins.confidence, mean)


@given(seeds, st.integers(1, 80), st.integers(1, 20))
def test_calibration_error_is_summed_bin_by_bin(seed, n, n_bins):
    right, confidence = drawn(seed, n)
    total = 0.0
    for k in range(n_bins):
        scaled = np.ceil(confidence * n_bins)
        own = (scaled == k + 1) | ((k == 0) & (scaled == 0))
        if own.any():
            total += own.mean() * abs(right[own].mean() - confidence[own].mean())
    assert expected_calibration_error(right, confidence, n_bins=n_bins) == pytest.approx(total)


def test_error_of_a_perfect_model_falls_with_the_number_of_answers():
    generator = np.random.default_rng(0)
    few, many = generator.random(50), generator.random(5000)
    assert perfect_calibration_error(few) > 5 * perfect_calibration_error(many) > 0
    honest = expected_calibration_error(generator.random(5000) < many, many)
    assert honest == pytest.approx(perfect_calibration_error(many), abs=0.01)
    assert expected_calibration_error(np.ones(9, bool), np.ones(9)) == 0
    assert perfect_calibration_error(few) == perfect_calibration_error(few)


@given(seeds, st.integers(1, 60), st.integers(3, 8))
def test_brier_score_is_the_mean_squared_distance(seed, n, n_labels):
    generator = np.random.default_rng(seed)
    y_true, y_prob = generator.integers(0, n_labels, n), generator.dirichlet(np.ones(n_labels), n)
    truth = label_binarize(y_true, classes=np.arange(n_labels))
    expected = ((y_prob - truth) ** 2).sum(axis=1).mean()
    assert brier_score(y_true, y_prob) == pytest.approx(expected)
    uniform = np.full((n, n_labels), 1 / n_labels)
    assert brier_score(y_true, uniform) == pytest.approx(1 - 1 / n_labels)


@pytest.mark.parametrize(
    ("right", "confidence", "message"),
    [
        (np.empty(0, bool), np.empty(0), "no answer was given"),
        (np.ones(2, bool), np.ones(3), r"got \(2,\) and \(3,\)"),
        (np.ones(1, bool), np.array([1.1]), r"must be in \[0, 1\]"),
        (np.ones(1, bool), np.array([np.nan]), r"must be in \[0, 1\]"),
    ],
)
def test_what_cannot_be_scored(right, confidence, message):
    for metric in (reliability, expected_calibration_error):
        with pytest.raises(ValueError, match=message):
            metric(right, confidence)


def test_what_has_no_brier_score():
    with pytest.raises(ValueError, match=r"got \(2,\) and \(3, 2\)"):
        brier_score(np.zeros(2, int), np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
        brier_score(np.zeros(1, int), np.array([[0.5, 1.5]]))
