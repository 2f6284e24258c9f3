"""A training run: what it leaves behind, and that the bundle answers as the network does."""

import csv
import json
import shutil
import threading

import numpy as np
import pytest

from birdsong.answers.classifier import Classifier
from birdsong.bundle import WEIGHTS, read_bundle
from birdsong.errors import ConfigError, DatasetError
from birdsong.images.feeding import PictureFeed
from birdsong.images.store import open_store
from birdsong.learning.material import MaterialConfig
from birdsong.learning.squeezenet import squeezenet
from birdsong.learning.training import TrainingConfig, train


def test_run_folder_tells_the_story(run_dir):
    names = {path.name for path in run_dir.iterdir()}
    assert names >= {"run.json", "model.txt", "history.csv", "history.png", "metrics.json"}
    with (run_dir / "history.csv").open(newline="") as file:
        history = list(csv.DictReader(file))
    assert {"loss", "top1", "val_loss", "val_top1", "learning_rate", "seconds"} <= set(history[0])
    rates = [float(row["learning_rate"]) for row in history]
    assert rates[-1] < rates[1], "the cosine must fall"
    described = json.loads((run_dir / "run.json").read_text())
    assert described["config"]["epochs"] == 8
    assert "fire9" in (run_dir / "model.txt").read_text()


def test_voices_that_a_child_can_tell_apart_are_learned(run_dir):
    measured = json.loads((run_dir / "metrics.json").read_text())["test"]
    assert measured["recordings"] == 6
    assert measured["top1"] == 1
    assert measured["top1_genus"] == 1


def test_bundle_knows_what_it_learned_from(run_dir, images):
    bundle = read_bundle(run_dir / "bundle")
    everything = {row.session for row in open_store(images).rows}
    assert bundle.sessions < everything
    assert len(everything - bundle.sessions) == 6, "the test sessions were not learned from"
    assert bundle.provenance["metrics"]["test"]["recordings"] == 6


def test_onnx_equals_keras_on_trained_weights(run_dir, images):
    store = open_store(images)
    bundle = read_bundle(run_dir / "bundle")
    network = squeezenet(len(bundle.labels), dropout=0.2)
    network.load_weights(run_dir / "bundle" / WEIGHTS)
    rows = store.rows[::7]
    feed = PictureFeed(store, rows, np.zeros(len(rows), np.int64), n_labels=2, batch_size=5)
    classifier = Classifier(bundle)
    for pictures, _ in feed.epoch():
        expected = network.predict_on_batch(pictures)
        assert np.ptp(expected) > 1, "trained weights tell labels apart"
        np.testing.assert_allclose(
            classifier._logits(list(pictures[..., 0])), expected, atol=1e-4, rtol=1e-4
        )


def test_a_finished_run_is_not_overwritten(run_dir, images):
    with pytest.raises(DatasetError, match="holds a finished run already"):
        train(open_store(images), run_dir, TrainingConfig())


def test_a_damaged_picture_is_named_and_no_thread_stays(images, tmp_path):
    folder = shutil.copytree(images, tmp_path / "images")
    damaged = folder / open_store(folder).rows[17].image
    damaged.write_bytes(damaged.read_bytes()[:100])
    config = TrainingConfig(epochs=1, batch_size=8, material=MaterialConfig(test_share=0.0))
    with pytest.raises(DatasetError, match=rf"{damaged.name}: cannot be read as a PNG"):
        train(open_store(folder), tmp_path / "run", config)
    assert not any(t.name.startswith("birdsong-feed") for t in threading.enumerate())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("epochs", 0, "epochs must be at least 1, got 0"),
        ("schedule", "linear", "one of cosine, plateau, constant, got 'linear'"),
        ("learning_rate", 0.0, r"learning_rate must be in \(0, 1\), got 0.0"),
    ],
)
def test_config_out_of_range(field, value, message):
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(**{field: value})
