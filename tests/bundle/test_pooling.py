"""From segments to a recording."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.bundle.pooling import POOLINGS, pool, softmax

rules = st.sampled_from(POOLINGS)
logit_rows = st.integers(1, 12).flatmap(
    lambda n: st.lists(
        st.lists(st.floats(-30, 30), min_size=5, max_size=5), min_size=n, max_size=n
    ).map(np.array)
)


@given(logit_rows, st.booleans(), rules)
def test_everything_is_a_probability(logits, background, rule):
    pooled = pool(logits, has_background=background, rule=rule)
    assert pooled.labels.shape == (5 - background,)
    assert pooled.labels.sum() == pytest.approx(1)
    assert pooled.segment_labels.sum(axis=1) == pytest.approx(1)
    assert 0 <= pooled.bird <= 1
    assert pooled.segment_bird.min() <= pooled.bird + 1e-12
    assert pooled.bird <= pooled.segment_bird.max() + 1e-12


@given(logit_rows, st.integers(2, 5), rules)
def test_length_is_no_evidence(logits, times, rule):
    once = pool(logits, has_background=True, rule=rule)
    repeated = pool(np.tile(logits, (times, 1)), has_background=True, rule=rule)
    assert repeated.bird == pytest.approx(once.bird)
    # A chance within 1e-12 of 1 is rounded, and noisy_or takes the logarithm of what is left of it.
    tolerance = 1e-5 if rule == "noisy_or" else 1e-9
    np.testing.assert_allclose(repeated.labels, once.labels, atol=tolerance)


@given(logit_rows, st.randoms(use_true_random=False), rules)
def test_order_of_segments_does_not_matter(logits, random, rule):
    order = list(range(len(logits)))
    random.shuffle(order)
    one = pool(logits, has_background=True, rule=rule)
    other = pool(logits[order], has_background=True, rule=rule)
    np.testing.assert_allclose(other.labels, one.labels, atol=1e-5 if rule == "noisy_or" else 1e-12)


@given(logit_rows, rules)
def test_one_segment_is_pooled_to_itself(logits, rule):
    pooled = pool(logits[:1], has_background=True, rule=rule)
    np.testing.assert_allclose(pooled.labels, pooled.segment_labels[0], atol=1e-9)


def test_rules_are_their_definitions():
    logits = np.log(np.array([[0.6, 0.2, 0.2], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2], [0.3, 0.3, 0.4]]))
    birds = np.array([0.8, 0.9, 0.8, 0.6])
    p = np.exp(logits[:, :2]) / birds[:, np.newaxis]
    w = birds / birds.sum()
    wp = np.sort(w[:, np.newaxis] * p, axis=0)[::-1]
    expected = {
        "mean_logits": np.exp(w @ np.log(p)),
        "mean_roots": (w @ np.sqrt(p)) ** 2,
        "mean_probabilities": w @ p,
        "top_third": wp[0] + wp[1] / 3,
        "noisy_or": 1 - np.prod(1 - (birds / 0.9)[:, np.newaxis] * p, axis=0) ** (1 / 4),
    }
    assert tuple(expected) == POOLINGS
    for rule, values in expected.items():
        found = pool(logits, has_background=True, rule=rule).labels
        np.testing.assert_allclose(found, values / values.sum(), err_msg=rule)
    with pytest.raises(ValueError, match=r"one of mean_logits, mean_roots, .* got 'median'"):
        pool(logits, has_background=True, rule="median")


def test_segments_without_a_bird_hardly_count():
    bird_of_label_0 = [5.0, 0.0, -5.0]
    background_like_label_1 = [-5.0, 0.0, 8.0]
    pooled = pool(np.array([bird_of_label_0] + 9 * [background_like_label_1]), has_background=True)
    assert pooled.labels[0] > 0.95
    assert pooled.bird > 0.95
    assert pooled.segment_bird[1:].max() < 0.01


def test_silent_segments_hold_no_bird():
    logits = np.array([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0]])
    for rule in POOLINGS:
        pooled = pool(logits, has_background=True, silent=np.array([True, False]), rule=rule)
        assert pooled.segment_bird[0] == 0
        assert pooled.labels[1] > 0.99
    nothing = pool(logits, has_background=True, silent=np.array([True, True]))
    assert nothing.bird == 0
    assert nothing.labels.sum() == pytest.approx(1)


@given(logit_rows, st.lists(st.floats(0, 60), min_size=12, max_size=12), rules)
def test_twenty_decibels_weigh_ten_times_as_much(logits, loud_db, rule):
    signal_level_db = np.array(loud_db[: len(logits)])
    pooled = pool(logits, has_background=True, signal_level_db=signal_level_db, rule=rule)
    weights = pooled.segment_bird * 10 ** (signal_level_db / 20)
    weights = (
        weights / weights.sum() if weights.sum() > 0 else np.full(len(logits), 1 / len(logits))
    )
    assert pooled.bird == pytest.approx(weights @ pooled.segment_bird)
    if rule == "mean_probabilities":
        np.testing.assert_allclose(pooled.labels, weights @ pooled.segment_labels, atol=1e-9)
    louder = pool(logits, has_background=True, signal_level_db=signal_level_db + 30, rule=rule)
    np.testing.assert_allclose(louder.labels, pooled.labels, atol=1e-6)


def test_the_nearer_bird_is_the_one_that_is_meant():
    logits = np.array([[6.0, 0.0, 0.0], [0.0, 6.0, 0.0]])
    for rule in POOLINGS:
        pooled = pool(
            logits, has_background=True, signal_level_db=np.array([40.0, 10.0]), rule=rule
        )
        assert pooled.labels[0] > 0.9, rule


def test_softmax_of_extremes():
    np.testing.assert_allclose(softmax(np.array([1e4, 0.0, -1e4])), [1, 0, 0])
    np.testing.assert_allclose(softmax(np.zeros((2, 4), np.float32)), 0.25)


@pytest.mark.parametrize(
    ("logits", "background"),
    [(np.empty((0, 3)), True), (np.zeros((2, 1)), True), (np.zeros(3), False)],
)
def test_nothing_to_pool(logits, background):
    with pytest.raises(ValueError, match=r"expected logits of \(n_segments, n_labels\)"):
        pool(logits, has_background=background)
