"""Species with too few recordings are learned beside the labels, and dropped afterwards."""

from dataclasses import replace

import numpy as np
import pytest

from birdsong.bundle import read_bundle
from birdsong.images.store import open_store
from birdsong.learning.gathering import gather, gather_fold
from birdsong.learning.material_config import MaterialConfig
from birdsong.learning.training_config import TrainingConfig

CONFIG = MaterialConfig(min_recordings=6, test_share=0.25, calibration_share=0.15)


@pytest.fixture
def store(images):
    """Of Acutus summus four recordings become a species of their own, and one is unnamed."""
    store = open_store(images)
    recordings = sorted({row.recording for row in store.rows if row.species == "summus"})
    epithets = dict.fromkeys(recordings[:4], "novus") | {recordings[4]: ""}
    rows = [replace(row, species=epithets.get(row.recording, row.species)) for row in store.rows]
    return replace(store, rows=tuple(rows))


@pytest.fixture
def material(store):
    return gather(store, replace(CONFIG, others=True))


def test_they_go_on_where_the_labels_end(store, material):
    plain = gather(store, CONFIG)
    assert material.labels == plain.labels
    assert material.train.rows == plain.train.rows
    assert material.taxonomy.nodes == plain.taxonomy.nodes
    taxa = [(label.taxon, label.n_recordings) for label in material.other_labels]
    assert taxa == [("Acutus novus", 4), ("Acutus summus", 3)]
    numbers = {row.species: index for row, index in zip(
        material.others.rows, material.others.label_indices.tolist(), strict=True)}  # fmt: skip
    assert numbers == {"novus": len(plain.labels), "summus": len(plain.labels) + 1}
    assert {row.kind for row in material.others.rows} == {"bird"}
    assert "Acutus novus" in material.learned_taxonomy
    assert "Acutus novus" not in material.taxonomy
    assert material.others.sessions <= material.known_sessions


def test_what_is_known_to_its_genus_teaches_that_of_all_that_is_learned(store):
    both = gather(store, replace(CONFIG, others=True, partly_named=True))
    assert {row.species for row in both.partly_named.rows} == {""}
    assert len(both.partly_named.recordings) == 1
    assert min(both.partly_named.label_indices) >= len(both.learned_labels)
    assert len(both.teaching.rows) == sum(
        len(part.rows) for part in (both.train, both.others, both.partly_named)
    )


def test_nothing_is_learned_that_was_not_asked_for(store):
    config = replace(CONFIG, others=True)
    without = gather(store, replace(config, without=("Acutus novus",)))
    assert [label.taxon for label in without.other_labels] == ["Acutus summus"]
    none = gather(store, replace(config, min_recordings=1))
    assert none.other_labels == ()
    assert none.others.rows == ()


def test_no_session_of_theirs_is_held_out(store):
    first = {row.species: row.session for row in reversed(store.rows)}
    rows = [replace(r, session=first["surgens"]) if r.species == "novus" else r for r in store.rows]
    together = replace(store, rows=tuple(rows))
    n_taught = []
    for fold in range(3):
        material = gather_fold(together, replace(CONFIG, others=True), 3, fold)
        assert material.others.sessions.isdisjoint(material.test.sessions)
        n_taught.append(len(material.others.recordings))
    assert sorted(n_taught) == [3, 7, 7]


@pytest.mark.parametrize("loss", ["cross-entropy", "hierarchical", "auxiliary"])
def test_the_bundle_does_not_name_them(store, material, tmp_path, small_network, loss):
    from birdsong.learning.training import train

    config = replace(CONFIG, others=True, partly_named=True)
    metrics = train(
        store, tmp_path / "run", TrainingConfig(material=config, epochs=1, batch_size=16, loss=loss)
    )
    bundle = read_bundle(tmp_path / "run" / "bundle")
    assert [label.taxon for label in bundle.bird_labels] == ["Acutus surgens", "Gravis profundus"]
    assert bundle.calibration_data.logits.shape[1] == len(bundle.labels)
    assert np.isfinite(metrics["test"]["top1"])
