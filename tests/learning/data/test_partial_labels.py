"""Recordings that no label fits teach a taxon above the labels, and nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest

from birdsong.images.store import open_store
from birdsong.learning.data.dataset_builder import build_dataset, build_fold
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.data.label_levels import label_levels
from birdsong.learning.data.partial_labels import partial_label_columns
from birdsong.taxa.labels import BACKGROUND
from birdsong.taxa.lineage import Lineage
from tests.taxa.trees import NESTED, THRUSHES

LABELS = [*NESTED, BACKGROUND]


@pytest.fixture
def store(images):
    """The recordings of one species given to two, and two known to their genus only."""
    store = open_store(images)
    recordings = sorted({row.recording for row in store.rows if row.species == "summus"})
    epithets = dict(zip(recordings, ["altus", "celsus", "altus", "celsus"] * 2, strict=False))
    epithets |= dict.fromkeys(recordings[:2], "")
    rows = [replace(row, species=epithets.get(row.recording, row.species)) for row in store.rows]
    return replace(store, rows=tuple(rows))


@pytest.mark.parametrize(
    ("names", "members"),
    [
        ({"genus": "Turdus"}, [0, 1, 2]),
        ({"genus": "Turdus", "species": "Turdus pilaris"}, [0, 1, 2]),
        ({"family": "Turdidae", "genus": "Catharus"}, [0, 1, 2]),
        ({"order": "Passeriformes", "family": "Corvidae", "genus": "Pica"}, [0, 1, 2, 3]),
        ({"order": "Strigiformes", "family": "Strigidae", "genus": "Bubo"}, None),
        ({"order": "Anseriformes"}, None),
        ({}, None),
    ],
)
def test_the_lowest_taxon_with_two_labels_is_taught(names, members):
    (column,) = partial_label_columns([Lineage(**names)], LABELS, THRUSHES)
    if members is None:
        assert column == -1
        return
    levels = label_levels(LABELS, THRUSHES)
    height = max(h for h, first in levels.first_columns.items() if first <= column)
    assert height >= 1
    group = column - levels.first_columns[height]
    assert np.flatnonzero(levels.groups[height] == group).tolist() == members


def test_a_taxon_of_all_labels_teaches_nothing():
    passerine = [Lineage(order="Passeriformes")]
    assert partial_label_columns(passerine, NESTED[:4], THRUSHES) == [-1]
    assert partial_label_columns(passerine, [*NESTED[:4], BACKGROUND], THRUSHES) != [-1]


def test_what_is_not_asked_for_teaches_nothing():
    thrush, magpie = Lineage(family="Turdidae", genus="Turdus"), Lineage(order="Passeriformes")
    both = [thrush, magpie]
    assert min(partial_label_columns(both, LABELS, THRUSHES)) >= 6
    told = partial_label_columns(both, LABELS, THRUSHES, under=["turdidae"])
    assert [column >= 0 for column in told] == [True, False]
    told = partial_label_columns(both, LABELS, THRUSHES, without=["Turdus"])
    assert [column >= 0 for column in told] == [False, True]


def test_they_add_to_the_training_and_change_nothing_else(store):
    config = DatasetConfig(calibration_share=0.1)
    plain = build_dataset(store, config)
    dataset = build_dataset(store, replace(config, partial_labels=True))
    assert plain.partial.rows == ()
    for name in ("labels", "class_index_of"):
        assert getattr(dataset, name) == getattr(plain, name)
    assert dataset.taxonomy.nodes == plain.taxonomy.nodes
    for name in ("train", "validation", "calibration", "test"):
        assert getattr(dataset, name).rows == getattr(plain, name).rows
    assert {row.species for row in dataset.partial.rows} == {""}
    assert {row.kind for row in dataset.partial.rows} == {"bird"}
    assert len(dataset.partial.recordings) == 2
    assert dataset.known_sessions == plain.known_sessions | dataset.partial.sessions
    told, before = dataset.training_counts(), plain.training_counts()
    assert told["recordings"] == before["recordings"] + 2


def test_thin_species_teach_where_two_labels_are(store):
    half = sorted({row.recording for row in store.rows if row.species == "surgens"})[:4]
    rows = [replace(r, species="volans") if r.recording in half else r for r in store.rows]
    config = DatasetConfig(min_recordings=4, partial_labels=True)
    dataset = build_dataset(replace(store, rows=tuple(rows)), config)
    birds = [label.taxon for label in dataset.label_space.bird_labels]
    assert birds == ["Acutus surgens", "Acutus volans", "Gravis profundus"]
    levels = label_levels(dataset.labels, dataset.taxonomy)
    genus = levels.first_columns[1] + levels.groups[1, 0]
    assert set(dataset.partial.label_indices) == {genus}
    assert len(dataset.partial.recordings) == 8
    assert "Acutus altus" not in dataset.taxonomy


def test_no_session_of_theirs_is_kept_apart(store):
    """Each recording without a species is made one session with one that has it."""
    named = sorted({row.recording for row in store.rows if row.species == "surgens"})
    unnamed = sorted({row.recording for row in store.rows if not row.species})
    for partner in named:
        session_of = dict.fromkeys([*unnamed, partner], "one day")
        rows = [replace(r, session=session_of.get(r.recording, r.session)) for r in store.rows]
        config = DatasetConfig(partial_labels=True)
        for dataset in (
            build_dataset(replace(store, rows=tuple(rows)), config),
            *(build_fold(replace(store, rows=tuple(rows)), config, 3, fold) for fold in range(3)),
        ):
            apart = dataset.test.sessions | dataset.validation.sessions
            assert dataset.partial.sessions.isdisjoint(apart)
            taught = set(dataset.partial.recordings)
            assert taught == (set() if "one day" in apart else set(unnamed))
