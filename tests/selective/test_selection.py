"""One answer: from probabilities and thresholds to a taxon and a sentence."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birdsong.errors import TaxonomyError
from birdsong.selective.promises import Promises, fit_promises
from birdsong.selective.selection import RankedTaxon
from birdsong.selective.selection import select as select_promised
from birdsong.taxa.label_tree import LabelTree
from birdsong.taxa.labels import BACKGROUND, Label
from birdsong.taxa.lineage import RANKS
from tests.taxa.trees import NESTED, SPECIES, THRUSHES, drawn, shapes, species_tree


def select(probabilities, *, bird_probability=1.0, promise=0.9, labels=SPECIES):
    return select_promised(
        LabelTree(THRUSHES, labels),
        probabilities,
        bird_probability=bird_probability,
        promise=promise,
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
    assert careful.taxon in (None, bold.taxon) or THRUSHES.is_ancestor(careful.taxon, bold.taxon)


@given(probabilities, unit, promises, st.permutations(range(5)))
@settings(deadline=None)
def test_the_order_of_the_labels_does_not_matter(values, bird, promise, order):
    answer = select(values, bird_probability=bird, promise=promise)
    shuffled = select(
        values[order],
        bird_probability=bird,
        promise=promise,
        labels=[SPECIES[i] for i in order],
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
        ({"labels": [*SPECIES[:4], BACKGROUND]}, "no taxon ''"),
        ({"labels": [*SPECIES[:4], SPECIES[0]]}, "distinct labels"),
    ],
)
def test_arguments_that_cannot_be(options, message):
    with pytest.raises(TaxonomyError, match=message):
        select(**{"probabilities": [1, 0, 0, 0, 0], **options})


# Order, family, genus, species.
PROMISES = Promises(
    thresholds={
        0.99: (0.0, math.inf, math.inf, math.inf, math.inf),
        0.9: (0.0, 0.7, 0.8, math.inf, 0.85),
        0.8: (0.0, 0.4, 0.6, 0.65, 0.7),
    },
    n_recordings=120,
)
THRUSH_TREE = LabelTree(THRUSHES, SPECIES)


def promised(probabilities, *, bird_probability=1.0, promise=0.9, tree=THRUSH_TREE):
    return select_promised(
        tree,
        probabilities,
        bird_probability=bird_probability,
        promise=promise,
        promises=PROMISES,
    )


@pytest.mark.parametrize(
    ("probabilities", "promise", "taxon", "reason"),
    [
        (
            [0.86, 0.1, 0.02, 0.01, 0.01], 0.9, "Turdus merula",
            "Turdus merula reaches 86 %; a species needs 85 % to keep a promise of 90 %.",
        ),
        (
            [0.845, 0.05, 0.095, 0.005, 0.005], 0.9, "Turdidae",
            "Which genus is uncertain: Turdus 89 %, Catharus 9 %; "
            "no genus can be answered with a promise of 90 %, and a species needs 85 %.",
        ),
        (
            [0.69, 0.2, 0.06, 0.04, 0.01], 0.8, "Turdus",
            "Which species is uncertain: Turdus merula 69 %, Turdus philomelos 20 %; "
            "a species needs 70 % to keep a promise of 80 %.",
        ),
        (
            [0.4, 0.1, 0.0, 0.2, 0.3], 0.9, "Passeriformes",
            "Which family is uncertain: Turdidae 50 %, Corvidae 20 %; "
            "a family needs 80 % to keep a promise of 90 %.",
        ),
        (
            [0.5, 0.0, 0.0, 0.1, 0.4], 0.9, "Aves",
            "Which order is uncertain: Passeriformes 60 %, Strigiformes 40 %; "
            "an order needs 70 % to keep a promise of 90 %.",
        ),
        (
            [1, 0, 0, 0, 0], 0.99, "Aves",
            "A promise of 99 % takes at least 299 recordings to calibrate by, all of them answered "
            "right, and there are 120.",
        ),
        (
            [1, 0, 0, 0, 0], 1.0, "Aves",
            "A promise of 100 % is more than any recordings could support.",
        ),
    ],
)  # fmt: skip
def test_thresholds_of_a_promise(probabilities, promise, taxon, reason):
    answer = promised(probabilities, promise=promise)
    assert (answer.taxon, answer.reason, answer.promise) == (taxon, reason, promise)
    assert reason.endswith(f"{answer.because}.")
    assert "uncertain" not in answer.because
    assert [step.rank for step in answer.path] == ["class", "order", "family", "genus", "species"]


def test_a_promise_that_enough_recordings_could_not_keep():
    many = replace(PROMISES, n_recordings=900)
    answer = select_promised(
        THRUSH_TREE, [1, 0, 0, 0, 0], bird_probability=1.0, promise=0.99, promises=many
    )
    assert answer.rank == "class"
    assert answer.reason == (
        "With the 900 recordings that calibrate it no answer keeps a promise of 99 %; one of 90 % "
        "can."
    )


@pytest.mark.parametrize(
    ("lower", "reason"),
    [
        ({}, "Turdidae reaches 95 %; no family can be answered with a promise of 90 %."),
        (
            {0.8: (0.0, 0.4, 0.6, math.inf, math.inf), 0.5: (0.0, 0.1, 0.1, 0.1, 0.1)},
            "Turdidae reaches 95 %; no family can be answered with a promise of 90 %, a family can "
            "with one of 80 %.",
        ),
        (
            {0.8: (0.0, 0.4, math.inf, 0.7, 0.9)},
            "Turdidae reaches 95 %; no family can be answered with a promise of 90 %, a species "
            "can with one of 80 %.",
        ),
    ],
)
def test_what_can_be_asked_for_instead(lower, reason):
    """Nothing about it is uncertain: too few recordings tell how sure an answer must be."""
    promises = Promises(
        thresholds={0.9: (0.0, 0.7, math.inf, math.inf, math.inf), **lower}, n_recordings=40
    )
    answer = select_promised(
        THRUSH_TREE,
        [0.9, 0.03, 0.02, 0.05, 0],
        bird_probability=1.0,
        promise=0.9,
        promises=promises,
    )
    assert (answer.rank, answer.reason) == ("order", reason)


def test_what_was_reached_never_reads_like_what_was_needed():
    odd = replace(PROMISES, thresholds={0.9: (0.0, 0.1, 0.1, 0.1, 0.8555)})
    for species, expected in (
        (0.8554, "Turdus merula 85 %, Turdus philomelos 14 %; a species needs 86 %"),
        (0.8556, "Turdus merula reaches 85 %; a species needs 85 %"),
    ):
        answer = select_promised(
            THRUSH_TREE,
            [species, 1 - species, 0, 0, 0],
            bird_probability=1.0,
            promise=0.9,
            promises=odd,
        )
        assert expected in answer.reason


def test_whether_there_is_a_bird():
    doubtful = promised([1, 0, 0, 0, 0], bird_probability=0.6)
    assert (doubtful.rank, doubtful.probability) == ("class", 0.6)
    assert doubtful.reason == (
        "Whether there is a bird is uncertain: 60 %; an order needs 70 % to keep a promise of 90 %."
    )
    nothing = promised([1, 0, 0, 0, 0], bird_probability=0.4, promise=0.8)
    assert (nothing.rank, nothing.taxon) == ("none", None)


def test_a_bird_that_is_probably_not_listed():
    allowed_mask = np.array([False, False, False, True, True])
    tree = LabelTree(THRUSHES, SPECIES, allowed_mask=allowed_mask)
    answer = promised([0.5, 0.1, 0.1, 0.25, 0.05], promise=0.8, tree=tree)
    assert (answer.rank, answer.taxon) == ("class", "Aves")
    assert answer.reason == "Probably not in your list: 70 % of the probability lies outside it."
    assert [step.taxon for step in answer.path[1:]] == [
        "Passeriformes", "Corvidae", "Pica", "Pica pica",
    ]  # fmt: skip
    assert [step.probability for step in answer.path] == pytest.approx([1, 0.25, 0.25, 0.25, 0.25])
    low = Promises(thresholds={0.8: (0.0, 0.2, 0.2, 0.2, 0.3)}, n_recordings=90)
    though = select_promised(
        tree, [0.5, 0.1, 0.1, 0.25, 0.05], bird_probability=1.0, promise=0.8, promises=low
    )
    assert though.taxon == "Pica", "of listed birds with so little, enough are right"
    assert though.reason == (
        "Which species is uncertain: Pica pica 25 %; a species needs 30 % to keep a promise of "
        "80 %; 70 % of the probability lies outside your list."
    )
    listed_mostly = promised([0.1, 0.1, 0.11, 0.64, 0.05], promise=0.8, tree=tree)
    assert listed_mostly.taxon == "Corvidae", "enough for a family, not for a genus"
    assert listed_mostly.runner_up is None, "nothing of the others is shown"


def test_a_genus_among_species_labels():
    tree = LabelTree(THRUSHES, NESTED)
    answer = promised([0.1, 0.05, 0.7, 0.1, 0.05], promise=0.8, tree=tree)
    assert (answer.rank, answer.taxon) == ("genus", "Turdus")
    assert answer.path[-1].taxon == "Turdus"
    assert answer.reason == "Turdus reaches 85 %; a genus needs 65 % to keep a promise of 80 %."


@given(shapes, st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(max_examples=40)
def test_promises_nest_on_any_tree(shape, seed, bird):
    generator = np.random.default_rng(seed)
    taxonomy, labels = species_tree(shape)
    tree = LabelTree(taxonomy, labels, temperatures={"species": 1.1, "family": 0.8})
    probabilities, birds, y_true = drawn(generator, 150, len(labels))
    paths = tree.paths(probabilities, birds)
    promises = fit_promises(paths, tree.right(paths, y_true), np.arange(150) // 2)
    asked = drawn(generator, 1, len(labels))[0][0]
    last = None
    for promise in (0.3, 0.5, 0.75, 0.9, 0.95, 1.0):
        answer = select_promised(
            tree, asked, bird_probability=bird, promise=promise, promises=promises
        )
        said = [step.probability for step in answer.path]
        assert said == sorted(said, reverse=True)
        assert answer.reason.endswith(".")
        if last is not None and answer.taxon is not None:
            assert answer.taxon == last or taxonomy.is_ancestor(answer.taxon, last)
        last = answer.taxon


def test_eleven_thousand_species_are_answered():
    generator = np.random.default_rng(0)
    shape = (1 + generator.geometric(0.22, 2400)).tolist()
    taxonomy, labels = species_tree(shape)
    assert len(labels) > 11_131
    tree = LabelTree(taxonomy, labels, temperatures={"order": 0.8, "genus": 0.9, "species": 1.1})
    probabilities = generator.dirichlet(np.full(len(labels), 0.01))
    answer = select_promised(
        tree, probabilities, bird_probability=0.9, promise=0.9, promises=PROMISES
    )
    said = [step.probability for step in answer.path]
    assert [step.rank for step in answer.path] == list(RANKS)
    assert said == sorted(said, reverse=True)
    assert answer.path[-1].taxon in {label.taxon for label in labels}
    assert answer.taxon in [step.taxon for step in answer.path]
    names = [taxon.name for taxon in taxonomy.path(answer.path[-1].taxon)]
    assert [step.taxon for step in answer.path] == names


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([[0.2] * 5], r"one probability per label, got shape \(1, 5\)"),
        ([0.5, 0.5], "one probability per label, got 5 labels"),
    ],
)
def test_probabilities_that_cannot_be(probabilities, message):
    with pytest.raises(TaxonomyError, match=message):
        promised(probabilities)
