"""Bounds of a share, held to SciPy; sessions, held to naive references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from birdsong.selective.bounds import (
    clopper_pearson,
    design_effect,
    design_effects,
    intraclass_correlation,
    meets_target,
    min_samples,
)


@pytest.mark.parametrize(("promise", "n"), [(0.99, 299), (0.95, 59), (0.9, 29), (0.8, 14)])
def test_how_many_right_ones_a_promise_needs(promise, n):
    assert min_samples(promise) == n
    assert meets_target(n, n, promise)
    assert not meets_target(n - 1, n - 1, promise)


def test_no_number_supports_certainty():
    assert min_samples(1.0) is None


@given(st.integers(1, 400), st.floats(0, 1), st.floats(0.05, 0.99), st.floats(1, 4))
def test_passing_is_its_definition(n, share, promise, effect):
    n_right = round(share * n)
    surely = n_right / n - np.sqrt(promise * (1 - promise) / (n / effect))
    expected = surely >= promise and n / effect >= min_samples(promise)
    if abs(surely - promise) > 1e-8:
        assert meets_target(n_right, n, promise, effect) == expected
    if meets_target(n_right, n, promise, effect):
        assert n_right / (n + effect) >= promise, "the next may be wrong as well"


@given(st.integers(1, 400), st.floats(0, 1))
def test_intervals_are_those_of_clopper_and_pearson(n, share):
    n_right = round(share * n)
    interval = binomtest(n_right, n).proportion_ci(0.95)
    assert clopper_pearson(n_right, n) == pytest.approx((interval.low, interval.high), abs=1e-9)


def test_many_at_once():
    told = meets_target(
        np.array([29, 28, 0]), np.array([29, 28, 0]), 0.9, np.array([1.0, 1.0, 3.0])
    )
    assert told.tolist() == [True, False, True]


def test_nothing_answered_breaks_no_promise():
    assert meets_target(0, 0, 0.9)
    assert clopper_pearson(0, 0) == (0, 1)


def test_recordings_of_a_session_are_fewer_witnesses():
    assert meets_target(57, 60, 0.9)
    assert not meets_target(56, 60, 0.9), "that many might be luck"
    assert meets_target(58, 60, 0.9, 2.0)
    assert not meets_target(57, 60, 0.9, 2.0), "luck is likelier, were they one in two"
    assert meets_target(60, 60, 0.9, 2.0)
    assert not meets_target(60, 60, 0.9, 2.2), "too few, were they one in two"
    assert design_effect(np.array([1, 2, 3]), 0.7) == 1
    assert design_effect(np.array([5, 5, 5]), 1.0) == 3
    assert design_effect(np.array([5, 5, 5]), 0.5) == 2


def test_correlation_of_extremes():
    sessions = np.repeat(np.arange(50), 2)
    alike = np.repeat(np.arange(50) % 2 == 0, 2)
    assert intraclass_correlation(alike, sessions) == pytest.approx(1)
    assert intraclass_correlation(np.arange(100) % 2 == 0, sessions) == 0
    assert intraclass_correlation(np.ones(100, bool), sessions) == 0
    assert intraclass_correlation(alike, np.arange(100)) == 0
    assert intraclass_correlation(alike, np.zeros(100, int)) == 0


def test_correlation_is_what_it_was_drawn_with():
    generator = np.random.default_rng(0)
    sessions = np.repeat(np.arange(4000), generator.integers(1, 5, 4000))
    same = generator.random(4000)[sessions] < 0.4  # in these, all are as the first
    of_session, own = generator.random(4000)[sessions] < 0.7, generator.random(len(sessions)) < 0.7
    right = np.where(same, of_session, own)
    assert intraclass_correlation(right, sessions) == pytest.approx(0.4, abs=0.04)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_crowding_is_counted_anew_each_time(sessions):
    sessions = np.array(sessions)
    expected = [(np.bincount(sessions[:n]) ** 2).sum() / n - 1 for n in range(1, len(sessions) + 1)]
    np.testing.assert_allclose(design_effects(sessions), expected, atol=1e-12)
