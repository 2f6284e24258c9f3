from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birdsong.errors import DatasetError
from birdsong.recordings.splits import check_no_leak, folds_by_session, split_by_session

# Rows of (session, label), where a session may hold several labels.
rows_of_recordings = st.lists(
    st.tuples(st.integers(0, 25).map("s{}".format), st.integers(0, 6).map("l{}".format)),
    min_size=1,
    max_size=80,
)


def columns(rows):
    return [session for session, _ in rows], [label for _, label in rows]


def labels_with_one_session(sessions, labels):
    infer_sessions = defaultdict(set)
    for session, label in zip(sessions, labels, strict=True):
        infer_sessions[label].add(session)
    return {label for label, own in infer_sessions.items() if len(own) == 1}


def catalogue(n_labels=60, seed=3):
    """Labels with one to eight sessions of one to four recordings, as in a catalogue."""
    generator = np.random.default_rng(seed)
    return columns(
        [
            (f"s{label}-{session}", f"l{label}")
            for label in range(n_labels)
            for session in range(generator.integers(1, 9))
            for _ in range(generator.integers(1, 5))
        ]
    )


@given(rows_of_recordings, st.floats(0, 0.45), st.floats(0, 0.45), st.integers(0, 9))
@settings(deadline=None)
def test_a_split_keeps_sessions_whole_and_every_label_in_training(rows, validation, test, seed):
    sessions, labels = columns(rows)
    parts = split_by_session(
        sessions, labels, validation_share=validation, test_share=test, seed=seed
    )
    assert parts.dtype == np.dtype("<U11")
    assert set(parts) <= {"train", "validation", "test"}
    check_no_leak(sessions, parts)
    pairs = list(zip(labels, parts.tolist(), strict=True))
    assert {label for label, part in pairs if part == "train"} == set(labels)
    lonely = labels_with_one_session(sessions, labels)
    assert all(part == "train" for label, part in pairs if label in lonely)
    n_trained = Counter(label for label, part in pairs if part == "train")
    least = min(0.5, 1 - validation - test)
    assert all(n_trained[label] >= least * n - 1e-9 for label, n in Counter(labels).items())


@given(rows_of_recordings, st.randoms(), st.integers(0, 9))
@settings(deadline=None)
def test_the_order_of_the_rows_does_not_matter(rows, random, seed):
    shuffled = random.sample(rows, len(rows))
    for split in (
        lambda *columns: split_by_session(*columns, seed=seed),
        lambda *columns: attempted_folds(*columns, n_folds=2, seed=seed),
    ):
        assert side_of_session(rows, split) == side_of_session(shuffled, split)


def side_of_session(rows, split):
    sessions, labels = columns(rows)
    return dict(zip(sessions, split(sessions, labels), strict=True))


def attempted_folds(sessions, labels, **options):
    try:
        return folds_by_session(sessions, labels, **options)
    except DatasetError:  # too few sessions to fill the folds
        return np.full(len(sessions), -1)


@given(rows_of_recordings, st.integers(2, 5), st.integers(0, 9))
@settings(deadline=None)
def test_folds_keep_sessions_whole_and_every_label_in_training(rows, n_folds, seed):
    sessions, labels = columns(rows)
    folds = attempted_folds(sessions, labels, n_folds=n_folds, seed=seed)
    assert set(folds.tolist()) <= set(range(-1, n_folds))
    check_no_leak(sessions, folds)
    for fold in range(n_folds):
        assert set(np.array(labels)[folds != fold]) == set(labels)
    lonely = labels_with_one_session(sessions, labels)
    assert all(
        fold == -1 for label, fold in zip(labels, folds.tolist(), strict=True) if label in lonely
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("validation", "test"), [(0.15, 0.15), (0.2, 0.0), (0.1, 0.3)])
def test_shares_are_about_those_asked_for(validation, test, seed):
    sessions, labels = catalogue()
    parts = split_by_session(
        sessions, labels, validation_share=validation, test_share=test, seed=seed
    )
    assert np.mean(parts == "validation") == pytest.approx(validation, abs=0.02)
    assert np.mean(parts == "test") == pytest.approx(test, abs=0.02)


def test_shares_hold_within_each_label():
    sessions, labels = columns([(f"s{i}", f"l{i % 3}") for i in range(300)])
    parts = split_by_session(sessions, labels, validation_share=0.2, test_share=0.1)
    for label in set(labels):
        own = parts[np.array(labels) == label]
        assert np.mean(own == "validation") == pytest.approx(0.2, abs=0.03)
        assert np.mean(own == "test") == pytest.approx(0.1, abs=0.03)


def test_folds_are_even_and_stratified():
    sessions, labels = catalogue()
    folds = folds_by_session(sessions, labels, n_folds=5)
    sizes = [np.sum(folds == fold) for fold in range(5)]
    assert max(sizes) - min(sizes) <= 8
    sessions, labels = columns([(f"s{i}", f"l{i % 3}") for i in range(300)])
    folds = folds_by_session(sessions, labels, n_folds=5)
    counts = Counter(zip(labels, folds.tolist(), strict=True))
    assert set(counts.values()) == {20}


def test_the_seed_decides():
    sessions, labels = catalogue()
    splits = [split_by_session(sessions, labels, seed=seed).tolist() for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]
    folds = [folds_by_session(sessions, labels, n_folds=4, seed=seed).tolist() for seed in (0, 1)]
    assert folds[0] != folds[1]


def test_shares_of_zero_train_on_everything():
    sessions, labels = catalogue()
    parts = split_by_session(sessions, labels, validation_share=0, test_share=0)
    assert set(parts) == {"train"}


def test_arrays_and_whole_numbers_serve_as_well():
    sessions, labels = catalogue()
    codes = np.array([int(label[1:]) + 100 for label in labels])  # sorted as the texts are not
    parts = split_by_session(np.array(sessions), codes)
    check_no_leak(np.array(sessions), parts)
    assert set(codes[parts == "train"]) == set(codes)


@pytest.mark.parametrize(
    ("validation", "test"), [(-0.1, 0.1), (0.1, -0.1), (0.5, 0.5), (float("nan"), 0.1)]
)
def test_shares_out_of_range(validation, test):
    with pytest.raises(DatasetError, match="shares of validation, calibration and test must"):
        split_by_session(["s"], ["l"], validation_share=validation, test_share=test)


def test_lengths_and_empty_input():
    with pytest.raises(DatasetError, match="2 sessions for 1 labels"):
        split_by_session(["a", "b"], ["l"])
    with pytest.raises(DatasetError, match="at least one recording"):
        split_by_session([], [])
    with pytest.raises(DatasetError, match="1 sessions for 2 labels"):
        folds_by_session(["a"], ["l", "l"], n_folds=2)
    with pytest.raises(DatasetError, match="2 sessions for 1 recordings"):
        check_no_leak(["a", "b"], ["train"])


def test_of_a_label_that_would_be_held_out_at_once_the_smallest_session_is_trained_on():
    rows = [
        *[("s1", "a"), ("s1", "c"), ("s1", "c"), ("s2", "a"), ("s2", "a"), ("s2", "a")],
        *[("s2", "b"), ("s3", "b"), ("s3", "c"), ("s3", "c")],
    ]
    for seed in range(20):
        sessions, labels = columns(rows)
        folds = folds_by_session(sessions, labels, n_folds=2, seed=seed)
        at_once = {
            label: {s for s, own in zip(sessions, labels, strict=True) if own == label}
            for label in labels
        }
        trained_on = {s for s, fold in zip(sessions, folds.tolist(), strict=True) if fold == -1}
        # Three sessions, two folds, every label in two sessions: two of them share a fold.
        assert len(trained_on) == 1
        (session,) = trained_on
        size = Counter(sessions)
        assert any(
            session in both and size[session] == min(size[each] for each in both)
            for both in at_once.values()
        )


def test_the_default_seed_is_0():
    sessions, labels = catalogue()
    for divide, asked in ((split_by_session, {}), (folds_by_session, {"n_folds": 4})):
        unsaid, said = divide(sessions, labels, **asked), divide(sessions, labels, **asked, seed=0)
        assert unsaid.tolist() == said.tolist()


def test_the_message_quotes_the_given_shares():
    with pytest.raises(DatasetError, match=r"less than 1, got 0\.5, 0\.25 and 0\.75$"):
        split_by_session(
            ["s"], ["l"], validation_share=0.5, calibration_share=0.25, test_share=0.75
        )


def test_folds_that_cannot_be_filled():
    with pytest.raises(DatasetError, match="'n_folds' must be 2 or greater, got 1"):
        folds_by_session(["a", "b"], ["l", "l"], n_folds=1)
    with pytest.raises(DatasetError, match="4 folds were asked for, but the 3 sessions fill 3"):
        folds_by_session(["a", "b", "c"], ["l", "l", "l"], n_folds=4)
    with pytest.raises(DatasetError, match="the 3 sessions fill 3"):
        folds_by_session(["a", "b", "c"], ["l", "l", "l"], n_folds=10**12)


def test_a_leak_is_named():
    with pytest.raises(DatasetError, match="session 'b' is in two splits, 'train' and 'test'"):
        check_no_leak(["a", "b", "b"], ["train", "train", "test"])
    check_no_leak(["a", "b", "b"], ["train", "test", "test"])
