"""How closely answers about a label can be trusted, on answers made by hand."""

import numpy as np
import pytest

from birdsong.learning.evaluation.selective_results import SelectiveResults
from birdsong.learning.evaluation.trusted_rank import trusted_ranks
from birdsong.selective.rules import BY_RANK, EvaluationSet
from birdsong.taxa.label_tree import LabelTree
from tests.taxa.trees import species_tree

TAXONOMY, LABELS = species_tree([2, 1])
SPECIES, GENUS, ORDER, CLASS = 4, 3, 1, 0


def results(taken_for: list[int], chosen: list[int]) -> SelectiveResults:
    """Recordings of the first label, each most probably of another, answered at some rank."""
    tree = LabelTree(TAXONOMY, LABELS)
    n = len(taken_for)
    y_true = np.zeros(n, np.int64)
    said = np.full((n, len(LABELS)), 0.1)
    said[np.arange(n), taken_for] = 0.8
    return SelectiveResults(
        tree=tree,
        y_true=y_true,
        labels=said,
        evaluation_set=EvaluationSet.of(tree, said, np.ones(n), y_true, np.arange(n)),
        chosen={(BY_RANK.name, 0.9): np.array(chosen)},
    )


@pytest.mark.parametrize(
    ("taken_for", "chosen", "verdict"),
    [
        ([0] * 10, [SPECIES] * 10, "species"),
        ([0] * 9 + [1], [SPECIES] * 10, "species"),  # one wrong of ten
        ([0] * 8 + [1] * 2, [SPECIES] * 10, "never"),  # two: neither so close nor further up
        ([0] * 10, [SPECIES] * 4 + [GENUS] * 6, "genus"),  # too few so close
        ([0] * 5 + [1] * 5, [SPECIES] * 4 + [GENUS] * 6, "genus"),  # another of its genus
        ([0] * 10, [SPECIES] * 4 + [ORDER] + [CLASS] * 5, "order"),
        ([0] * 10, [SPECIES] * 4 + [CLASS] * 6, "never"),
        ([0] * 10, [-1] * 10, "never"),
    ],
)
def test_half_answered_and_a_tenth_wrong_at_most(taken_for, chosen, verdict):
    assert trusted_ranks(results(taken_for, chosen)) == {0: verdict}
