"""Labels on their tree: sums, temperatures, lists, paths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.errors import TaxonomyError
from birdsong.taxa.label_tree import LabelTree
from birdsong.taxa.labels import BACKGROUND
from birdsong.taxa.lineage import DEPTH, RANKS
from tests.taxa.trees import NESTED, SPECIES, THRUSHES, drawn, shapes, species_tree

SAID = np.array([[0.5, 0.2, 0.15, 0.1, 0.05]])


def named(tree, values):
    """What is said of each taxon, by its name."""
    return dict(zip((taxon.name for taxon in tree.taxonomy.nodes), values, strict=True))


def test_a_taxon_has_what_its_labels_have():
    tree = LabelTree(THRUSHES, SPECIES)
    said = named(tree, tree.node_probabilities(SAID[0]))
    assert said["Turdus"] == pytest.approx(0.7)
    assert said["Turdidae"] == pytest.approx(0.85)
    assert said["Aves"] == 1
    paths = tree.paths(SAID, np.array([0.9]))
    assert [THRUSHES.nodes[node].name for node in paths.nodes[0]] == [
        "Aves", "Passeriformes", "Turdidae", "Turdus", "Turdus merula",
    ]  # fmt: skip
    np.testing.assert_allclose(paths.probabilities[0], 0.9 * np.array([1, 0.95, 0.85, 0.7, 0.5]))
    assert paths.allowed[0] == 1


def test_each_rank_has_its_temperature():
    tree = LabelTree(THRUSHES, SPECIES, temperatures={"genus": 0.5, "species": 2.0})
    said = named(tree, tree.node_probabilities(SAID[0]))
    squares, roots = SAID[0] ** 2, np.sqrt(SAID[0])
    assert said["Pica pica"] == pytest.approx((roots / roots.sum())[3])
    assert said["Turdus merula"] == pytest.approx((roots / roots.sum())[0])
    assert said["Turdus"] == pytest.approx(squares[:2].sum() / squares.sum())
    assert said["Turdidae"] == said["Turdus"], "0.85 at its own: raised to what its genus has"
    assert said["Passeriformes"] == pytest.approx(0.95)
    own = tree.label_probabilities(SAID[0])
    np.testing.assert_allclose(own, roots / roots.sum())


def test_a_label_above_others_stands_for_itself_and_is_counted_once():
    tree = LabelTree(THRUSHES, NESTED)
    said = named(tree, tree.node_probabilities(SAID[0]))
    assert said["Turdus"] == pytest.approx(0.85)
    assert said["Aves"] == 1
    of_the_genus = np.array([[0.2, 0.1, 0.5, 0.1, 0.1]])
    paths = tree.paths(of_the_genus, np.ones(1))
    assert paths.nodes[0, DEPTH["species"]] == -1
    assert THRUSHES.nodes[paths.nodes[0, DEPTH["genus"]]].name == "Turdus"
    assert paths.probabilities[0, DEPTH["genus"]] == pytest.approx(0.8)
    right = tree.right(paths, np.array([0]))
    assert right[0].tolist() == [True, True, True, True, False]
    blackbird = tree.paths(SAID, np.ones(1))
    of_another_thrush = tree.right(blackbird, np.array([2]))
    assert of_another_thrush[0].tolist() == [True, True, True, True, False]


def test_a_list_keeps_others_out_and_gives_their_share_to_nobody():
    allowed_mask = np.array([False, True, False, True, True])
    tree = LabelTree(THRUSHES, SPECIES, allowed_mask=allowed_mask)
    paths = tree.paths(SAID, np.ones(1))
    assert THRUSHES.nodes[paths.nodes[0, -1]].name == "Turdus philomelos"
    np.testing.assert_allclose(paths.probabilities[0], [1, 0.3, 0.2, 0.2, 0.2])
    assert paths.allowed[0] == pytest.approx(0.35)
    assert tree.label_probabilities(SAID[0])[0] == 0
    # Three listed labels: a family of one of them says all.
    shares = named(tree, tree.information())
    assert shares["Turdidae"] == shares["Turdus philomelos"] == 1
    assert shares["Passeriformes"] == pytest.approx(np.log2(3 / 2) / np.log2(3))
    assert shares["Turdus merula"] == shares["Catharus"] == shares["Aves"] == 0


@given(shapes, st.integers(0, 2**32 - 1), st.lists(st.floats(0.3, 3), min_size=4, max_size=4))
def test_probabilities_never_fall_towards_the_root(shape, seed, temperatures):
    taxonomy, labels = species_tree(shape)
    generator = np.random.default_rng(seed)
    allowed_mask = generator.random(len(labels)) < 0.7
    allowed_mask[generator.integers(len(labels))] = True
    tree = LabelTree(
        taxonomy,
        labels,
        temperatures=dict(zip(RANKS[1:], temperatures, strict=True)),
        allowed_mask=allowed_mask,
    )
    probabilities, bird, y_true = drawn(generator, 20, len(labels))
    every = tree.node_probabilities(probabilities)
    below = np.arange(1, len(taxonomy.nodes))
    assert (every[:, taxonomy.parents[below]] >= every[:, below]).all()
    assert (every <= 1).all()
    assert (every[:, 0] == 1).all()
    paths = tree.paths(probabilities, bird)
    assert (np.diff(paths.probabilities, axis=1) <= 1e-12).all()
    np.testing.assert_allclose(
        paths.probabilities,
        np.take_along_axis(every * bird[:, np.newaxis], paths.nodes, axis=1),
    )
    right = tree.right(paths, y_true)
    assert right[:, 0].all()
    assert (right[:, :-1] >= right[:, 1:]).all(), "right below, right above"


@given(st.integers(0, 2**32 - 1), st.permutations(range(5)))
def test_the_order_of_the_labels_does_not_matter(seed, order):
    temperatures = {"species": 0.9, "genus": 0.7, "order": 0.5}
    probabilities, bird, _ = drawn(np.random.default_rng(seed), 30, 5)
    for labels in (SPECIES, NESTED):
        one = LabelTree(THRUSHES, labels, temperatures=temperatures)
        other = LabelTree(THRUSHES, [labels[i] for i in order], temperatures=temperatures)
        expected = one.paths(one.checked(probabilities), bird)
        found = other.paths(other.checked(probabilities[:, order]), bird)
        np.testing.assert_array_equal(found.nodes, expected.nodes)
        np.testing.assert_array_equal(found.probabilities, expected.probabilities)


def test_many_recordings_are_those_of_one_by_one():
    taxonomy, labels = species_tree([2, 1, 3, 2, 1, 4])
    tree = LabelTree(taxonomy, labels, temperatures={"genus": 0.8})
    probabilities, bird, _ = drawn(np.random.default_rng(0), 600, len(labels))
    together = tree.paths(probabilities, bird)
    for i in (0, 255, 256, 599):
        alone = tree.paths(probabilities[i : i + 1], bird[i : i + 1])
        np.testing.assert_allclose(alone.probabilities[0], together.probabilities[i])
        np.testing.assert_array_equal(alone.nodes[0], together.nodes[i])
    chosen = together[np.array([3, 5])]
    assert len(chosen) == 2
    np.testing.assert_array_equal(chosen.nodes, together.nodes[[3, 5]])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "expected at least one label, got none"),
        ([SPECIES[0], SPECIES[0]], "distinct labels, got two on one taxon"),
        ([*SPECIES, BACKGROUND], "no taxon ''"),
    ],
)
def test_labels_that_cannot_be(labels, message):
    with pytest.raises(TaxonomyError, match=message):
        LabelTree(THRUSHES, labels)
