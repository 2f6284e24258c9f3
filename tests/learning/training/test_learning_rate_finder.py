"""The range test of the learning rate."""

import numpy as np
import pytest

from birdsong.images.store import open_store
from birdsong.learning.data.dataset_builder import build_dataset
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.training.training_config import TrainingConfig


@pytest.fixture(scope="module")
def finder(tensorflow):
    """The module, imported when a test needs it."""
    from birdsong.learning.training import learning_rate_finder

    return learning_rate_finder


def losses_around(finder, best):
    """A loss that falls around a rate, and bursts at thirty times that."""
    rates = finder.LOWEST * (finder.HIGHEST / finder.LOWEST) ** (
        np.arange(finder.N_BATCHES) / finder.N_BATCHES
    )
    fall = 2 / (1 + np.exp(-3 * np.log10(rates / best)))
    return (4 - fall + (rates / (30 * best)) ** 2).tolist()


@pytest.mark.parametrize("best", [1e-4, 1e-3, 1e-2])
def test_the_steepest_fall_is_found(finder, best):
    found = finder.range_test(losses_around(finder, best))
    assert best / 2 < found.steepest < 4 * best, "smoothing looks back"
    assert (np.diff(found.rates) > 0).all()
    assert len(found.losses) == len(found.rates)


def test_too_few_batches(finder):
    with pytest.raises(ValueError, match="3 batches or more, got 2"):
        finder.range_test([1.0, 2.0])


def test_a_training_that_is_lost_ends_early(finder, images, tmp_path, small_network, monkeypatch):
    import keras

    class Lost(keras.losses.Loss):
        """Nothing learned at first; then a number that is none."""

        calls = 0

        def call(self, y_true, y_pred):
            Lost.calls += 1
            return keras.ops.mean(y_pred, axis=1) * (float("nan") if Lost.calls > 5 else 0.0)

    monkeypatch.setattr(
        "birdsong.learning.training.training_setup.build_loss", lambda *_, **__: Lost()
    )
    config = TrainingConfig(dataset=DatasetConfig(test_share=0.25), batch_size=16)
    store = open_store(images)
    found = finder.find_learning_rate(store, build_dataset(store, config.dataset), config, tmp_path)
    assert len(found.losses) == 5


def test_command(images, tmp_path, capsys, small_network, monkeypatch, finder):
    from pipelines.command import main

    monkeypatch.setattr(finder, "N_BATCHES", 30)
    out = tmp_path / "run"
    assert main(["train", str(images), "--out", str(out), "--find-learning-rate"]) == 0
    assert "add --learning-rate" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {finder.TABLE, finder.PLOT}
    rates, losses = np.loadtxt(out / finder.TABLE, delimiter=",", skiprows=1, unpack=True)
    assert (np.diff(rates) > 0).all()
    assert np.isfinite(losses).all()
