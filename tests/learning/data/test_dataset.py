"""What a model learns from: labels, parts, sessions, background."""

from dataclasses import replace

import pytest

from birdsong.errors import DatasetError, TaxonomyError
from birdsong.images.store import open_store
from birdsong.learning.data.dataset_builder import build_dataset
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.taxa.labels import BACKGROUND


@pytest.fixture
def store(images):
    return open_store(images)


def test_parts_share_no_session_and_lose_no_recording(store):
    dataset = build_dataset(
        store, DatasetConfig(validation_share=0.15, calibration_share=0.15, test_share=0.25)
    )
    parts = (dataset.train, dataset.validation, dataset.calibration, dataset.test)
    sessions = [part.sessions for part in parts]
    assert all(sessions)
    assert sum(map(len, sessions)) == len(frozenset.union(*sessions))
    recordings = [name for part in parts for name in part.recordings]
    assert sorted(recordings) == sorted({row.recording for row in store.rows})


@pytest.mark.parametrize(
    ("rank", "labels"),
    [
        ("species", ["Acutus summus", "Acutus surgens", "Gravis profundus"]),
        ("genus", ["Acutus", "Gravis"]),
        ("family", ["Acutidae", "Gravidae"]),
    ],
)
def test_every_image_teaches_the_label_of_its_recording(store, rank, labels):
    dataset = build_dataset(store, DatasetConfig(rank=rank, calibration_share=0.1))
    birds = [label for label in dataset.labels if label != BACKGROUND]
    assert [label.taxon for label in birds] == labels
    taught = [*dataset.train.recordings, *dataset.validation.recordings]
    assert dataset.calibration.rows
    assert sum(label.n_recordings for label in birds) == len(taught) < 24
    assert dataset.training_counts() == {
        "recordings": len(taught),
        "sessions": len(taught),  # each is a session of its own
        "images": len(dataset.train.rows) + len(dataset.validation.rows),
    }
    for part in (dataset.train, dataset.validation, dataset.test):
        for row, index in zip(part.rows, part.label_indices, strict=True):
            label = dataset.labels[index]
            taxon = {
                "species": f"{row.genus} {row.species}",
                "genus": row.genus,
                "family": row.family,
            }[rank]
            assert label == BACKGROUND if row.kind == "background" else label.taxon == taxon


def test_background_is_the_last_label_and_only_a_share(store):
    rows = [
        replace(row, kind="background") if i % 3 == 0 else row for i, row in enumerate(store.rows)
    ]
    store = replace(store, rows=tuple(rows))
    dataset = build_dataset(store, DatasetConfig(background_share=0.1))
    assert dataset.labels[-1] == BACKGROUND
    kinds = [row.kind for row in dataset.train.rows]
    assert kinds.count("background") == round(0.1 * kinds.count("bird"))


def test_labels_can_be_chosen_under_a_taxon(store):
    dataset = build_dataset(store, DatasetConfig(under=("acutidae",)))
    assert [x.taxon for x in dataset.labels if x != BACKGROUND] == [
        "Acutus summus",
        "Acutus surgens",
    ]
    assert {row.genus for row in dataset.train.rows} == {"Acutus"}


def test_one_label_is_refused(store):
    with pytest.raises(DatasetError, match="only Gravis profundus has enough recordings"):
        build_dataset(store, DatasetConfig(under=("Gravis",)))
    with pytest.raises(TaxonomyError, match="the largest has 8; lower 'min_recordings'"):
        build_dataset(store, DatasetConfig(min_recordings=9))


def with_thin_species(store):
    """The recordings of one species given to three, and one known to its genus only."""
    recordings = sorted({row.recording for row in store.rows if row.species == "summus"})
    epithets = dict(zip(recordings, ["altus", "celsus", ""] * 3, strict=False))
    rows = [replace(row, species=epithets.get(row.recording, row.species)) for row in store.rows]
    return replace(store, rows=tuple(rows))


def test_with_back_off_thin_species_teach_their_genus(store):
    store = with_thin_species(store)
    config = DatasetConfig(min_recordings=6, back_off=True, calibration_share=0.0, test_share=0.0)
    dataset = build_dataset(store, config)
    birds = [label for label in dataset.labels if label != BACKGROUND]
    assert [(label.rank, label.taxon, label.n_recordings) for label in birds] == [
        ("genus", "Acutus", 8),
        ("species", "Acutus surgens", 8),
        ("species", "Gravis profundus", 8),
    ]
    for part in (dataset.train, dataset.validation):
        for row, index in zip(part.rows, part.label_indices, strict=True):
            if row.kind == "bird":
                named = {"surgens": "Acutus surgens", "profundus": "Gravis profundus"}
                assert dataset.labels[index].taxon == named.get(row.species, "Acutus")
    assert "Acutus altus" in dataset.taxonomy, "a list of species may name it"


def test_without_back_off_thin_species_teach_nothing(store):
    dataset = build_dataset(with_thin_species(store), DatasetConfig(min_recordings=6))
    assert {row.species for row in dataset.train.rows} == {"surgens", "profundus"}
    assert "Acutus altus" not in dataset.taxonomy


def test_a_training_on_the_rare_leaves_the_common_whole_to_another(store):
    store = with_thin_species(store)
    labels = build_dataset(store, DatasetConfig(max_recordings=7)).labels
    rare = build_dataset(
        store,
        DatasetConfig(max_recordings=7, validation_share=0, calibration_share=0, test_share=0),
    )
    assert [label.taxon for label in labels if label != BACKGROUND] == [
        "Acutus altus",
        "Acutus celsus",
    ]
    common = build_dataset(store, DatasetConfig(min_recordings=8))
    parts = (common.train, common.validation, common.calibration, common.test)
    assert all(part.sessions.isdisjoint(rare.train.sessions) for part in parts)
    beside = {"auxiliary_classes": True, "back_off": True, "partial_labels": True}
    for option in beside:
        every = build_dataset(store, DatasetConfig(max_recordings=7, **{option: True}))
        heard = {row.species for row in (*every.train.rows, *every.auxiliary.rows)}
        assert heard.isdisjoint({"surgens", "profundus"}), option
    with pytest.raises(TaxonomyError, match="the rarest has 8; raise 'max_recordings'"):
        build_dataset(store, DatasetConfig(rank="genus", max_recordings=1))


def test_excluded_taxa_are_learned_from_in_no_way(store):
    dataset = build_dataset(store, DatasetConfig(rank="genus", without=("Acutus_summus",)))
    parts = (dataset.train, dataset.validation, dataset.test)
    assert {row.species for part in parts for row in part.rows} == {"surgens", "profundus"}
    with pytest.raises(TaxonomyError, match=r"no taxon 'Acuta' .* nearest: Acut"):
        build_dataset(store, DatasetConfig(without=("Acuta",)))


def test_a_family_that_some_rows_leave_empty_is_filled_from_the_others(store):
    rows = [replace(r, family="") if r.recording.endswith("_3.wav") else r for r in store.rows]
    dataset = build_dataset(replace(store, rows=tuple(rows)), DatasetConfig(rank="family"))
    parts = (dataset.train, dataset.validation, dataset.calibration, dataset.test)
    assert sum(len(part.recordings) for part in parts) == 24


def test_contradicting_recordings_are_named(store):
    rows = [
        replace(row, family="Gravidae") if row.recording == "Acutus_summus_3.wav" else row
        for row in store.rows
    ]
    message = (
        r"genus 'Acutus' stands in two places: in the family 'Acutidae' "
        r"\(recording Acutus_summus_0.wav\) and in the family 'Gravidae' "
        r"\(recording Acutus_summus_3.wav\)"
    )
    with pytest.raises(TaxonomyError, match=message):
        build_dataset(replace(store, rows=tuple(rows)), DatasetConfig())
