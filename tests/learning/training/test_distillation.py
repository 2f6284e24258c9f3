"""Networks that learn from others: targets mixed with what these say, and trainings stopped."""

from dataclasses import replace

import numpy as np
import pytest

from birdsong.errors import ConfigError
from birdsong.images.store import open_store
from birdsong.learning.data.dataset_builder import build_dataset
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.training.distillation_config import DistillationConfig
from birdsong.learning.training.listener import TrainingListener
from tests.learning.changed import changed

pytestmark = pytest.mark.usefixtures("small_network")

CONFIG = changed(
    dataset=DatasetConfig(
        min_recordings=7,
        auxiliary_classes=True,
        validation_share=0.2,
        calibration_share=0,
        test_share=0,
    ),
    epochs=2,
    batch_size=16,
    n_teachers=2,
)


@pytest.fixture
def dataset(images):
    """Two voices are labels; the third has a recording too few, and is learned beside them."""
    store = open_store(images)
    missing = {f"Acutus_summus_{i}.wav" for i in (0, 1)}
    store = replace(store, rows=tuple(row for row in store.rows if row.recording not in missing))
    gathered = build_dataset(store, CONFIG.dataset)
    assert len(gathered.auxiliary_labels) == 1
    return store, gathered


def test_what_teachers_say_is_a_part_of_the_targets():
    import keras

    from birdsong.learning.training.distillation import DistilledModel

    def says(*logits):
        return lambda images, training: keras.ops.tile([logits], [len(images), 1])

    seen = []

    def loss(targets, said):
        seen.append(np.array(targets))
        return keras.ops.sum(targets * said, axis=1)

    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    third = np.log(np.array([1, 2, 1]) / 4, dtype=np.float32)
    taught = DistilledModel(network, [says(*third), says(0.0, 0.0, -1e9)], teacher_share=0.5)
    taught.compile("sgd", loss=loss)
    targets = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
    taught.train_on_batch(np.zeros((2, 2), np.float32), targets)
    mean = (np.array([1, 2, 1]) / 4 + np.array([0.5, 0.5, 0])) / 2
    np.testing.assert_allclose(seen[-1], 0.5 * targets + 0.5 * mean, atol=1e-6)
    taught.test_on_batch(np.zeros((2, 2), np.float32), targets)
    np.testing.assert_array_equal(seen[-1], targets, "validation looks at what is known")


def test_columns_that_teachers_do_not_have_are_not_taught():
    import keras

    from birdsong.learning.training.distillation import DistilledModel

    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    teacher = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "relu")])
    taught = DistilledModel(network, [teacher], teacher_share=0.4)
    seen = []
    taught.compile("sgd", loss=lambda targets, said: seen.append(np.array(targets)) or said[:, 0])
    taught.train_on_batch(np.zeros((1, 2), np.float32), np.array([[0, 0, 1]], np.float32))
    np.testing.assert_allclose(seen[-1], [[0.2, 0.2, 0.6]], atol=1e-6)
    assert len(taught.weights) == len(network.weights), "a teacher is not trained, nor kept"


def test_teachers_are_trained_first_and_differ(dataset, tmp_path):
    from birdsong.learning.training.fit import fit_network

    told = []
    network, epochs = fit_network(
        *dataset, CONFIG, tmp_path, listener=TrainingListener(on_epoch=told.append)
    )
    assert [each["epoch"] for each in told] == [0, 1] * 3
    assert len(epochs) == 2
    assert network.output_shape == (None, 2), "what is learned beside the labels is gone"
    losses = [each["loss"] for each in told[::2]]
    assert len({round(loss, 6) for loss in losses}) == 3
    again, _ = fit_network(*dataset, CONFIG, tmp_path / "again")
    for one, other in zip(network.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    alone, _ = fit_network(*dataset, changed(CONFIG, n_teachers=0), tmp_path / "alone")
    far = [
        np.abs(a - b).max() for a, b in zip(network.get_weights(), alone.get_weights(), strict=True)
    ]
    assert max(far) > 1e-4


@pytest.mark.parametrize("stopped_after", [1, 2, 3, 5])
def test_stopped_anywhere_it_ends_as_one_that_was_not(dataset, tmp_path, stopped_after):
    from birdsong.learning.training.fit import fit_network

    through, epochs = fit_network(*dataset, CONFIG, tmp_path / "through")
    told = []

    def stop(epoch):
        told.append(epoch)
        if len(told) == stopped_after + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_network(
            *dataset, CONFIG, tmp_path / "stopped", listener=TrainingListener(on_epoch=stop)
        )
    network, resumed = fit_network(
        *dataset, CONFIG, tmp_path / "stopped", listener=TrainingListener(on_epoch=told.append)
    )
    assert len(told) == 3 * CONFIG.epochs + 1, "no epoch that was kept is trained again"
    assert [each["loss"] for each in resumed] == pytest.approx(
        [e["loss"] for e in epochs], rel=1e-4
    )
    for one, other in zip(network.get_weights(), through.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_wider_teachers(dataset, tmp_path):
    from birdsong.learning.training.distillation import teacher_config
    from birdsong.learning.training.fit import fit_network

    config = changed(CONFIG, n_teachers=1, teacher_width=1.5, width=2.0, epochs=1)
    teacher = teacher_config(config, 1)
    assert (teacher.model.width, teacher.seed) == (3.0, config.seed + 1)
    assert teacher.distillation.n_teachers == 0
    fit_network(*dataset, config, tmp_path)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"n_teachers": -1}, "n_teachers must be at least 0, got -1"),
        ({"teacher_share": 1.5}, r"teacher_share must be in \[0, 1\], got 1.5"),
        ({"teacher_width": 0.0}, "teacher_width must be from 0.0625 to 16, got 0.0"),
    ],
)
def test_settings_that_cannot_be(setting, message):
    with pytest.raises(ConfigError, match=message):
        DistillationConfig(**setting)
