"""With gradient checkpointing a network learns what it learns without."""

import numpy as np
import pytest

from birdsong.learning.models.registry import MODELS, ModelConfig, build_model

BATCH = 4


@pytest.fixture(
    scope="module",
    params=[("squeezenet", "compiled"), *((name, "eager") for name in MODELS)],
    ids=", ".join,
)
def learned(request, tensorflow):
    """Weights after two batches, with and without gradient checkpointing."""
    import keras

    from birdsong.learning.models.gradient_checkpointing import GradientCheckpointing

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (2, BATCH, 64, 200, 1), np.uint8)
    targets = np.eye(5, dtype=np.float32)[generator.integers(0, 5, (2, BATCH))]

    name, how = request.param

    def learn(checkpointed):
        keras.utils.set_random_seed(0)
        built = build_model(name, 5, ModelConfig(name=name))
        network = model = built.network
        if checkpointed:
            model = GradientCheckpointing(network, built.checkpoint_layers)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=keras.optimizers.SGD(0.01), loss=loss, run_eagerly=how == "eager")
        for batch in zip(images, targets, strict=True):
            model.train_on_batch(*batch)
        logits = model.predict_on_batch(images[0])
        np.testing.assert_allclose(logits, network.predict_on_batch(images[0]), atol=1e-5)
        return [(weight.path, weight.numpy()) for weight in network.weights]

    return learn(False), learn(True)


def test_the_same_is_learned(learned):
    """Dropout too is drawn once, and the same both times that a segment is computed."""
    for (path, weights), (_, recomputed) in zip(*learned, strict=True):
        np.testing.assert_allclose(recomputed, weights, atol=2e-4, err_msg=path)


def test_running_means_change_once_a_batch(learned):
    means = [[weights for path, weights in each if "moving_mean" in path] for each in learned]
    assert len(means[0]) >= 24
    for plain, recomputed in zip(*means, strict=True):
        assert np.abs(plain).max() > 0
        np.testing.assert_allclose(recomputed, plain, atol=2e-4)


def test_kept_weights_are_loaded_before_a_first_batch(tensorflow, tmp_path):
    from birdsong.learning.models.gradient_checkpointing import GradientCheckpointing

    built = [build_model("squeezenet", 3, ModelConfig()) for _ in range(2)]
    first, second = (GradientCheckpointing(b.network, b.checkpoint_layers) for b in built)
    first.save_weights(tmp_path / "kept.weights.h5")
    second.load_weights(tmp_path / "kept.weights.h5")
    for expected, found in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
