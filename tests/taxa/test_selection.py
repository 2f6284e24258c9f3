import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birdsong.errors import TaxonomyError
from birdsong.taxa.labels import BACKGROUND, Label
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.selection import RankedTaxon, select_by_threshold
from birdsong.taxa.taxonomy import Taxonomy

TREE = Taxonomy.from_lineages(
    Lineage(order=order, family=family, genus=genus, species=f"{genus} {epithet}", english_name=e)
    for order, family, genus, epithet, e in [
        ("Passeriformes", "Turdidae", "Turdus", "merula", "Common Blackbird"),
        ("Passeriformes", "Turdidae", "Turdus", "philomelos", ""),
        ("Passeriformes", "Turdidae", "Catharus", "minimus", ""),
        ("Passeriformes", "Corvidae", "Pica", "pica", ""),
        ("Strigiformes", "Strigidae", "Bubo", "bubo", ""),
    ]
)
LABELS = [
    Label(taxon=name, rank="species")
    for name in ("Turdus merula", "Turdus philomelos", "Catharus minimus", "Pica pica", "Bubo bubo")
]


def select(probabilities, *, bird_probability=1.0, promise=0.9, labels=LABELS):
    return select_by_threshold(
        TREE, labels, probabilities, bird_probability=bird_probability, promise=promise
    )


def test_the_answer_climbs_until_it_keeps_the_promise():
    answer = select([0.61, 0.31, 0.04, 0.03, 0.01])
    assert (answer.rank, answer.taxon, answer.english_name) == ("genus", "Turdus", None)
    assert answer.probability == pytest.approx(0.92)
    assert answer.promise == 0.9
    assert answer.reason == (
        "Which species is uncertain: Turdus merula 61 %, Turdus philomelos 31 %; "
        "90 % were asked for, and the model is not calibrated."
    )
    assert answer.runner_up is not None
    assert answer.runner_up.taxon == "Turdus philomelos"
    assert answer.runner_up.probability == pytest.approx(0.31)
    assert [(taxon.rank, taxon.taxon) for taxon in answer.path] == [
        ("class", "Aves"),
        ("order", "Passeriformes"),
        ("family", "Turdidae"),
        ("genus", "Turdus"),
        ("species", "Turdus merula"),
    ]
    assert answer.path[-1].english_name == "Common Blackbird"
    np.testing.assert_allclose(
        [taxon.probability for taxon in answer.path], [1, 0.99, 0.96, 0.92, 0.61]
    )


def test_a_certain_species_is_the_answer():
    answer = select([0.95, 0.05, 0, 0, 0])
    assert (answer.rank, answer.english_name) == ("species", "Common Blackbird")
    assert answer.runner_up is None
    assert (
        answer.reason
        == "Turdus merula reaches 95 %; 90 % were asked for, and the model is not calibrated."
    )


def test_a_label_on_an_inner_node_ends_the_path():
    labels = [Label(taxon="Turdus", rank="genus"), Label(taxon="Pica", rank="genus")]
    answer = select([0.97, 0.03], labels=labels)
    assert (answer.rank, answer.taxon, answer.runner_up) == ("genus", "Turdus", None)
    assert answer.path[-1].taxon == "Turdus"


def test_a_runner_up_may_lead_the_path():
    answer = select([0.3, 0.25, 0.0, 0.0, 0.45], promise=0.5)
    assert answer.taxon == "Aves"
    assert answer.path[-1].taxon == "Bubo bubo"
    assert answer.runner_up == RankedTaxon("order", "Passeriformes", None, pytest.approx(0.55))


def test_a_bird_and_nothing_closer():
    answer = select([0.5, 0, 0, 0, 0.5])
    assert (answer.rank, answer.taxon, answer.probability) == ("class", "Aves", 1.0)
    assert answer.reason.startswith("Which order is uncertain: Passeriformes 50 %, Strigiformes 50")


def test_abstention_where_a_bird_is_likely_but_below_the_promise():
    answer = select([1, 0, 0, 0, 0], bird_probability=0.6)
    assert (answer.rank, answer.taxon, answer.probability) == ("class", "Aves", 0.6)
    assert answer.reason == (
        "Whether there is a bird is uncertain: 60 %; 90 % were asked for, and the model is not "
        "calibrated."
    )
    assert answer.runner_up is None


def test_no_bird():
    answer = select([1, 0, 0, 0, 0], bird_probability=0.25)
    assert (answer.rank, answer.taxon, answer.english_name) == ("none", None, None)
    assert answer.probability == 0.75
    assert answer.reason == "Probably no bird: the probability of one is 25 %."
    assert answer.path[0].probability == answer.path[-1].probability == 0.25


def test_percentages_are_never_rounded_up_to_a_promise():
    assert "Turdus merula 89 %" in select([0.899, 0.101, 0, 0, 0]).reason


chances = st.lists(st.integers(0, 1000), min_size=5, max_size=5).filter(any)
probabilities = chances.map(lambda parts: np.array(parts) / sum(parts))
unit = st.floats(0, 1)
promises = st.floats(0.001, 1)


@given(probabilities, unit, promises)
@settings(deadline=None)
def test_probabilities_never_fall_towards_the_root(values, bird_probability, promise):
    answer = select(values, bird_probability=bird_probability, promise=promise)
    path = [taxon.probability for taxon in answer.path]
    assert path == sorted(path, reverse=True)
    assert path[0] == bird_probability
    if answer.rank not in ("none", "class"):
        assert answer.probability >= promise


@given(probabilities, unit, promises, promises)
@settings(deadline=None)
def test_a_higher_promise_answers_with_the_same_taxon_or_an_ancestor(values, bird, one, other):
    bold, careful = (
        select(values, bird_probability=bird, promise=promise) for promise in sorted((one, other))
    )
    assert careful.taxon in (None, bold.taxon) or TREE.is_ancestor(careful.taxon, bold.taxon)


@given(probabilities, unit, promises, st.permutations(range(5)))
@settings(deadline=None)
def test_the_order_of_the_labels_does_not_matter(values, bird, promise, order):
    answer = select(values, bird_probability=bird, promise=promise)
    shuffled = select(
        values[order],
        bird_probability=bird,
        promise=promise,
        labels=[LABELS[i] for i in order],
    )
    assert shuffled == answer


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probabilities": [0.5, 0.5]}, "one probability per label"),
        ({"probabilities": [[1, 0, 0, 0, 0]]}, "one probability per label"),
        ({"probabilities": [], "labels": []}, "at least one label"),
        ({"probabilities": [np.nan, 0, 0, 0, 1]}, "finite and 0 or greater"),
        ({"probabilities": [-0.5, 0.5, 0, 0, 1]}, "finite and 0 or greater"),
        ({"probabilities": [0.5, 0.4, 0, 0, 0]}, "must sum to 1 within 0.001, got 0.9"),
        ({"promise": 0}, "'promise' must be greater than 0 and at most 1, such as 0.9, got 0"),
        ({"promise": 1.2}, "'promise' must be .* got 1.2"),
        ({"promise": float("nan")}, "'promise' must be .* got nan"),
        ({"bird_probability": -0.1}, "'bird_probability' must be from 0 to 1, got -0.1"),
        ({"bird_probability": float("nan")}, "'bird_probability' must be from 0 to 1"),
        ({"labels": [*LABELS[:4], BACKGROUND]}, "no taxon ''"),
        ({"labels": [*LABELS[:4], LABELS[0]]}, "distinct labels"),
    ],
)
def test_arguments_that_cannot_be(options, message):
    with pytest.raises(TaxonomyError, match=message):
        select(**{"probabilities": [1, 0, 0, 0, 0], **options})
