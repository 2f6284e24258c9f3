"""Thresholds: that promises hold, that they nest, that none is made which nothing supports."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birdsong.errors import TaxonomyError
from birdsong.selective.promises import (
    CLASS,
    GRID,
    NOTHING,
    Promises,
    check_promise,
    fit_promises,
)
from birdsong.taxa.label_tree import LabelTree, Paths
from birdsong.taxa.lineage import RANKS
from tests.taxa.trees import drawn, shapes, species_tree


def on_paths(said: np.ndarray, *, bird: np.ndarray | None = None) -> Paths:
    """Paths with all five ranks, of a tree that nobody asks about."""
    n = len(said)
    return Paths(
        nodes=np.tile(np.arange(5), (n, 1)),
        probabilities=said,
        bird=np.ones(n) if bird is None else bird,
        allowed=np.ones(n),
    )


def honest(generator: np.random.Generator, n: int) -> tuple[Paths, np.ndarray]:
    """Recordings right at each rank as often as their probabilities say."""
    species = generator.beta(1, 1, n)
    said = np.stack([np.ones(n), *(species ** (k / 4) for k in (1, 2, 3, 4))], axis=1)
    return on_paths(said), generator.random((n, 1)) < said


def test_a_threshold_is_where_the_answers_hold_together():
    paths, right = honest(np.random.default_rng(0), 20_000)
    promises = fit_promises(paths, right, np.arange(20_000))
    for promise in (0.8, 0.9, 0.95):
        chosen = promises.choose(paths, promise)
        for rank in range(1, 5):
            answered = chosen == rank
            if answered.any():
                assert right[answered, rank].mean() >= promise
        species = chosen == 4
        assert right[species, 4].mean() < promise + 0.02, "no more cautious than need be"
        assert promises.at(promise)[4] < promise, "the mean holds, not each one"


@pytest.mark.parametrize("n_of_session", [1, 3])
def test_promises_are_kept_on_average(n_of_session):
    """Over what calibrates as over what is asked about; single calibrations stray to both sides."""
    generator = np.random.default_rng(5)
    asked, _ = honest(generator, 10_000)
    kept: dict[tuple[float, int], list[tuple[int, float]]] = {}
    for _ in range(100):
        paths, _ = honest(generator, 600)
        sessions = np.arange(600) // n_of_session
        luck = generator.random((600, 1))[sessions]  # the same for all of a session
        promises = fit_promises(paths, luck < paths.probabilities, sessions)
        for promise in (0.8, 0.9):
            chosen = promises.choose(asked, promise)
            for rank in range(1, 5):
                own = asked.probabilities[chosen == rank, rank]
                if len(own):
                    kept.setdefault((promise, rank), []).append((len(own), own.mean()))
    for (promise, rank), told in kept.items():
        n, accuracy = np.array(told).T
        if n.sum() > 50_000:
            mean = np.average(accuracy, weights=n)
            assert promise - 0.01 < mean < promise + 0.03, (promise, rank)
    assert {(0.8, 4), (0.9, 4)} <= kept.keys()


@given(st.integers(0, 2**32 - 1), shapes, st.integers(1, 200))
@settings(max_examples=40)
def test_a_higher_promise_answers_with_the_same_taxon_or_an_ancestor(seed, shape, n):
    generator = np.random.default_rng(seed)
    taxonomy, labels = species_tree(shape)
    tree = LabelTree(taxonomy, labels, temperatures={"order": 0.8})
    probabilities, bird, y_true = drawn(generator, n, len(labels))
    paths = tree.paths(probabilities, bird)
    promises = fit_promises(paths, tree.right(paths, y_true), generator.integers(0, n, n))
    asked = tree.paths(*drawn(generator, 50, len(labels))[:2])
    closest = np.full(50, len(RANKS))
    for promise in (0.01, 0.5, 0.55, 0.6, 0.72, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0):
        chosen = promises.choose(asked, promise)
        assert (chosen <= closest).all()
        closest = chosen
    assert (closest <= CLASS).all(), "nothing supports certainty"


def test_too_few_recordings_support_no_threshold():
    said = np.tile([1, 0.99, 0.99, 0.99, 0.99], (28, 1))
    paths = on_paths(said)
    promises = fit_promises(paths, np.ones((28, 5), bool), np.arange(28))
    assert promises.n_recordings == 28
    assert promises.at(0.9)[1:] == (math.inf,) * 4
    assert (promises.choose(paths, 0.9) == CLASS).all()
    assert (promises.choose(paths, 0.8) == 4).all()
    one_more = fit_promises(on_paths(said[[*range(28), 0]]), np.ones((29, 5), bool), np.arange(29))
    assert (one_more.choose(paths, 0.9) == 4).all()


def test_where_all_pass_as_probable_as_promised_is_enough():
    said = np.tile([1, 0.999, 0.999, 0.999, 0.99], (100, 1))
    promises = fit_promises(on_paths(said), np.ones((100, 5), bool), np.arange(100))
    assert promises.at(0.95)[4] == 0.95
    assert promises.at(0.8)[4] == 0.8
    assert math.isinf(promises.at(0.8)[3]), "nobody was left to be answered with a genus"


def test_recordings_of_one_session_support_as_much_as_one():
    said = np.tile([1, 0.99, 0.99, 0.99, 0.9], (60, 1))
    right = np.ones((60, 5), bool)
    right[40:, 4] = False
    alone = fit_promises(on_paths(said), right, np.arange(60))
    assert alone.at(0.5)[4] <= 0.9
    together = fit_promises(on_paths(said), right, np.arange(60) // 20)
    assert math.isinf(together.at(0.5)[4])


def test_no_bird_is_no_answer():
    said = np.tile([0.4, 0.4, 0.4, 0.4, 0.4], (2, 1))
    paths = on_paths(said, bird=np.array([0.4, 1.0]))
    promises = Promises(thresholds={0.5: (0.0, 0.1, 0.1, 0.1, 0.1)}, n_recordings=9)
    assert promises.choose(paths, 0.5).tolist() == [NOTHING, 4]


def test_a_promise_between_two_is_kept_as_the_higher_one():
    paths, right = honest(np.random.default_rng(0), 2000)
    promises = fit_promises(paths, right, np.arange(2000))
    assert tuple(promises.thresholds) == GRID
    assert promises.at(0.85) == promises.at(0.9) != promises.at(0.8)
    assert promises.at(0.3) == promises.at(0.5)
    assert promises.at(0.9995)[1:] == (math.inf,) * 4


def test_round_trip():
    paths, right = honest(np.random.default_rng(0), 400)
    promises = fit_promises(paths, right, np.arange(400))
    assert Promises.from_dict(promises.to_dict()) == promises


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"promise": 0.6, "species": 0.4}, "a higher promise must not have a lower threshold"),
        ({"promise": 0.6, "species": 1.4}, "must be from 0 to 1"),
        ({"promise": 1.6, "species": 0.9}, "must be from 0 to 1"),
        ({"promise": 0.6, "species": math.nan}, "must be from 0 to 1"),
    ],
)
def test_thresholds_that_cannot_be(row, message):
    lower = {"promise": 0.5, "order": 0.1, "family": 0.2, "genus": None, "species": 0.5}
    with pytest.raises(ValueError, match=message):
        Promises.from_dict({"n_recordings": 9, "thresholds": [lower, {**lower, **row}]})


@pytest.mark.parametrize("promise", [0, -0.1, 1.2, float("nan")])
def test_promises_that_cannot_be(promise):
    with pytest.raises(TaxonomyError, match="'promise' must be greater than 0 and at most 1"):
        check_promise(promise)
