"""Epochs on a device: every image comes, from either memory; on a processor here, and few."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import gpu_epoch, gpu_loader
from benchmarks.gpu_loader import CallLoader, split_into_calls
from birdsong.errors import ConfigError
from tests.conftest import few_layers

SMALL = ["--images", "70", "--batch-size", "8", "--steps-per-call", "4", "--epochs", "2"]
SMALL += ["--labels", "5"]


@given(st.integers(1, 500), st.integers(1, 40), st.integers(1, 9))
def test_every_image_comes_and_few_come_twice(n_images, batch_size, steps_per_call):
    calls = split_into_calls(np.arange(n_images), batch_size, steps_per_call)
    n_calls, n_steps, n = calls.shape
    assert n == batch_size
    assert n_steps <= steps_per_call
    np.testing.assert_array_equal(calls.ravel()[:n_images], np.arange(n_images))
    assert calls.max() < n_images
    assert calls.size - n_images < batch_size * n_calls, "less than a batch a call"


def test_images_are_all_different():
    images = gpu_loader.random_image_array(5000)
    assert (images.dtype, images.shape) == (np.uint8, (5000, 64, 200))
    assert len(np.unique(images.reshape(5000, -1)[:, :64], axis=0)) == 5000


class Recorded:
    """A training that only keeps what it is given."""

    def __init__(self):
        self.learned = []

    def to_device(self, array):
        return np.array(array)

    def load(self, images, labels):
        self.held = images, labels

    def train(self, images, labels):
        self.learned += zip(images, labels, strict=True)
        return 0.0

    def train_indices(self, places):
        return self.train(self.held[0][places], self.held[1][places])


@pytest.mark.parametrize("epoch", [0, 1])
def test_both_memories_give_the_same_batches(epoch):
    images, labels = gpu_loader.random_image_array(70), np.arange(70)
    batches = []
    for on_device in (True, False):
        training = Recorded()
        with CallLoader(
            training, images, labels,
            batch_size=8, steps_per_call=4, on_device=on_device, n_readers=3,
        ) as feed:  # fmt: skip
            assert feed.steps_per_call == 3
            for call in feed.epoch(epoch):
                call()
        batches.append(training.learned)
    assert len(batches[0]) == len(batches[1]) == 9
    for (one, of_one), (other, of_other) in zip(*batches, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(of_one, of_other)
        np.testing.assert_array_equal(one, images[of_one])
    came = np.concatenate([own for _, own in batches[0]])
    assert set(came) == set(range(70))
    assert list(came) != sorted(came)


@pytest.mark.parametrize(
    "words", [["--in-memory", "device"], ["--stream", "--mixed-precision", "--no-augmentation"]]
)
def test_epochs_on_tensorflow(tensorflow, monkeypatch, tmp_path, capsys, words):
    monkeypatch.setattr("birdsong.learning.models.squeezenet.squeezenet", few_layers)
    kept = tmp_path / "f.json"
    assert gpu_epoch.main([*SMALL, *words, "--json", str(kept)]) == 0
    figures = json.loads(kept.read_text())
    assert figures["in_memory"] == ("device" if "device" in words else "host")
    assert len(figures["epochs"]) == 2
    for epoch in figures["epochs"]:
        assert epoch["images_per_s"] > 0
        assert 0 <= epoch["waiting_share"] < 1
        assert 0 < epoch["loss"] < 10
    out = capsys.readouterr().out
    assert "batches of 8, 3 a call" in out
    assert "with compiling" in out

    import keras

    assert keras.mixed_precision.dtype_policy().name == "float32", "as it was"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "1"], "epochs must be at least 2, got 1"),
        (["--images", "8"], "images must be at least 1024, got 8"),
        (["--batch-size", "0"], "batch_size must be at least 1, got 0"),
        (["--readers", "0"], "n_readers must be at least 1, got 0"),
    ],
)
def test_numbers_that_are_too_small(capsys, words, message):
    assert gpu_epoch.main(words) == 2
    assert f"error: {message}" in capsys.readouterr().err


def test_an_unknown_memory():
    with pytest.raises(ConfigError, match="in_memory must be one of device, host, got 'tape'"):
        gpu_epoch.EpochConfig(in_memory="tape")


def test_the_use_of_a_gpu_is_looked_at(monkeypatch):
    readings = iter([[20.0, 1.0], [40.0, 1.0]])
    monkeypatch.setattr(
        "birdsong.learning.training.system_log.gpu_reader", lambda: lambda: next(readings, ["", ""])
    )
    monkeypatch.setattr(gpu_epoch, "_SAMPLE_INTERVAL_S", 0.001)
    with gpu_epoch.GpuUse() as use:
        use._thread.join()
    assert use.mean_percent() == 30


ON_JAX = """
import numpy as np
from benchmarks import gpu_epoch, gpu_training
from birdsong.learning.models import squeezenet
from tests.conftest import few_layers

squeezenet.squeezenet = few_layers
trainings = []
of = gpu_training.build_training
gpu_training.build_training = lambda model: trainings.append(of(model)) or trainings[-1]
for words in (["--in-memory", "device"], ["--stream", "--mixed-precision"]):
    assert gpu_epoch.main([*SMALL, *words]) == 0
    model, (trainable, others, of_optimizer) = trainings[-1]._model, trainings[-1]._state
    assert int(of_optimizer[0]) == 18, "steps"
    states = [s for v, s in zip(model.non_trainable_variables, others) if "seed" in v.path]
    assert len(states) == 2, "of dropout and of the augmentation"
    assert all(int(np.asarray(state)[1]) >= 18 for state in states), "drawn anew for each step"
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_epochs_on_jax():
    finished = subprocess.run(
        [sys.executable, "-c", f"SMALL = {SMALL}\n{ON_JAX}"],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("with compiling") == 2
