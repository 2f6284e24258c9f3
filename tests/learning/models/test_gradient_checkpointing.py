"""A network that computes twice what it does not keep learns as the network itself does."""

import numpy as np
import pytest

BATCH = 4


@pytest.fixture(scope="module")
def learned(tensorflow):
    """Weights after two batches, computed either way."""
    import keras

    from birdsong.learning.models.gradient_checkpointing import GradientCheckpointing
    from birdsong.learning.models.squeezenet import CUTS, squeezenet

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (2, BATCH, 64, 200, 1), np.uint8)
    targets = np.eye(5, dtype=np.float32)[generator.integers(0, 5, (2, BATCH))]

    def learn(again):
        keras.utils.set_random_seed(0)
        network = squeezenet(5, dropout=0.0)
        model = GradientCheckpointing(network, CUTS) if again else network
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=keras.optimizers.SGD(0.01), loss=loss)
        for batch in zip(images, targets, strict=True):
            model.train_on_batch(*batch)
        said = model.predict_on_batch(images[0])
        np.testing.assert_allclose(said, network.predict_on_batch(images[0]), atol=1e-5)
        return {weight.path: weight.numpy() for weight in network.weights}

    return learn(False), learn(True)


def test_the_same_is_learned(learned):
    kept, again = learned
    assert kept.keys() == again.keys()
    for name, weights in kept.items():
        np.testing.assert_allclose(weights, again[name], atol=2e-4, err_msg=name)


def test_running_means_change_once_a_batch(learned):
    kept, again = learned
    means = [name for name in kept if name.endswith("moving_mean")]
    assert len(means) == 24
    for name in means:
        assert np.abs(kept[name]).max() > 0
        np.testing.assert_allclose(kept[name], again[name], atol=2e-4, err_msg=name)


def test_what_was_kept_is_taken_up_before_a_first_batch(tensorflow, tmp_path):
    from birdsong.learning.models.gradient_checkpointing import GradientCheckpointing
    from birdsong.learning.models.squeezenet import CUTS, squeezenet

    first, second = (GradientCheckpointing(squeezenet(3), CUTS) for _ in range(2))
    first.save_weights(tmp_path / "kept.weights.h5")
    second.load_weights(tmp_path / "kept.weights.h5")
    for expected, found in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
