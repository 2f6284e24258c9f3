import itertools
import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birdsong.errors import TaxonomyError
from birdsong.taxa.lineage import RANKS, Lineage, Taxon
from birdsong.taxa.taxonomy import Taxonomy

BLACKBIRD = Lineage(
    order="Passeriformes",
    family="Turdidae",
    genus="Turdus",
    species="Turdus merula",
    english_name="Common Blackbird",
)
LINEAGES = [
    BLACKBIRD,
    Lineage(order="Passeriformes", family="Turdidae", genus="Turdus", species="Turdus philomelos"),
    Lineage(order="Passeriformes", family="Turdidae", genus="Catharus", species="Catharus minimus"),
    Lineage(order="Passeriformes", family="Corvidae", genus="Pica", species="Pica pica"),
    Lineage(order="Strigiformes", family="Strigidae", genus="Bubo", species="Bubo bubo"),
]


@pytest.fixture
def tree():
    return Taxonomy.from_lineages(LINEAGES)


@st.composite
def lineages(draw):
    """Rows of one consistent tree, where a row may lack any name."""
    rows = []
    for order, family, genus, species in draw(
        st.lists(st.tuples(*[st.integers(0, 2)] * 4), min_size=1, max_size=12)
    ):
        names = {
            "order": f"O{order}",
            "family": f"F{order}{family}",
            "genus": f"G{order}{family}{genus}",
            "species": f"G{order}{family}{genus} s{species}",
        }
        for rank in draw(st.sets(st.sampled_from(RANKS[1:]))):
            names[rank] = ""
        rows.append(Lineage(**names))
    return rows


def names(taxa):
    return [taxon.name for taxon in taxa]


def test_nodes_run_from_the_root_down(tree):
    assert tree.nodes[0] == Taxon("class", "Aves")
    assert names(tree.nodes) == [
        "Aves",
        *("Passeriformes", "Strigiformes"),
        *("Corvidae", "Turdidae", "Strigidae"),
        *("Pica", "Catharus", "Turdus", "Bubo"),
        *("Pica pica", "Catharus minimus", "Turdus merula", "Turdus philomelos", "Bubo bubo"),
    ]
    assert tree.parents.tolist() == [-1, 0, 0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 8, 8, 9]


@given(lineages(), st.randoms())
@settings(deadline=None)
def test_any_rows_make_one_tree(rows, shuffle):
    tree = Taxonomy.from_lineages(rows)
    assert tree.parents[0] == -1
    for index, (taxon, parent) in enumerate(zip(tree.nodes, tree.parents, strict=True)):
        assert tree.index(taxon.name) == index
        if index:
            assert parent < index
            assert RANKS.index(tree.nodes[parent].rank) < RANKS.index(taxon.rank)
    for row in rows:
        known = [name for name in (row.order, row.family, row.genus, row.species) if name]
        for above, below in itertools.pairwise(known):
            assert tree.is_ancestor(above, below)
    again = Taxonomy.from_lineages(shuffle.sample(rows, len(rows)))
    assert again.to_rows() == tree.to_rows()


@given(lineages(), st.randoms())
@settings(deadline=None)
def test_rows_survive_a_round_trip(rows, shuffle):
    tree = Taxonomy.from_lineages(rows)
    written = json.loads(json.dumps(tree.to_rows()))
    again = Taxonomy.from_rows(shuffle.sample(written, len(written)))
    assert again.nodes == tree.nodes
    assert again.parents.tolist() == tree.parents.tolist()


def test_a_missing_rank_is_filled_from_other_rows():
    tree = Taxonomy.from_lineages(
        [
            Lineage(genus="Turdus", species="Turdus merula", order="Passeriformes"),
            Lineage(genus="Turdus", family="Turdidae"),
            Lineage(genus="Larus"),
        ]
    )
    assert names(tree.path("Turdus merula")) == [
        "Aves",
        "Passeriformes",
        "Turdidae",
        "Turdus",
        "Turdus merula",
    ]
    assert names(tree.path("Larus")) == ["Aves", "Larus"]


def test_the_first_english_name_counts():
    later = Lineage(species="Turdus merula", english_name="Blackbird")
    tree = Taxonomy.from_lineages([Lineage(species="turdus_merula"), BLACKBIRD, later])
    assert tree.nodes[tree.index("Turdus merula")].english_name == "Common Blackbird"


def test_lookup_forgives_case_and_underscores(tree):
    assert tree.index("turdus_MERULA ") == tree.index("Turdus merula")
    with pytest.raises(TaxonomyError, match=r"no taxon 'Turdsu' among the 15 .*nearest: Turdus"):
        tree.index("Turdsu")
    with pytest.raises(TaxonomyError, match=r"no taxon '' among the 15 of the taxonomy$"):
        tree.path("")


def test_walks(tree):
    assert names(tree.path("Turdus")) == ["Aves", "Passeriformes", "Turdidae", "Turdus"]
    assert names(tree.path("Aves")) == ["Aves"]
    assert names(tree.children("Turdidae")) == ["Catharus", "Turdus"]
    assert tree.children("Pica pica") == ()
    assert tree.is_ancestor("Turdidae", "Turdus merula")
    assert tree.is_ancestor("Aves", "Passeriformes")
    assert not tree.is_ancestor("Turdus", "Turdus")
    assert not tree.is_ancestor("Corvidae", "Turdus")
    assert names(tree.leaves_under("Turdidae")) == [
        "Catharus minimus",
        "Turdus merula",
        "Turdus philomelos",
    ]
    assert names(tree.leaves_under("Pica pica")) == ["Pica pica"]


@pytest.mark.parametrize(
    ("below", "ancestor"),
    [
        (["Turdus merula", "Turdus philomelos"], "Turdus"),
        (["Turdus merula", "Catharus"], "Turdidae"),
        (["Turdus merula", "Turdidae"], "Turdidae"),
        (["Turdus merula", "Bubo", "Pica"], "Aves"),
        (["Pica pica"], "Pica pica"),
    ],
)
def test_lowest_common_ancestor(tree, below, ancestor):
    assert tree.lowest_common_ancestor(below).name == ancestor


def test_no_common_ancestor_of_nothing(tree):
    with pytest.raises(TaxonomyError, match="at least one name"):
        tree.lowest_common_ancestor([])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            Lineage(family="Muscicapidae", genus="Turdus"),
            "genus 'Turdus' stands in two places: in the family 'Turdidae' and in the family "
            "'Muscicapidae'",
        ),
        (
            Lineage(order="Piciformes", family="Turdidae"),
            "family 'Turdidae' stands in two places: in the order 'Passeriformes' and in the order "
            "'Piciformes'",
        ),
        (
            Lineage(genus="Merula", species="Turdus merula"),
            "species 'Turdus merula' stands in two places: in the genus 'Turdus' and in the genus "
            "'Merula'",
        ),
        (Lineage(family="Turdus"), "the name 'Turdus' is used twice: for a genus and for a family"),
        (Lineage(genus="Aves"), "the name 'Aves' is used twice: for a class and for a genus"),
        (
            Lineage(order="Piciformes", species="Turdus merula"),
            "in the order 'Passeriformes' and in the order 'Piciformes'",
        ),
    ],
)
def test_rows_that_contradict_each_other(other, message):
    with pytest.raises(TaxonomyError, match=message):
        Taxonomy.from_lineages([BLACKBIRD, other])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [BLACKBIRD, Lineage(genus="Turdus"), Lineage(family="Corvidae", genus="TURDUS")],
            r"genus 'Turdus' stands in two places: in the family 'Turdidae' \(row 0\) and in the "
            r"family 'Corvidae' \(row 2\)",
        ),
        (
            [BLACKBIRD, BLACKBIRD, Lineage(family="Turdus")],
            r"'Turdus' is used twice: for a genus \(row 0\) and for a family \(row 2\)",
        ),
        (
            [
                Lineage(order="Passeriformes", genus="Turdus"),
                Lineage(family="Turdidae", genus="Turdus"),
                Lineage(order="Piciformes", family="Turdidae"),
            ],
            r"in the order 'Piciformes' \(row 2\) and in the order 'Passeriformes' \(row 0\)",
        ),
    ],
)
def test_contradictions_name_the_rows(rows, message):
    with pytest.raises(TaxonomyError, match=message):
        Taxonomy.from_lineages(rows, [f"row {i}" for i in range(len(rows))])


def test_a_contradiction_across_ranks_and_rows():
    rows = [
        Lineage(order="Passeriformes", genus="Turdus"),
        Lineage(family="Turdidae", genus="Turdus"),
        Lineage(order="Piciformes", family="Turdidae"),
    ]
    with pytest.raises(TaxonomyError, match="family 'Turdidae' stands in two places"):
        Taxonomy.from_lineages(rows)


AVES = {"rank": "class", "name": "Aves", "parent": ""}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "expected the class 'Aves' at the top"),
        ([{**AVES, "parent": "Aves"}], "expected the class 'Aves' at the top, without a parent"),
        ([{**AVES, "rank": "order"}], "expected the class 'Aves' at the top"),
        (["Aves"], "row 1 of the taxonomy: expected a mapping, got 'Aves'"),
        ([{"rank": "class", "parent": ""}], "row 1 of the taxonomy: 'name' must be a text"),
        ([AVES, {"rank": "genus", "name": 7, "parent": "Aves"}], "row 2 .* got 7"),
        ([AVES, {"rank": "genus", "name": " ", "parent": "Aves"}], "'name' must not be empty"),
        ([AVES, {"rank": "tribe", "name": "A", "parent": "Aves"}], "'rank' must be .* 'tribe'"),
        ([AVES, {"rank": "genus", "name": "A", "parent": "B"}], "unknown parent 'B' of the genus"),
        ([AVES, {"rank": "genus", "name": "A", "parent": ""}], "unknown parent ''"),
        ([AVES, AVES], "row 2 of the taxonomy: 'Aves' is a duplicate"),
        (
            [AVES, {"rank": "genus", "name": "A", "parent": "A"}],
            "genus 'A' cannot be below the genus 'A'",
        ),
        (
            [
                AVES,
                {"rank": "family", "name": "A", "parent": "B"},
                {"rank": "genus", "name": "B", "parent": "A"},
            ],
            "family 'A' cannot be below the genus 'B'",
        ),
        (
            [AVES, {"rank": "class", "name": "Mammalia", "parent": "Aves"}],
            "class 'Mammalia' cannot be below the class 'Aves'",
        ),
    ],
)
def test_hostile_rows(rows, message):
    with pytest.raises(TaxonomyError, match=message):
        Taxonomy.from_rows(rows)


@given(lineages(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_aggregate_sums_the_labels_at_or_below_a_node(rows, seed):
    tree = Taxonomy.from_lineages(rows)
    generator = np.random.default_rng(seed)
    n_labels = int(generator.integers(1, len(tree.nodes) + 1))
    labels = generator.permutation(len(tree.nodes))[:n_labels]
    probabilities = generator.random((2, 3, n_labels))
    totals = tree.aggregate(labels, probabilities)
    expected = np.zeros((2, 3, len(tree.nodes)))
    for position, label in enumerate(labels):
        for taxon in tree.path(tree.nodes[label].name):
            expected[..., tree.index(taxon.name)] += probabilities[..., position]
    np.testing.assert_allclose(totals, expected, rtol=1e-12)
    assert (totals[..., tree.parents[1:]] >= totals[..., 1:]).all()


def test_aggregate_of_one_vector(tree):
    indices = [tree.index(name) for name in ("Turdus merula", "Catharus", "Bubo bubo")]
    totals = tree.aggregate(indices, [0.5, 0.25, 0.25])
    assert totals[tree.index("Turdidae")] == 0.75
    assert totals[tree.index("Catharus minimus")] == 0
    assert totals[0] == 1
    assert Taxonomy.from_lineages([]).aggregate([0], [[1.0]]).tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("indices", "probabilities", "message"),
    [
        ([1, 2], [0.5], "one probability per label"),
        ([[1]], [[0.5]], "one probability per label"),
        ([1, 1], [0.5, 0.5], "distinct labels"),
        ([1, 99], [0.5, 0.5], "label indices from 0 to 14"),
        ([-1], [1.0], "label indices from 0 to 14"),
    ],
)
def test_aggregate_refuses(tree, indices, probabilities, message):
    with pytest.raises(TaxonomyError, match=message):
        tree.aggregate(indices, probabilities)


def test_information_in_bits(tree):
    bits = {name: tree.information[tree.index(name)] for name in ("Aves", "Turdidae", "Turdus")}
    assert bits == {
        "Aves": 0,
        "Turdidae": pytest.approx(np.log2(5 / 3)),
        "Turdus": pytest.approx(np.log2(5 / 2)),
    }
    assert tree.information[tree.index("Turdus merula")] == pytest.approx(np.log2(5))
    assert tree.n_leaves[[0, tree.index("Turdus")]].tolist() == [5, 2]
    with pytest.raises(ValueError, match="read-only"):
        tree.information[0] = 1


def test_a_family_of_one_genus_of_one_species_is_worth_as_much_as_the_species(tree):
    path = tree.path("Bubo bubo")
    bits = [tree.information[tree.index(taxon.name)] for taxon in path]
    assert bits == [0, *[pytest.approx(np.log2(5))] * 4]


def test_a_tree_of_one_genus_and_one_without_any():
    tree = Taxonomy.from_lineages(LINEAGES[:2])
    assert tree.information.tolist() == [0, 0, 0, 0, 1, 1]
    totals = tree.aggregate([4, 5], [0.25, 0.75])
    assert totals.tolist() == [1, 1, 1, 1, 0.25, 0.75]
    assert Taxonomy.from_lineages([]).information.tolist() == [0]


@given(lineages())
@settings(deadline=None)
def test_information_grows_towards_the_leaves(rows):
    tree = Taxonomy.from_lineages(rows)
    leaves = [len(tree.leaves_under(taxon.name)) for taxon in tree.nodes]
    assert tree.n_leaves.tolist() == leaves
    np.testing.assert_allclose(tree.information, np.log2(leaves[0] / np.array(leaves)))
    assert (tree.information[tree.parents[1:]] <= tree.information[1:]).all()


def test_taxa_by_name(tree):
    assert tree.taxon("turdus_merula") == Taxon("species", "Turdus merula", "Common Blackbird")
    assert "TURDUS merula" in tree
    assert "Turdus" in tree
    assert "Turdus pilaris" not in tree
    assert None not in tree


def test_a_large_tree_is_fast_enough_to_build_and_sum():
    rows = [
        Lineage(order=f"O{i % 40}", family=f"F{i % 240}", genus=f"G{i % 2400}", species=f"S{i}")
        for i in range(12_000)
    ]
    random.Random(0).shuffle(rows)
    tree = Taxonomy.from_lineages(rows)
    assert len(tree.nodes) == 1 + 40 + 240 + 2400 + 12_000
    leaves = np.arange(len(tree.nodes) - 12_000, len(tree.nodes))
    totals = tree.aggregate(leaves, np.full((20, 12_000), 1 / 12_000))
    np.testing.assert_allclose(totals[:, 0], 1)
