"""A training run: what it leaves behind, and that the bundle answers as the network does."""

import csv
import json
import os
import platform
import shutil
import threading
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest

from birdsong.bundle.bundle_files import WEIGHTS, read_bundle
from birdsong.bundle.onnx_network import Network
from birdsong.errors import BundleError, ConfigError, DatasetError
from birdsong.images.store import open_store
from birdsong.images.tables import read_attribution
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.evaluation.held_out import score_bundle
from birdsong.learning.evaluation.scores import measure
from birdsong.learning.models.registry import ModelConfig
from birdsong.learning.training.distillation_config import DistillationConfig
from birdsong.learning.training.listener import TrainingListener
from birdsong.learning.training.training_config import TrainingConfig
from tests.conftest import few_layers, small_network_learns
from tests.learning.changed import changed
from tests.loading.loaders import batch_loader

EPOCHS = 2


@pytest.fixture(scope="module")
def train(tensorflow):
    """The module, imported when a test needs it."""
    from birdsong.learning.training import train

    return train


@pytest.fixture(scope="module")
def config():
    dataset = DatasetConfig(validation_share=0.15, calibration_share=0.15, test_share=0.25)
    return changed(dataset=dataset, epochs=EPOCHS, batch_size=16, dropout=0.2)


@pytest.fixture(scope="module")
def run_dir(train, images, config, tmp_path_factory):
    """A finished run, too short to have learned much."""
    folder = tmp_path_factory.mktemp("runs") / "voices"
    with small_network_learns():
        train.train(open_store(images), folder, config)
    return folder


def test_run_folder_tells_the_story(train, run_dir):
    names = {path.name for path in run_dir.iterdir()}
    assert names >= {"run.json", "model.txt", "history.csv", "history.png", "metrics.json"}
    assert "last.weights.h5" not in names, "nothing is left to go on with"
    with (run_dir / "history.csv").open(newline="") as file:
        history = list(csv.DictReader(file))
    assert {"loss", "top1", "val_loss", "val_top1", "learning_rate", "seconds"} <= set(history[0])
    rates = [float(row["learning_rate"]) for row in history]
    assert rates[-1] < rates[0], "the cosine must fall"
    described = json.loads((run_dir / "run.json").read_text())
    assert sum(part["recordings"] for part in described["parts"].values()) == 24
    assert described["config"]["epochs"] == EPOCHS
    assert "global_average_pooling2d" in (run_dir / "model.txt").read_text()


def test_bundle_knows_what_it_learned_from(run_dir, images):
    bundle = read_bundle(run_dir / "bundle")
    everything = {row.session for row in open_store(images).rows}
    assert bundle.sessions < everything
    assert len(everything - bundle.sessions) == 6, "the test sessions were not learned from"
    assert bundle.provenance["metrics"]["test"]["recordings"] == 6


def test_the_bundle_says_whom_it_learned_from(run_dir, images):
    bundle, store = read_bundle(run_dir / "bundle"), open_store(images)
    learned = {row.recording for row in store.rows if row.session in bundle.sessions}
    credited = [row.recording for row in read_attribution(run_dir / "bundle")]
    assert set(credited) == learned
    assert len(credited) == len(learned) < len({row.recording for row in store.rows})


def test_the_bundle_keeps_what_was_said_of_its_calibration_part(run_dir, images):
    bundle, store = read_bundle(run_dir / "bundle"), open_store(images)
    data = bundle.calibration_data
    assert len(data) == 3
    assert set(data.sessions) < bundle.sessions, "nobody measures with what it was calibrated by"
    taught = sum(label.n_recordings for label in bundle.bird_labels)
    assert taught == len(bundle.sessions) - 3, "it taught no label"
    network = Network(bundle)
    for recording, label, segments in zip(data.recordings, data.y_true, data.segments, strict=True):
        rows = [row for row in store.rows if row.recording == recording]
        assert bundle.labels[label].taxon == rows[0].taxon
        assert data.starts_s[segments].tolist() == pytest.approx([row.start_s for row in rows])
        expected = network.logits(np.stack([store.read_image(row) for row in rows]))
        np.testing.assert_allclose(data.logits[segments], expected, atol=1e-2)


def test_metrics_tell_what_the_calibration_supports(run_dir):
    told = json.loads((run_dir / "metrics.json").read_text())["calibration"]
    assert told == {"recordings": 3, "highest_promise": None}


def test_evaluation_measures_what_training_measured(run_dir, images):
    """The same recordings through ONNX as through Keras."""
    told = json.loads((run_dir / "metrics.json").read_text())["test"]
    scored = score_bundle(read_bundle(run_dir / "bundle"), open_store(images)).scored
    for name, value in measure(scored).items():
        assert told[name] == pytest.approx(value, abs=1e-3), name


def test_the_bundle_answers_as_the_network_does(train, run_dir, images, small_network):
    store = open_store(images)
    bundle = read_bundle(run_dir / "bundle")
    network = few_layers(len(bundle.labels), dropout=0.2)
    network.load_weights(run_dir / "bundle" / WEIGHTS)
    rows = store.rows[::7]
    feed = batch_loader(store, rows, np.zeros(len(rows), np.int64), n_labels=2, batch_size=5)
    exported = Network(bundle)
    for images, _ in feed.epoch():
        expected = np.asarray(network(images))
        assert np.ptp(expected) > 0.01, "the weights tell labels apart"
        np.testing.assert_allclose(exported.logits(images[..., 0]), expected, atol=1e-4, rtol=1e-4)


def test_a_finished_run_is_not_overwritten(train, run_dir, images):
    with pytest.raises(DatasetError, match="holds a finished run; name another"):
        train.train(open_store(images), run_dir, TrainingConfig())
    with pytest.raises(DatasetError, match=r"images\d*: holds images; name another folder"):
        train.train(open_store(images), images, TrainingConfig())
    assert not (images / "run.json").exists()


def test_a_stopped_training_ends_as_one_that_was_not(
    train, run_dir, images, config, tmp_path, small_network
):
    from birdsong.learning.training.checkpoint import read_epochs

    store, stopped = open_store(images), tmp_path / "stopped"

    def stop(epoch):
        if epoch["epoch"] == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.train(store, stopped, config, listener=TrainingListener(on_epoch=stop))
    assert [epoch["epoch"] for epoch in read_epochs(stopped)] == [0]
    with pytest.raises(DatasetError, match="stopped after epoch 1; add --resume"):
        train.train(store, stopped, config)
    other = changed(config, learning_rate=0.002)
    with pytest.raises(ConfigError, match=r"optimizer\.learning_rate 0\.002 instead of 0\.001"):
        train.train(store, stopped, other, resume=True)
    resumed = train.train(store, stopped, config, resume=True)

    assert resumed == json.loads((run_dir / "metrics.json").read_text())
    columns = [
        np.genfromtxt(folder / "history.csv", delimiter=",", names=True)
        for folder in (run_dir, stopped)
    ]
    for name in ("epoch", "loss", "val_loss", "learning_rate"):
        np.testing.assert_allclose(columns[0][name], columns[1][name], rtol=1e-4)


def test_a_network_that_was_trained_on_another_machine_says_so(
    train, images, config, tmp_path, small_network, monkeypatch
):
    """A GPU without TensorFlow trains, another machine exports: the run tells of the first."""
    store = open_store(images)
    with monkeypatch.context() as patch:
        patch.setattr(train, "finish_run", Mock(side_effect=BundleError("not exported")))
        with pytest.raises(BundleError):
            train.train(store, tmp_path, config)
    described = json.loads((tmp_path / "run.json").read_text())
    assert described["machine"].startswith(f"{platform.machine()}, {os.cpu_count()} cores")
    there = {"machine": "x86_64, 16 cores, NVIDIA H200", "versions": {"backend": "jax"}}
    (tmp_path / "run.json").write_text(json.dumps({**described, **there}))
    train.train(store, tmp_path, config, resume=True)
    told = read_bundle(tmp_path / "bundle").provenance
    assert {name: told[name] for name in there} == there


@pytest.mark.slow
def test_voices_that_a_child_can_tell_apart_are_learned(train, images, config, tmp_path):
    config = replace(config, epochs=8, batch_size=8)
    measured = train.train(open_store(images), tmp_path / "run", config)["test"]
    assert measured["recordings"] == 6
    assert measured["top1"] == 1
    assert measured["top1_genus"] == 1
    assert "fire9" in (tmp_path / "run" / "model.txt").read_text()


def test_a_damaged_image_is_named_and_no_thread_stays(train, images, tmp_path, small_network):
    folder = shutil.copytree(images, tmp_path / "images")
    damaged = folder / open_store(folder).rows[17].image
    damaged.write_bytes(damaged.read_bytes()[:100])
    config = TrainingConfig(epochs=1, batch_size=8, dataset=DatasetConfig(test_share=0.0))
    with pytest.raises(DatasetError, match=rf"{damaged.name}: cannot be read as a PNG"):
        train.train(open_store(folder), tmp_path / "run", config)
    assert not any(t.name.startswith("birdsong-feed") for t in threading.enumerate())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("epochs", 0, "epochs must be at least 1, got 0"),
        ("schedule", "linear", "cyclical, one-cycle, got 'linear'"),
        ("seed", -1, r"seed must be at least 0 and below 2\*\*32, got -1"),
        ("seed", 2**32, r"seed must be at least 0 and below 2\*\*32, got 4294967296"),
        ("width", 0.01, "width must be from 0.0625 to 16, got 0.01"),
        ("teacher_width", float("inf"), "teacher_width must be from 0.0625 to 16, got inf"),
        ("learning_rate", 0.0, r"learning_rate must be in \(0, 1\), got 0.0"),
    ],
)
def test_config_out_of_range(field, value, message):
    with pytest.raises(ConfigError, match=message):
        changed(**{field: value})


def test_a_teacher_is_no_wider_than_a_model_without_a_width():
    model = ModelConfig(name="efficientnet-b0")
    teachers = DistillationConfig(n_teachers=1, teacher_width=1.5)
    message = "teacher_width must be 1 with efficientnet-b0, which has no width to change, got 1.5"
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(model=model, distillation=teachers)
    wider = TrainingConfig(model=ModelConfig(), distillation=teachers)
    assert wider.distillation.teacher_width == 1.5
