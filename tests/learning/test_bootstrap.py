"""Intervals by weighing sessions anew."""

import numpy as np
import pytest

from birdsong.learning.bootstrap import session_interval


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
    with pytest.raises(ValueError, match="no session was given"):
        session_interval(lambda weights: 0.0, [])
