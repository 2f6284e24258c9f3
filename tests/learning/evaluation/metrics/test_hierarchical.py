"""Metrics on the tree, held to naive references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import auc

from birdsong.learning.evaluation.metrics.hierarchical import (
    area_under_risk_coverage,
    hierarchical_distance,
    hierarchical_precision_recall,
    information_gained,
    label_distances,
    risk_coverage,
    severity_of_mistakes,
)
from birdsong.taxa.label_tree import LabelTree
from birdsong.taxa.lineage import DEPTH, RANKS
from tests.taxa.trees import NESTED, SPECIES, THRUSHES, drawn, shapes, species_tree

seeds = st.integers(0, 2**32 - 1)


def test_distances_count_the_ranks_between():
    distances = label_distances(LabelTree(THRUSHES, SPECIES))
    blackbird, magpie, owl = 0, 3, 4
    assert distances[blackbird].tolist() == [0, 1, 2, 3, 4]
    assert distances[magpie, owl] == 4
    assert (distances == distances.T).all()
    nested = label_distances(LabelTree(THRUSHES, NESTED))
    assert nested[2].tolist() == [1, 1, 0, 3, 4], "another thrush of the genus"


@given(shapes, st.booleans())
def test_distances_are_those_to_the_lowest_common_ancestor(shape, of_genera):
    taxonomy, labels = species_tree(shape)
    tree = LabelTree(taxonomy, labels)
    distances = label_distances(tree)
    for i, one in enumerate(labels):
        for j, other in enumerate(labels):
            common = taxonomy.lowest_common_ancestor([one.taxon, other.taxon])
            assert distances[i, j] == DEPTH["species"] - DEPTH[common.rank]


@given(shapes, seeds, st.integers(1, 6))
def test_distance_of_predictions(shape, seed, k):
    taxonomy, labels = species_tree(shape)
    tree = LabelTree(taxonomy, labels)
    distances = label_distances(tree)
    y_prob, _, y_true = drawn(np.random.default_rng(seed), 30, len(labels))
    total = [
        np.mean([distances[label, best] for best in np.argsort(-said)[:k]])
        for label, said in zip(y_true, y_prob, strict=True)
    ]
    assert hierarchical_distance(y_true, y_prob, distances, k=k) == pytest.approx(np.mean(total))
    mistakes = [
        distances[label, said.argmax()]
        for label, said in zip(y_true, y_prob, strict=True)
        if said.argmax() != label
    ]
    found = severity_of_mistakes(y_true, y_prob, distances)
    assert found == pytest.approx(np.mean(mistakes)) if mistakes else np.isnan(found)


@given(seeds)
def test_precision_and_recall_count_sets_of_taxa(seed):
    generator = np.random.default_rng(seed)
    tree = LabelTree(THRUSHES, NESTED)
    probabilities, bird, y_true = drawn(generator, 25, 5)
    nodes = tree.paths(probabilities, bird).nodes
    chosen = np.array([generator.integers(-1, (own >= 0).sum()) for own in nodes])
    both = said = true = 0
    for own, rank, label in zip(nodes, chosen, y_true, strict=True):
        told = {THRUSHES.nodes[node] for node in own[1 : rank + 1]}
        truth = set(THRUSHES.path(NESTED[label].taxon)[1:])
        both, said, true = both + len(told & truth), said + len(told), true + len(truth)
    precision, recall, f1 = hierarchical_precision_recall(nodes, chosen, y_true, tree)
    assert recall == pytest.approx(both / true)
    assert f1 == pytest.approx(2 * both / (said + true))
    assert precision == pytest.approx(both / said) if said else np.isnan(precision)


def test_information_counts_right_answers_only():
    information = np.tile([0.0, 0.2, 0.5, 0.9, 1.0], (5, 1))
    right = np.array([[True, True, True, False, False]] * 5)
    chosen = np.array([RANKS.index("family"), RANKS.index("genus"), 0, -1, RANKS.index("order")])
    assert information_gained(chosen, right, information) == pytest.approx((0.5 + 0.2) / 5)


@given(seeds, st.integers(1, 60), st.sampled_from([2, 5, 1000]))
def test_risk_at_every_coverage(seed, n, n_levels):
    generator = np.random.default_rng(seed)
    confidence = generator.integers(0, n_levels, n) / n_levels
    right = generator.random(n) < 0.7
    coverage, risk = risk_coverage(right, confidence)
    levels = sorted(set(confidence), reverse=True)
    assert len(coverage) == len(levels)
    area = 0.0
    for i, level in enumerate(levels):
        answered = confidence >= level
        assert coverage[i] == pytest.approx(answered.mean())
        assert risk[i] == pytest.approx((~right[answered]).mean())
        area += (confidence == level).mean() * risk[i]
    assert area_under_risk_coverage(right, confidence) == pytest.approx(area)


def test_area_is_that_of_the_curve_where_answers_are_many():
    generator = np.random.default_rng(0)
    confidence = generator.random(5000)
    right = generator.random(5000) < confidence
    coverage, risk = risk_coverage(right, confidence)
    area = area_under_risk_coverage(right, confidence)
    assert area == pytest.approx(auc(coverage, risk), abs=0.002)
    assert area == pytest.approx(0.25, abs=0.02), "the mean of 1 - p over the surest x is x / 2"
    assert area_under_risk_coverage(np.ones(9, bool), np.arange(9) / 9) == 0
