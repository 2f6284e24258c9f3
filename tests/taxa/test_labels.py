import pytest

from birdsong.errors import TaxonomyError
from birdsong.taxa.labels import BACKGROUND, Label, label_indices, select_labels
from birdsong.taxa.lineage import Lineage


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
