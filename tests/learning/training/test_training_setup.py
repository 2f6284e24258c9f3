"""What a network is fed with while it is fitted."""

from dataclasses import replace

import numpy as np
import pytest

from birdsong.errors import ConfigError, DatasetError
from birdsong.learning.data.split import Split
from birdsong.learning.training.training_config import TrainingConfig
from tests.images.drawn import KINDS
from tests.images.small_store import random_images, write_small_store

CONFIG = TrainingConfig(augmentation=KINDS["background"])
N_COLUMNS = 2  # a bird, and the background


@pytest.fixture
def store(tmp_path):
    return write_small_store(tmp_path / "images", 8)


@pytest.fixture(scope="module")
def training_setup(tensorflow):
    """The module, imported when a test needs it."""
    from birdsong.learning.training import training_setup

    return training_setup


def part(store, n_backgrounds):
    """The last images are background."""
    is_background = np.arange(8) >= 8 - n_backgrounds
    rows = [
        replace(row, kind="background") if background else row
        for row, background in zip(store.rows, is_background, strict=True)
    ]
    return Split(tuple(rows), is_background.astype(np.int64))


def test_the_backgrounds_of_the_training_part_are_mixed_in(training_setup, store):
    loader = training_setup._batch_loader(store, part(store, 3), N_COLUMNS, CONFIG, training=True)
    np.testing.assert_array_equal(loader._backgrounds, random_images(8)[-3:])
    ((images, _),) = loader.epoch()
    assert len(images) == 8


def test_nothing_is_mixed_in_outside_of_training(training_setup, store):
    loader = training_setup._batch_loader(store, part(store, 3), N_COLUMNS, CONFIG, training=False)
    ((images, _),) = loader.epoch()
    np.testing.assert_array_equal(images[..., 0], random_images(8))


def test_a_part_without_background_cannot_be_mixed_with_it(training_setup, store):
    with pytest.raises(DatasetError, match="there is no background image to mix in"):
        training_setup._batch_loader(store, part(store, 0), N_COLUMNS, CONFIG, training=True)


@pytest.mark.parametrize(("sampling", "expected"), [("plain", [5, 3]), ("class-balanced", [4, 4])])
def test_training_is_balanced_where_asked_for(training_setup, store, sampling, expected):
    config = TrainingConfig(augmentation=None, sampling=sampling)
    for training in (True, False):
        loader = training_setup._batch_loader(
            store, part(store, 3), N_COLUMNS, config, training=training
        )
        ((_, targets),) = loader.epoch()
        np.testing.assert_array_equal(targets.sum(axis=0), expected if training else [5, 3])


@pytest.mark.parametrize(
    ("backend", "n_devices", "expected"), [("tensorflow", 1, 1), ("jax", 1, 15), ("jax", 2, 16)]
)
def test_batches_to_learn_from_are_all_as_large_on_jax(
    training_setup, monkeypatch, backend, n_devices, expected
):
    """It would compile the training once more for the last batch of an epoch."""
    monkeypatch.setattr(training_setup.keras.backend, "backend", lambda: backend)
    config = replace(CONFIG, batch_size=15, n_devices=n_devices)
    assert training_setup._train_batch_multiple(config) == expected


def test_a_sampling_that_there_is_not():
    with pytest.raises(ConfigError, match="sampling must be one of plain"):
        TrainingConfig(sampling="fair")
