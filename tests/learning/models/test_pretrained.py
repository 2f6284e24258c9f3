"""A training that begins with a bundle: its weights, its sessions, its recordists and licence."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from birdsong.bundle.bundle_files import WEIGHTS, read_bundle, write_bundle
from birdsong.errors import BundleError, ConfigError, DatasetError
from birdsong.images.store import open_store
from birdsong.images.tables import read_attribution
from birdsong.learning.data.dataset_builder import build_dataset, build_fold
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.data.pretrained_bundle import read_pretrained
from birdsong.learning.models.pretrained import model_config_of
from birdsong.learning.training.listener import TrainingListener
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.pipelines.command import main
from tests.conftest import few_layers, small_network_learns
from tests.learning.changed import changed

CONFIG = TrainingConfig(
    dataset=DatasetConfig(validation_share=0.0, calibration_share=0.0, test_share=0.25),
    epochs=1,
    batch_size=16,
)


@pytest.fixture(scope="module")
def store(images):
    return open_store(images)


@pytest.fixture(scope="module")
def known(store):
    """Sessions of the two species of one genus; a network learns from those of them first."""
    of_genus = {row.session: row.species for row in store.rows if row.genus == "Acutus"}
    each = [
        [s for s, species in of_genus.items() if species == name] for name in ("summus", "surgens")
    ]
    return {session for sessions in each for session in sessions[:5]}


@pytest.fixture(scope="module")
def first(store, known, tensorflow, tmp_path_factory):
    """The bundle of that network."""
    from birdsong.learning.training.train import train

    folder = tmp_path_factory.mktemp("runs") / "first"
    rows = tuple(row for row in store.rows if row.session in known)
    config = replace(CONFIG, dataset=replace(CONFIG.dataset, test_share=0.0))
    with small_network_learns():
        train(replace(store, rows=rows), folder, config, origin={"licence": "CC BY-SA 4.0"})
    return folder / "bundle"


@pytest.fixture(scope="module")
def config(first):
    return replace(CONFIG, dataset=replace(CONFIG.dataset, pretrained=str(first)))


@pytest.fixture(scope="module")
def second(store, config, tensorflow, tmp_path_factory):
    """The run of a network that goes on from there, with a third species."""
    from birdsong.learning.training.train import train

    folder = tmp_path_factory.mktemp("runs") / "second"
    with small_network_learns():
        train(store, folder, config)
    return folder


def test_what_the_bundle_knows_only_trains(store, config, known):
    dataset = build_dataset(store, config.dataset)
    assert len(dataset.test.recordings) >= 2
    assert dataset.test.sessions.isdisjoint(known)
    assert known <= dataset.train.sessions
    folds = [build_fold(store, config.dataset, 3, fold) for fold in range(3)]
    held_out = [name for each in folds for name in each.test.recordings]
    assert sorted(held_out) == sorted({r.recording for r in store.rows if r.session not in known})
    for each in folds:
        assert known <= each.train.sessions


def test_the_network_begins_with_its_weights(store, config, first, small_network):
    from birdsong.learning.training import training_setup

    dataset = build_dataset(store, config.dataset)
    begun = training_setup.build_training_setup(store, dataset, config, lambda _: 1e-3).network
    its = few_layers(len(read_bundle(first).labels))
    its.load_weights(first / WEIGHTS)
    for layer, before in zip(begun.layers, its.layers, strict=True):
        if layer.name != "labels":
            for own, taken in zip(layer.get_weights(), before.get_weights(), strict=True):
                np.testing.assert_array_equal(own, taken)
    (kernel, bias), (its_kernel, its_bias) = (
        network.get_layer("labels").get_weights() for network in (begun, its)
    )
    known_taxa = [label.taxon for label in read_bundle(first).labels]
    assert {"Acutus summus", "Acutus surgens"} <= set(known_taxa)
    assert len(dataset.labels) > len(known_taxa)
    for column, label in enumerate(dataset.labels):
        if label.taxon in known_taxa:
            its_column = known_taxa.index(label.taxon)
            np.testing.assert_array_equal(kernel[..., column], its_kernel[..., its_column])
            assert bias[column] == its_bias[its_column]
        else:
            assert not np.isclose(kernel[..., column], its_kernel[..., 0]).any()


def test_the_next_bundle_has_learned_from_all_of_it(second, first, store, known):
    bundle, before = read_bundle(second / "bundle"), read_bundle(first)
    assert before.sessions == known < bundle.sessions
    told = bundle.provenance["began_with"]
    assert told["fingerprint"] == before.fingerprint
    assert told["sessions"] == len(known)
    assert bundle.provenance["licence"] == "CC BY-SA 4.0", "it is made of the other"
    credited = [row.recording for row in read_attribution(second / "bundle")]
    learned = {row.recording for row in store.rows if row.session in bundle.sessions}
    assert sorted(credited) == sorted(learned)
    assert json.loads((second / "metrics.json").read_text())["test"]["recordings"] >= 2


def test_recordings_that_only_the_first_network_learned_from_are_credited(
    store, known, config, tmp_path, small_network
):
    from birdsong.learning.training.train import train

    lost = min(known)
    rows = tuple(row for row in store.rows if row.session != lost)
    train(replace(store, rows=rows), tmp_path / "run", config, origin={"licence": "CC0"})
    bundle = read_bundle(tmp_path / "run" / "bundle")
    assert lost in bundle.sessions, "nothing of it may be measured with"
    (name,) = {row.recording for row in store.rows if row.session == lost}
    assert name in {row.recording for row in read_attribution(tmp_path / "run" / "bundle")}
    assert bundle.provenance["licence"] == "CC0"


def test_teachers_begin_by_chance(store, config, tmp_path, small_network, monkeypatch):
    from birdsong.learning.training import training_setup
    from birdsong.learning.training.fit import fit_network

    begun = []
    monkeypatch.setattr(
        training_setup, "load_pretrained_weights", lambda built, *_: begun.append(built)
    )
    fit_network(
        store, build_dataset(store, config.dataset), changed(config, n_teachers=1), tmp_path
    )
    assert len(begun) == 1, "of two networks"


def test_on_the_command_line_the_network_is_the_bundles(
    store, first, tmp_path, capsys, small_network
):
    command = ["train", str(store.folder), "--epochs", "1", "--begin-with", str(first)]
    assert main([*command, "--out", str(tmp_path / "other"), "--fine-bands"]) == 2
    assert "has another network: stem_freq_stride 1 instead of 2" in capsys.readouterr().err
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
    assert (
        "pretrained on bundle 'first', which knows 2 of these 3 labels" in capsys.readouterr().out
    )
    assert main(["card", str(tmp_path / "run" / "bundle"), "--out", str(tmp_path / "card.md")]) == 0
    card = (tmp_path / "card.md").read_text()
    assert "| began with | bundle first, " in card
    assert "It was pretrained on bundle first" in card


def test_the_network_is_the_bundles_and_a_younger_setting_its_default(first, tmp_path, tensorflow):
    from birdsong.learning.training.training_setup import with_pretrained_model

    before = read_pretrained(first)
    its = before.bundle.provenance
    config = {**its["config"], "model": {"stem_freq_stride": 1}}
    older = replace(before.bundle, provenance={**its, "config": config})
    write_bundle(older, tmp_path / "older", weights=first / WEIGHTS)
    model = model_config_of(replace(before, bundle=older))
    assert model == replace(model_config_of(before), stem_freq_stride=1)
    dataset = replace(CONFIG.dataset, pretrained=str(tmp_path / "older"))
    begun = with_pretrained_model(replace(CONFIG, dataset=dataset))
    assert begun.model.stem_freq_stride == 1, "as the bundle has it"
    assert begun.model.batch_normalization
    other = changed(CONFIG, model="mobilenet-v3-small")
    with pytest.raises(ConfigError, match='name "mobilenet-v3-small" instead of "squeezenet"'):
        with_pretrained_model(replace(other, dataset=dataset))


def test_nothing_begins_where_nothing_is_asked_for(store, tensorflow):
    from birdsong.learning.training.training_setup import with_pretrained_model

    assert with_pretrained_model(CONFIG) is CONFIG
    assert build_dataset(store, CONFIG.dataset).pretrained is None


def test_a_training_goes_on_with_the_bundle_that_it_began_with(
    store, config, first, tmp_path, small_network
):
    from birdsong.learning.training.train import train

    def stop(epoch):
        if epoch["epoch"] == 1:
            raise KeyboardInterrupt

    before = tmp_path / "before"
    shutil.copytree(first, before)
    config = replace(config, dataset=replace(config.dataset, pretrained=str(before)), epochs=2)
    with pytest.raises(KeyboardInterrupt):
        train(store, tmp_path / "run", config, listener=TrainingListener(on_epoch=stop))
    bundle = read_bundle(before)
    other = (replace(bundle.labels[0], n_sessions=99), *bundle.labels[1:])
    write_bundle(replace(bundle, labels=other), before, weights=first / WEIGHTS)
    with pytest.raises(DatasetError, match="started with another bundle than the one in"):
        train(store, tmp_path / "run", config, resume=True)
    shutil.rmtree(before)
    shutil.copytree(first, before)
    assert train(store, tmp_path / "run", config, resume=True)["epochs"] == 2


def test_where_the_bundle_knows_everything_nothing_could_be_measured(store, config, known):
    rows = tuple(row for row in store.rows if row.session in known)
    with pytest.raises(DatasetError, match="'first' has learned from all sessions"):
        build_dataset(replace(store, rows=rows), config.dataset)


def test_another_network_is_refused(store, config, small_network):
    from birdsong.learning.training.training_setup import (
        build_training_setup,
        with_pretrained_model,
    )

    dataset = build_dataset(store, config.dataset)
    with pytest.raises(ConfigError, match=r"'first' has another network: width 2\.0 instead of 1"):
        build_training_setup(store, dataset, changed(config, width=2.0), lambda _: 1e-3)
    with pytest.raises(ConfigError, match=r"width 2\.0 instead of 1"):
        with_pretrained_model(changed(config, width=2.0))


def test_other_images_are_refused(store, config):
    other = replace(store, config=replace(store.config, f_min_hz=300.0))
    with pytest.raises(BundleError, match="its images have fingerprint"):
        build_dataset(other, config.dataset)


def test_a_bundle_without_weights_is_refused(store, config, first, tmp_path):
    write_bundle(read_bundle(first), tmp_path / "bare")
    with pytest.raises(BundleError, match=r"bare: bundle 'first' cannot be used for pretraining"):
        build_dataset(store, replace(config.dataset, pretrained=str(tmp_path / "bare")))


def test_a_damaged_bundle_is_refused(store, config, first, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(first, damaged)
    (damaged / WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(BundleError, match=WEIGHTS):
        build_dataset(store, replace(config.dataset, pretrained=str(damaged)))
