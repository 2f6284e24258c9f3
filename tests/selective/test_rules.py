"""The rules: each does what its authors say, none jumps off the path."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.selective.bounds import clopper_pearson
from birdsong.selective.promises import CLASS, NOTHING
from birdsong.selective.rules import (
    BY_RANK,
    CLIMBING,
    CONFORMAL_SET,
    DARTS,
    ONE_THRESHOLD,
    RULES,
    SPECIES_ONLY,
    EvaluationSet,
    fixed_thresholds,
)
from birdsong.taxa.label_tree import LabelTree
from birdsong.taxa.lineage import RANKS
from tests.taxa.trees import drawn, species_tree

TAXONOMY, LABELS = species_tree([3, 1, 2, 4, 2, 1, 3, 2])
TREE = LabelTree(TAXONOMY, LABELS)


def evaluation_set(seed, n, sharpness=3.0):
    probabilities, bird, y_true = drawn(
        np.random.default_rng(seed), n, len(LABELS), sharpness=sharpness
    )
    return EvaluationSet.of(TREE, probabilities, bird, y_true, np.arange(n)), probabilities, y_true


def rights(asked, chosen):
    """Whether each answer is right, a bird at large included."""
    return asked.right[np.arange(len(chosen)), chosen]


def test_what_is_put_together():
    asked, probabilities, y_true = evaluation_set(0, 50)
    paths = asked.paths
    for i in (0, 7, 49):
        own = probabilities[i] * paths.bird[i]
        assert asked.truth[i] == pytest.approx(own[y_true[i]])
        for rank, node in enumerate(paths.nodes[i]):
            under = TREE.label_paths[:, rank] == node
            expected = own[~under].max() if (~under).any() else 0
            assert asked.runner_ups[i, rank] == pytest.approx(expected)
            said = math.log2(len(LABELS) / under.sum()) / math.log2(len(LABELS))
            assert asked.information[i, rank] == pytest.approx(said)
    halves = [asked[np.arange(25)], asked[np.arange(25, 50)]]
    joined = EvaluationSet.concatenate(halves)
    np.testing.assert_array_equal(joined.paths.nodes, paths.nodes)
    np.testing.assert_array_equal(joined.runner_ups, asked.runner_ups)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_higher_promise_is_answered_no_closer(rule):
    fitted, *_ = evaluation_set(1, 800)
    asked, *_ = evaluation_set(2, 200)
    closest = np.full(200, len(RANKS))
    for promise in (0.6, 0.8, 0.9, 0.95):
        chosen = rule.fit(fitted, promise)(asked)
        assert ((chosen >= NOTHING) & (chosen < len(RANKS))).all()
        assert (chosen <= closest).all()
        closest = chosen


@pytest.mark.parametrize("rule", [CLIMBING, DARTS, CONFORMAL_SET, ONE_THRESHOLD, BY_RANK])
def test_promises_hold_over_all_ranks_together(rule):
    fitted, *_ = evaluation_set(3, 1500)
    asked, *_ = evaluation_set(4, 4000)
    for promise in (0.7, 0.9):
        chosen = rule.fit(fitted, promise)(asked)
        answered = chosen > CLASS if rule in (ONE_THRESHOLD, BY_RANK) else chosen >= CLASS
        right = rights(asked, chosen)[answered]
        assert clopper_pearson(right.sum(), len(right))[1] > promise - 0.01
        assert answered.any()


def test_only_the_one_holds_at_each_rank():
    """What the others gain by sure answers at high ranks they lose at the species."""
    fitted, *_ = evaluation_set(5, 3000, sharpness=1.5)
    asked, *_ = evaluation_set(6, 8000, sharpness=1.5)
    broken = {}
    for rule in (BY_RANK, CLIMBING):
        chosen = rule.fit(fitted, 0.8)(asked)
        accuracy = [rights(asked, chosen)[chosen == r].mean() for r in range(1, 5) if r in chosen]
        broken[rule.name] = min(accuracy) < 0.75
    assert broken == {BY_RANK.name: False, CLIMBING.name: True}


def test_climbing_is_its_definition():
    fitted, *_ = evaluation_set(7, 99)
    taken = []
    for said, right in zip(fitted.paths.probabilities, fitted.right, strict=True):
        wrong = [p for p, r in zip(said, right, strict=True) if not r]
        taken.append(max(wrong, default=0))
    quantile = sorted(taken)[90 - 1]  # ceil(100 * 0.9)
    asked, *_ = evaluation_set(8, 50)
    chosen = CLIMBING.fit(fitted, 0.9)(asked)
    for said, rank in zip(asked.paths.probabilities, chosen, strict=True):
        assert rank == max([r for r in range(5) if said[r] > quantile], default=0)
    too_few = CLIMBING.fit(fitted[np.arange(5)], 0.9)(asked)
    assert (too_few == CLASS).all()


def test_the_set_holds_the_truth_as_often_as_promised():
    fitted, *_ = evaluation_set(9, 999)
    asked, probabilities, y_true = evaluation_set(10, 3000)
    chosen = CONFORMAL_SET.fit(fitted, 0.8)(asked)
    least = np.sort(fitted.truth)[1000 - 800 - 1]  # the 200th smallest of 999
    said = probabilities * asked.paths.bird[:, np.newaxis]
    covered = said[np.arange(3000), y_true] >= least
    assert covered.mean() == pytest.approx(0.8, abs=0.03)
    for i in range(0, 3000, 100):
        members = np.flatnonzero(said[i] >= least)
        if len(members):
            common = TAXONOMY.lowest_common_ancestor(
                {LABELS[m].taxon for m in members} | {LABELS[int(said[i].argmax())].taxon}
            )
            assert RANKS[chosen[i]] == common.rank
    assert rights(asked, chosen)[covered].all(), "a set with the truth in it is answered rightly"


def test_darts_gains_most_of_what_it_weighs():
    fitted, *_ = evaluation_set(11, 600)
    asked, *_ = evaluation_set(12, 100)
    close, careful = (DARTS.fit(fitted, promise)(asked) for promise in (0.5, 0.97))
    said, information = asked.paths.probabilities, asked.information
    gained = [(information * said)[np.arange(100), chosen].mean() for chosen in (close, careful)]
    assert gained[0] > gained[1]
    assert (careful <= close).all()


def test_species_or_nothing_says_nothing_between():
    fitted, *_ = evaluation_set(13, 1000)
    asked, *_ = evaluation_set(14, 500)
    chosen = SPECIES_ONLY.fit(fitted, 0.8)(asked)
    assert set(chosen) == {CLASS, RANKS.index("species")}


@given(st.integers(0, 99))
def test_thresholds_set_by_hand(seed):
    asked, *_ = evaluation_set(seed, 20)
    rule = fixed_thresholds("by hand", species=0.8, family=0.65)
    chosen = rule.fit(asked, 0.9)(asked)
    for said, rank in zip(asked.paths.probabilities, chosen, strict=True):
        expected = "species" if said[4] >= 0.8 else "family" if said[2] >= 0.65 else "class"
        assert RANKS[rank] == expected
