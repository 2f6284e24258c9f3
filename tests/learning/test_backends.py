"""The same training on each backend of Keras."""

import importlib.util
import logging
import os
import subprocess
import sys

import numpy as np
import pytest

from birdsong.images.store import open_store
from birdsong.preprocessing.preprocess import preprocess
from birdsong.runs.jobs import JobsConfig
from birdsong.synthetic.files import write_recordings

SEEDS = (0, 1, 2)
POINTS = 5


@pytest.fixture(scope="module")
def demo_images(tmp_path_factory):
    """600 images, more or less, of synthetic birds."""
    folder = tmp_path_factory.mktemp("demo")
    recordings = write_recordings(folder / "audio", n_individuals=6, n_jobs=2)
    preprocess(recordings, folder / "audio", folder / "images", jobs=JobsConfig(n_jobs=2))
    assert 500 < len(open_store(folder / "images").rows) < 700
    return folder / "images"


def mean_accuracy(images, folder, backend):
    """Of six epochs with each seed, in percent of the validation images."""
    accuracies = []
    for seed in SEEDS:
        run = folder / f"{backend}-{seed}"
        subprocess.run(
            [
                sys.executable, "-m", "birdsong.pipelines.command", "train", str(images),
                "--out", str(run), "--rank", "genus", "--epochs", "6", "--batch-size", "16",
                "--validation-share", "0.3", "--calibration-share", "0", "--test-share", "0.1",
                "--seed", str(seed),
            ],
            env=os.environ | {"KERAS_BACKEND": backend}, check=True, capture_output=True,
        )  # fmt: skip
        history = np.genfromtxt(run / "history.csv", delimiter=",", names=True)
        accuracies.append(100 * history["val_top1"][-1])
    logging.getLogger(__name__).info("%s: %s", backend, accuracies)
    return np.mean(accuracies)


@pytest.fixture(scope="module")
def on_tensorflow(demo_images, tmp_path_factory):
    return mean_accuracy(demo_images, tmp_path_factory.mktemp("runs"), "tensorflow")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_learn_as_well(backend, on_tensorflow, demo_images, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    assert on_tensorflow > 30, "there is something to compare"
    assert abs(mean_accuracy(demo_images, tmp_path, backend) - on_tensorflow) <= POINTS
