from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.errors import TaxonomyError
from birdsong.taxa.labels import BACKGROUND, Label, in_rare_sessions, label_indices, select_labels
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.taxonomy import Taxonomy


def lineage(species="", *, genus="Turdus", family="Turdidae", order="Passeriformes", english=""):
    return Lineage(order=order, family=family, genus=genus, species=species, english_name=english)


LINEAGES = [
    lineage("Turdus merula", english="Common Blackbird"),
    lineage("Turdus merula"),
    lineage("Turdus philomelos"),
    lineage(),
    lineage("Pica pica", genus="Pica", family="Corvidae"),
    lineage("Bubo bubo", genus="Bubo", family="Strigidae", order="Strigiformes"),
]
SESSIONS = ["a", "a", "b", "c", "d", "e"]


def taxa(**options):
    return [label.taxon for label in select_labels(LINEAGES, SESSIONS, **options)]


def test_labels_are_sorted_and_counted():
    labels = select_labels(LINEAGES, SESSIONS, rank="species")
    assert [label.taxon for label in labels] == [
        "Bubo bubo",
        "Pica pica",
        "Turdus merula",
        "Turdus philomelos",
    ]
    assert labels[2] == Label(
        taxon="Turdus merula",
        rank="species",
        english_name="Common Blackbird",
        n_recordings=2,
        n_sessions=1,
    )


def test_a_recording_known_to_its_genus_teaches_the_genus():
    (turdus,) = select_labels(LINEAGES, SESSIONS, rank="genus", under=["Turdus"])
    assert (turdus.n_recordings, turdus.n_sessions) == (4, 3)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"rank": "genus"}, ["Bubo", "Pica", "Turdus"]),
        ({"rank": "family"}, ["Corvidae", "Strigidae", "Turdidae"]),
        ({"rank": "order"}, ["Passeriformes", "Strigiformes"]),
        ({"rank": "genus", "under": ["passeriformes"]}, ["Pica", "Turdus"]),
        ({"rank": "species", "under": ["Bubo_bubo", "CORVIDAE"]}, ["Bubo bubo", "Pica pica"]),
        ({"rank": "species", "under": ["Aves"], "min_recordings": 2}, ["Turdus merula"]),
        ({"rank": "genus", "without": ["Turdus"]}, ["Bubo", "Pica"]),
        ({"rank": "genus", "under": ["Passeriformes"], "without": ["turdidae"]}, ["Pica"]),
        (
            {"rank": "species", "without": ["Corvidae", "Bubo_bubo"]},
            ["Turdus merula", "Turdus philomelos"],
        ),
    ],
)
def test_subsets(options, expected):
    assert taxa(**options) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": "class"}, "'rank' must be one of order, family, genus, species, got 'class'"),
        ({"rank": "species", "min_recordings": 0}, "'min_recordings' must be 1 or greater, got 0"),
        ({"rank": "genus", "under": ["Turdida"]}, "no taxon 'Turdida' .*nearest: Turdidae"),
        ({"rank": "genus", "under": ["Turdus merula"]}, "no genus under Turdus merula"),
        (
            {"rank": "species", "under": ["Turdidae"], "min_recordings": 9},
            "no species under Turdidae has 9 recordings, the largest has 2; lower 'min_recordings'",
        ),
        (
            {"rank": "species", "under": ["Turdidae"], "min_recordings": 9, "back_off": True},
            "no species under Turdidae has 9 recordings, the largest has 4; lower 'min_recordings'",
        ),
        ({"rank": "genus", "without": ["Turdida"]}, "no taxon 'Turdida' .*nearest: Turdidae"),
        ({"rank": "genus", "without": ["Aves"]}, "no genus without Aves in the lineages"),
        (
            {"rank": "genus", "under": ["Pica"], "without": ["Corvidae"]},
            "no genus under Pica without Corvidae in the lineages",
        ),
    ],
)
def test_no_labels(options, message):
    with pytest.raises(TaxonomyError, match=message):
        select_labels(LINEAGES, SESSIONS, **options)


def test_nothing_to_choose_from():
    with pytest.raises(TaxonomyError, match="no species in the lineages"):
        select_labels([], [], rank="species")
    with pytest.raises(TaxonomyError, match="6 lineages for 1 sessions"):
        select_labels(LINEAGES, ["a"], rank="species")


def test_indices_follow_the_labels():
    labels = select_labels(LINEAGES, SESSIONS, rank="species", under=["Passeriformes"])
    assert label_indices(labels, LINEAGES).tolist() == [1, 1, 2, -1, 0, -1]
    assert label_indices(labels[::-1], LINEAGES).tolist() == [1, 1, 0, -1, 2, -1]
    assert label_indices(labels, []).tolist() == []


def test_the_lowest_label_that_fits_counts_and_background_never_does():
    labels = [
        BACKGROUND,
        Label(taxon="Turdus", rank="genus"),
        Label(taxon="turdus_merula", rank="species"),
    ]
    assert label_indices(labels, LINEAGES).tolist() == [2, 2, 1, 1, -1, -1]


THRUSHES = [
    *[lineage("Turdus merula", english="Common Blackbird")] * 3,
    *[lineage("Turdus philomelos")] * 2,
    lineage("Turdus pilaris"),
    lineage("Catharus minimus", genus="Catharus"),
    lineage("Zoothera dauma", genus="Zoothera"),
    lineage("Myadestes ralloides", genus="Myadestes"),
    lineage("Pica pica", genus="Pica", family="Corvidae"),
]
THRUSH_SESSIONS = [f"session {i // 2}" for i in range(len(THRUSHES))]


def backed_off(lineages=THRUSHES, **options):
    options = {"rank": "species", "min_recordings": 3, "back_off": True, **options}
    return select_labels(lineages, [""] * len(lineages), **options)


def shown(labels):
    return {label.taxon: (label.rank, label.n_recordings) for label in labels}


def test_what_has_too_few_recordings_teaches_its_genus_or_else_its_family():
    labels = backed_off()
    assert shown(labels) == {
        "Turdidae": ("family", 3),
        "Turdus": ("genus", 3),
        "Turdus merula": ("species", 3),
    }
    assert label_indices(labels, THRUSHES).tolist() == [2, 2, 2, 1, 1, 1, 0, 0, 0, -1]


def test_sessions_are_counted_for_what_teaches_a_label():
    labels = select_labels(
        THRUSHES, THRUSH_SESSIONS, rank="species", min_recordings=3, back_off=True
    )
    assert [label.n_sessions for label in labels] == [2, 2, 2]


def test_genera_back_off_to_their_family_and_families_to_nothing():
    assert shown(backed_off(rank="genus")) == {"Turdidae": ("family", 3), "Turdus": ("genus", 6)}
    assert shown(backed_off(rank="family")) == {"Turdidae": ("family", 9)}
    assert shown(backed_off(rank="order")) == {"Passeriformes": ("order", 10)}


def test_without_back_off_it_is_thrown_away():
    assert shown(backed_off(back_off=False)) == {"Turdus merula": ("species", 3)}


def test_recordings_known_to_their_genus_teach_it():
    labels = backed_off([*THRUSHES[:5], lineage(), lineage()])
    assert shown(labels) == {"Turdus": ("genus", 4), "Turdus merula": ("species", 3)}


def test_a_genus_with_labels_for_its_species_gives_no_unnamed_bird_to_the_family():
    """It may be a blackbird, which is none of the other thrushes."""
    rows = [*THRUSHES[:3], lineage(), *THRUSHES[6:9], lineage(genus="Catharus")]
    labels = backed_off(rows)
    assert shown(labels) == {"Turdidae": ("family", 4), "Turdus merula": ("species", 3)}
    assert label_indices(labels, rows).tolist() == [1, 1, 1, -1, 0, 0, 0, 0]


def test_nothing_backs_off_past_the_taxa_asked_for():
    assert shown(backed_off(under=["Turdus"])) == {
        "Turdus": ("genus", 3),
        "Turdus merula": ("species", 3),
    }


def test_excluded_taxa_teach_nothing_not_even_their_genus():
    options = {"without": ["turdus_merula", "Zoothera"], "min_recordings": 2}
    labels = backed_off(**options)
    assert shown(labels) == {"Turdidae": ("family", 3), "Turdus philomelos": ("species", 2)}
    indices = label_indices(labels, THRUSHES, without=options["without"])
    assert indices.tolist() == [-1, -1, -1, 1, 1, 0, 0, -1, 0, -1]
    (turdus,) = select_labels(
        THRUSHES, THRUSH_SESSIONS, rank="genus", under=["Turdus"], without=["Turdus merula"]
    )
    assert turdus.n_recordings == 3


def test_nested_labels_are_summed_once_each():
    labels = backed_off()
    tree = Taxonomy.from_lineages(THRUSHES)
    indices = [tree.index(label.taxon) for label in labels]
    totals = tree.aggregate(indices, [0.1, 0.2, 0.7])
    summed = {name: totals[tree.index(name)] for name in ("Turdus merula", "Turdus", "Turdidae")}
    assert summed == pytest.approx({"Turdus merula": 0.7, "Turdus": 0.9, "Turdidae": 1.0})
    assert totals[0] == pytest.approx(1)


@st.composite
def recordings(draw):
    """Lineages of one tree, the species of some unknown."""
    rows = []
    for family, genus, species in draw(
        st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=40)
    ):
        name = f"Genus{family}{genus}"
        binomial = f"{name} species{species}" if species else ""
        rows.append(lineage(binomial, genus=name, family=f"Family{family}"))
    return rows


@given(recordings(), st.integers(1, 5), st.sampled_from(["species", "genus", "family"]))
def test_every_recording_teaches_one_label_at_most_and_back_off_loses_none(rows, least, rank):
    def chosen(*, back_off):
        try:
            return backed_off(rows, rank=rank, min_recordings=least, back_off=back_off)
        except TaxonomyError:
            return ()

    plain, labels = chosen(back_off=False), chosen(back_off=True)
    assert set(plain) <= set(labels)
    indices = label_indices(labels, rows)
    taught = Counter(indices[indices >= 0].tolist())
    assert taught == {i: label.n_recordings for i, label in enumerate(labels)}
    assert all(label.n_recordings >= least for label in labels)
    for row, index in zip(rows, indices, strict=True):
        if index >= 0:
            assert getattr(row, labels[index].rank) == labels[index].taxon
    assert np.isin(
        np.flatnonzero(label_indices(plain, rows) >= 0), np.flatnonzero(indices >= 0)
    ).all()


@pytest.mark.parametrize(
    ("rank", "most", "expected"),
    [
        ("species", 2, [True] * 6),
        ("species", 1, [False, False, True, True, True, True]),
        ("genus", 3, [False, False, False, False, True, True]),
        ("family", 4, [True] * 6),
        ("order", 4, [False, False, False, False, False, True]),
    ],
)
def test_rare_is_what_has_few_recordings(rank, most, expected):
    assert in_rare_sessions(LINEAGES, SESSIONS, rank=rank, max_recordings=most).tolist() == expected


def test_what_shares_a_session_with_something_common_is_not_rare():
    sessions = ["a", "b", "b", "c", "a", "e"]
    rare = in_rare_sessions(LINEAGES, sessions, rank="species", max_recordings=1)
    assert rare.tolist() == [False, False, False, True, False, True]


def test_where_nothing_is_rare_the_limit_is_told():
    message = "at rank order each session has a taxon with more than 0 recordings, the rarest has 1"
    with pytest.raises(TaxonomyError, match=message):
        in_rare_sessions(LINEAGES, SESSIONS, rank="order", max_recordings=0)
