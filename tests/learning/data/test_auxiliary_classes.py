"""Species with too few recordings are learned beside the labels, and dropped afterwards."""

from dataclasses import replace

import numpy as np
import pytest

from birdsong.bundle.bundle_files import read_bundle
from birdsong.images.store import open_store
from birdsong.learning.data.dataset_builder import build_dataset, build_fold
from birdsong.learning.data.dataset_config import DatasetConfig
from tests.learning.changed import changed

CONFIG = DatasetConfig(min_recordings=6, test_share=0.25, calibration_share=0.15)


@pytest.fixture
def store(images):
    """Of Acutus summus four recordings become a species of their own, and one is unnamed."""
    store = open_store(images)
    recordings = sorted({row.recording for row in store.rows if row.species == "summus"})
    epithets = dict.fromkeys(recordings[:4], "novus") | {recordings[4]: ""}
    rows = [replace(row, species=epithets.get(row.recording, row.species)) for row in store.rows]
    return replace(store, rows=tuple(rows))


@pytest.fixture
def dataset(store):
    return build_dataset(store, replace(CONFIG, auxiliary_classes=True))


def test_they_go_on_where_the_labels_end(store, dataset):
    plain = build_dataset(store, CONFIG)
    assert dataset.labels == plain.labels
    assert dataset.train.rows == plain.train.rows
    assert dataset.taxonomy.nodes == plain.taxonomy.nodes
    taxa = [(label.taxon, label.n_recordings) for label in dataset.auxiliary_labels]
    assert taxa == [("Acutus novus", 4), ("Acutus summus", 3)]
    numbers = {row.species: index for row, index in zip(
        dataset.auxiliary.rows, dataset.auxiliary.label_indices.tolist(), strict=True)}  # fmt: skip
    assert numbers == {"novus": len(plain.labels), "summus": len(plain.labels) + 1}
    assert {row.kind for row in dataset.auxiliary.rows} == {"bird"}
    assert "Acutus novus" in dataset.learned_taxonomy
    assert "Acutus novus" not in dataset.taxonomy
    assert dataset.auxiliary.sessions <= dataset.known_sessions


def test_what_is_known_to_its_genus_teaches_that_of_all_that_is_learned(store):
    both = build_dataset(store, replace(CONFIG, auxiliary_classes=True, partial_labels=True))
    assert {row.species for row in both.partial.rows} == {""}
    assert len(both.partial.recordings) == 1
    assert min(both.partial.label_indices) >= len(both.learned_labels)
    assert len(both.full_train.rows) == sum(
        len(part.rows) for part in (both.train, both.auxiliary, both.partial)
    )


def test_nothing_is_learned_that_was_not_asked_for(store):
    config = replace(CONFIG, auxiliary_classes=True)
    without = build_dataset(store, replace(config, without=("Acutus novus",)))
    assert [label.taxon for label in without.auxiliary_labels] == ["Acutus summus"]
    none = build_dataset(store, replace(config, min_recordings=1))
    assert none.auxiliary_labels == ()
    assert none.auxiliary.rows == ()


def test_no_session_of_theirs_is_held_out(store):
    first = {row.species: row.session for row in reversed(store.rows)}
    rows = [replace(r, session=first["surgens"]) if r.species == "novus" else r for r in store.rows]
    together = replace(store, rows=tuple(rows))
    n_taught = []
    for fold in range(3):
        dataset = build_fold(together, replace(CONFIG, auxiliary_classes=True), 3, fold)
        assert dataset.auxiliary.sessions.isdisjoint(dataset.test.sessions)
        n_taught.append(len(dataset.auxiliary.recordings))
    assert sorted(n_taught) == [3, 7, 7]


@pytest.mark.parametrize("loss", ["cross-entropy", "hierarchical", "auxiliary"])
def test_the_bundle_does_not_name_them(store, dataset, tmp_path, small_network, loss):
    from birdsong.learning.training.train import train

    config = replace(CONFIG, auxiliary_classes=True, partial_labels=True)
    metrics = train(
        store, tmp_path / "run", changed(dataset=config, epochs=1, batch_size=16, loss=loss)
    )
    bundle = read_bundle(tmp_path / "run" / "bundle")
    assert [label.taxon for label in bundle.bird_labels] == ["Acutus surgens", "Gravis profundus"]
    assert bundle.calibration_data.logits.shape[1] == len(bundle.labels)
    assert np.isfinite(metrics["test"]["top1"])
