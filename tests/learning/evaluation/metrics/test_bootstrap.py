"""Intervals by weighing sessions anew."""

import numpy as np
import pytest

from birdsong.learning.evaluation.metrics.bootstrap import (
    label_mean_interval,
    session_interval,
    share_interval,
)
from birdsong.learning.evaluation.metrics.classification import recall_by_label


def share_of(hits):
    return lambda weights: float(np.average(hits, weights=weights))


def test_interval_of_a_share_is_that_of_the_textbook():
    hits = np.arange(400) % 4 == 0
    sessions = [f"s{i}" for i in range(400)]
    low, high = session_interval(share_of(hits), sessions, n_resamples=2000)
    half = 1.96 * np.sqrt(0.25 * 0.75 / 400)
    assert (low, high) == (
        pytest.approx(0.25 - half, abs=0.01),
        pytest.approx(0.25 + half, abs=0.01),
    )


def test_recordings_of_one_session_know_less_than_their_number():
    hits = np.repeat(np.arange(20) % 2 == 0, 20)
    alone = session_interval(share_of(hits), [f"s{i}" for i in range(400)])
    together = session_interval(share_of(hits), [f"s{i // 20}" for i in range(400)])
    assert together[1] - together[0] > 3 * (alone[1] - alone[0])


def test_sessions_are_weighed_whole():
    """Every resample gives the recordings of a session one weight."""
    sessions = np.repeat(["a", "b", "c"], [3, 1, 4])
    seen = []

    def metric(weights):
        assert (weights > 0).all(), "no label may drop out"
        assert all(len(set(weights[sessions == name])) == 1 for name in "abc")
        seen.append(tuple(weights))
        return 0.0

    session_interval(metric, sessions, n_resamples=50)
    assert len(set(seen)) > 5


def test_the_seed_decides():
    hits, sessions = np.arange(30) % 3 == 0, [str(i) for i in range(30)]
    first = session_interval(share_of(hits), sessions, seed=1)
    assert first == session_interval(share_of(hits), sessions, seed=1)
    assert first != session_interval(share_of(hits), sessions, seed=2)


def test_nothing_to_draw_from():
    with pytest.raises(ValueError, match="at least one session, got none"):
        session_interval(lambda weights: 0.0, [])


def test_all_right_is_not_known_without_doubt():
    """Ten sessions, all right: the exact interval, (0.05 / 2) ** (1 / 10) to 1."""
    sessions = [f"s{i // 2}" for i in range(20)]
    assert share_interval(share_of(np.ones(20)), sessions) == (pytest.approx(0.025**0.1), 1)
    low, high = share_interval(share_of(np.zeros(20)), sessions)
    assert (low, high) == (0, pytest.approx(1 - 0.025**0.1))
    assert share_interval(share_of(np.arange(20) % 2), ["one"] * 20) == (0, 1)
    hits = np.arange(20) % 3 == 0
    assert share_interval(share_of(hits), sessions) == session_interval(share_of(hits), sessions)


def recalls_of(labels, hits):
    """The recall of each label as a function of weights."""
    y_prob = np.zeros((len(labels), labels.max() + 2))
    y_prob[np.arange(len(labels)), np.where(hits, labels, labels.max() + 1)] = 1
    return lambda weights: recall_by_label(labels, y_prob, weights=weights)


def test_labels_with_one_session_have_an_interval():
    """Nine labels on 14 recordings, one of them right: 11.1 %, and not to a tenth of a percent."""
    labels = np.array([0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8])
    by_label = recalls_of(labels, labels == 8)
    assert np.nanmean(by_label(np.ones(14))) == pytest.approx(1 / 9)
    low, high = label_mean_interval(by_label, labels, [f"s{each}" for each in labels])
    assert 0 < low < 0.02
    assert 0.35 < high < 0.6


def test_interval_of_a_mean_over_labels_is_that_of_strata():
    """Many sessions a label: mean of the binomial variances, as the textbook has it."""
    labels = np.repeat(np.arange(20), 25)
    hits = np.concatenate([np.arange(25) < (5 if label % 2 else 20) for label in range(20)])
    low, high = label_mean_interval(
        recalls_of(labels, hits), labels, [f"s{i}" for i in range(500)], n_resamples=2000
    )
    half = 1.96 * np.sqrt(0.2 * 0.8 / 24 / 20)
    assert (low, high) == (
        pytest.approx(0.5 - half, abs=0.006),
        pytest.approx(0.5 + half, abs=0.006),
    )


def test_interval_of_a_mean_over_labels_that_are_all_right():
    """As sure as so many sessions of one label: 2 ** 2 / (1 / 1 + 1 / 3) = 3."""
    labels, sessions = np.array([0, 1, 1, 1]), list("abcd")
    low, high = label_mean_interval(recalls_of(labels, labels >= 0), labels, sessions)
    assert (low, high) == (pytest.approx(0.025 ** (1 / 3)), 1)
    alone = recalls_of(labels * 0, np.array([True, True, False, False]))
    assert label_mean_interval(alone, labels * 0, ["a"] * 4) == (0, 1)
    with pytest.raises(ValueError, match="at least one session, got none"):
        label_mean_interval(alone, labels[:0], [])


@pytest.mark.parametrize("most_sessions", [1, 2, 3])
def test_interval_of_macro_recall_covers_the_truth(most_sessions):
    """Labels of known recall, thinly heard: 95 % intervals hold the mean in at least 90 %."""
    generator = np.random.default_rng(most_sessions)
    held = 0
    for _ in range(100):
        recalls = generator.beta(1.5, 1.0, 20)
        sessions_of = generator.integers(1, most_sessions + 1, 20)
        labels = np.repeat(np.arange(20), 2 * sessions_of)  # two recordings a session
        hits = generator.random(len(labels)) < recalls[labels]
        low, high = label_mean_interval(
            recalls_of(labels, hits),
            labels,
            [f"s{i // 2}" for i in range(len(labels))],
            n_resamples=100,
        )
        held += low <= recalls.mean() <= high
    assert held >= 90
