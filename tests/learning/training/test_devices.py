"""Training with less precision, less memory, on more devices and on other backends."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from birdsong.bundle.bundle_files import read_bundle
from birdsong.bundle.onnx_network import Network
from birdsong.errors import ConfigError
from birdsong.images.store import open_store
from birdsong.learning.data.dataset_builder import build_dataset
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.training.listener import TrainingListener
from birdsong.learning.training.training_config import TrainingConfig
from tests.learning.changed import changed

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed"
)
CONFIG = TrainingConfig(
    dataset=DatasetConfig(validation_share=0.15, calibration_share=0.0, test_share=0.25),
    epochs=2,
    batch_size=16,
)


@pytest.fixture(scope="module")
def fit(tensorflow):
    """The module, imported when a test needs it."""
    from birdsong.learning.training import fit

    return fit


@pytest.mark.parametrize("setting", ["mixed_precision", "gradient_checkpointing"])
def test_what_is_kept_computes_as_ever(fit, images, tmp_path, setting):
    import keras

    store = open_store(images)
    config = replace(CONFIG, epochs=1, **{setting: True})
    network, epochs = fit.fit_network(store, build_dataset(store, config.dataset), config, tmp_path)
    assert np.isfinite(epochs[0]["loss"])
    assert keras.config.dtype_policy().name == "float32", "as it was before"
    assert {layer.compute_dtype for layer in network.layers} <= {"float32", "uint8"}
    assert network.predict_on_batch(np.zeros((2, 64, 200, 1), np.uint8)).dtype == np.float32


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("flags : fpu avx2 avx512f avx512_bf16 amx_tile", "mixed_bfloat16"),
        ("Features : fp asimd i8mm bf16", "mixed_bfloat16"),
        ("flags : fpu avx avx2", "float32"),
        (None, "mixed_bfloat16"),
    ],
)
def test_a_processor_without_16_bits_computes_with_32(
    tensorflow, monkeypatch, tmp_path, told, expected
):
    import keras

    from birdsong.learning.training import devices

    if told is not None:
        (tmp_path / "cpuinfo").write_text(told)
    monkeypatch.setattr(devices, "_CPUINFO", tmp_path / "cpuinfo")
    with devices.device_scope(1, mixed_precision=True):
        assert keras.config.dtype_policy().name == expected
    assert keras.config.dtype_policy().name == "float32"


def test_averages_are_kept(fit, images, tmp_path, small_network):
    store = open_store(images)
    dataset = build_dataset(store, CONFIG.dataset)
    weights = {}
    for share in (0.0, 0.9, 0.999):
        config = changed(CONFIG, ema_momentum=share, schedule="constant", learning_rate=0.01)
        network, _ = fit.fit_network(store, dataset, config, tmp_path / str(share))
        weights[share] = np.concatenate([each.ravel() for each in network.get_weights()])
    far = np.linalg.norm(weights[0.999] - weights[0.0])
    assert 0 < np.linalg.norm(weights[0.9] - weights[0.0]) < far, "an average trails behind"


def test_a_stopped_training_with_averages_ends_as_one_that_was_not(
    fit, images, tmp_path, small_network
):
    store = open_store(images)
    dataset = build_dataset(store, CONFIG.dataset)
    config = changed(CONFIG, ema_momentum=0.9)

    def stop(epoch):
        if epoch["epoch"] == 1:
            raise KeyboardInterrupt

    whole, _ = fit.fit_network(store, dataset, config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit.fit_network(
            store, dataset, config, tmp_path / "stopped", listener=TrainingListener(on_epoch=stop)
        )
    resumed, _ = fit.fit_network(store, dataset, config, tmp_path / "stopped")
    for expected, found in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_other_backends_have_one_device(fit, images, tmp_path):
    store = open_store(images)
    config = replace(CONFIG, n_devices=2)
    with pytest.raises(ConfigError, match="needs the JAX backend, but Keras runs on tensorflow"):
        fit.fit_network(store, build_dataset(store, config.dataset), config, tmp_path)


@pytest.mark.parametrize("n", [1, 2, 4, 5, 8])
def test_each_device_gets_as_many_images(tensorflow, n):
    from birdsong.learning.training.devices import pad_batches

    def batches():
        for size in (8, 3):
            yield np.arange(size)[:, np.newaxis], np.arange(size, dtype=np.float32)

    given = list(pad_batches(batches(), n))
    for (images, targets), size in zip(given, (8, 3), strict=True):
        assert len(images) % n == 0
        assert len(images) - size < n
        np.testing.assert_array_equal(images[:size, 0], np.arange(size))
        np.testing.assert_array_equal(images[:, 0], targets)


def train(images, out, *options, **environment):
    """`birdsong train` in a process of its own."""
    return subprocess.run(
        [
            sys.executable, "-m", "birdsong.pipelines.command", "train", str(images),
            "--out", str(out), "--epochs", "2", "--batch-size", "15", "--no-augmentation",
            "--validation-share", "0", "--calibration-share", "0.15", *options,
        ],
        env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@needs_jax
def test_jax_on_two_devices_learns_what_it_learns_on_one(images, tmp_path):
    """And the bundle, exported by TensorFlow, answers as the network does."""
    losses = {}
    for n in (1, 2):
        done = train(
            images, tmp_path / str(n), "--devices", str(n), "--width", "0.25",
            "--learning-rate", "1e-4",  # else what dropout draws leads the two far apart
            KERAS_BACKEND="jax", XLA_FLAGS="--xla_force_host_platform_device_count=2",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        history = np.genfromtxt(tmp_path / str(n) / "history.csv", delimiter=",", names=True)
        losses[n] = history["loss"]
        described = json.loads((tmp_path / str(n) / "run.json").read_text())
        assert described["versions"]["backend"] == "jax"
    np.testing.assert_allclose(losses[2], losses[1], rtol=0.05)
    bundle = read_bundle(tmp_path / "2" / "bundle")
    data = bundle.calibration_data
    store = open_store(images)
    row_of = {(row.recording, round(row.start_s, 2)): row for row in store.rows}
    rows = [
        row_of[name, round(float(start_s), 2)]
        for name, first, end in zip(
            data.recordings, data.offsets[:-1], data.offsets[1:], strict=True
        )
        for start_s in data.starts_s[first:end]
    ]
    logits = Network(bundle).logits(np.stack([store.read_image(row) for row in rows]))
    np.testing.assert_allclose(logits, data.logits, atol=1e-2)


@needs_jax
def test_more_devices_than_there_are(images, tmp_path):
    done = train(images, tmp_path / "run", "--devices", "3", KERAS_BACKEND="jax", XLA_FLAGS="")
    assert done.returncode == 2
    assert "expected 3 devices, found 1: cpu:0" in done.stderr
