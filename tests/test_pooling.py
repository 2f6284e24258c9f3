"""From segments to a recording."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.pooling import pool, softmax

logit_rows = st.integers(1, 12).flatmap(
    lambda n: st.lists(
        st.lists(st.floats(-30, 30), min_size=5, max_size=5), min_size=n, max_size=n
    ).map(np.array)
)


@given(logit_rows, st.booleans())
def test_everything_is_a_probability(logits, background):
    evidence = pool(logits, background=background)
    assert evidence.labels.shape == (5 - background,)
    assert evidence.labels.sum() == pytest.approx(1)
    assert evidence.segment_labels.sum(axis=1) == pytest.approx(1)
    assert 0 <= evidence.bird <= 1
    assert evidence.segment_bird.min() <= evidence.bird + 1e-12
    assert evidence.bird <= evidence.segment_bird.max() + 1e-12


@given(logit_rows, st.integers(2, 5))
def test_length_is_no_evidence(logits, times):
    once = pool(logits, background=True)
    repeated = pool(np.tile(logits, (times, 1)), background=True)
    assert repeated.bird == pytest.approx(once.bird)
    np.testing.assert_allclose(repeated.labels, once.labels, atol=1e-9)


@given(logit_rows, st.randoms(use_true_random=False))
def test_order_of_segments_does_not_matter(logits, random):
    order = list(range(len(logits)))
    random.shuffle(order)
    one, other = pool(logits, background=True), pool(logits[order], background=True)
    np.testing.assert_allclose(other.labels, one.labels, atol=1e-12)


def test_segments_without_a_bird_hardly_count():
    bird_of_label_0 = [5.0, 0.0, -5.0]
    background_like_label_1 = [-5.0, 0.0, 8.0]
    evidence = pool(np.array([bird_of_label_0] + 9 * [background_like_label_1]), background=True)
    assert evidence.labels[0] > 0.95
    assert evidence.bird > 0.95
    assert evidence.segment_bird[1:].max() < 0.01


def test_silent_segments_hold_no_bird():
    logits = np.array([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0]])
    evidence = pool(logits, background=True, silent=np.array([True, False]))
    assert evidence.segment_bird[0] == 0
    assert evidence.labels[1] > 0.99
    nothing = pool(logits, background=True, silent=np.array([True, True]))
    assert nothing.bird == 0
    assert nothing.labels.sum() == pytest.approx(1)


def test_softmax_of_extremes():
    np.testing.assert_allclose(softmax(np.array([1e4, 0.0, -1e4])), [1, 0, 0])
    np.testing.assert_allclose(softmax(np.zeros((2, 4), np.float32)), 0.25)


@pytest.mark.parametrize(
    ("logits", "background"),
    [(np.empty((0, 3)), True), (np.zeros((2, 1)), True), (np.zeros(3), False)],
)
def test_nothing_to_pool(logits, background):
    with pytest.raises(ValueError, match=r"expected logits of \(n_segments, n_labels\)"):
        pool(logits, background=background)
