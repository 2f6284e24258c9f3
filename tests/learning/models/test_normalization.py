"""One kernel instead of many, and the same function."""

import keras
import numpy as np
import pytest

from birdsong.learning.models.normalization import FusedBatchNormalization


def _trained(layer_type, maps, *, policy):
    """What a layer returns, learns and keeps of three batches, and what it says afterwards."""
    layer = layer_type(momentum=0.9, dtype=policy)
    inputs = keras.Input(maps.shape[1:], dtype=layer.compute_dtype)
    model = keras.Model(inputs, layer(inputs))
    layer.gamma.assign(np.linspace(0.5, 2, maps.shape[-1]))
    layer.beta.assign(np.linspace(-1, 1, maps.shape[-1]))
    in_training = np.asarray(keras.ops.cast(model(maps, training=True), "float32"))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    for _ in range(3):
        model.train_on_batch(maps, np.sin(maps))
    after = np.asarray(keras.ops.cast(model(maps, training=False), "float32"))
    return in_training, after, [np.asarray(weight) for weight in layer.weights]


@pytest.mark.parametrize(("policy", "tolerance"), [("float32", 1e-4), ("mixed_bfloat16", 0.05)])
def test_it_computes_what_keras_does(policy, tolerance):
    maps = np.random.default_rng(0).normal(3, 2, (8, 6, 5, 4)).astype(np.float32)
    ours = _trained(FusedBatchNormalization, maps, policy=policy)
    keras_own = _trained(keras.layers.BatchNormalization, maps, policy=policy)
    for got, expected in zip(ours[:2], keras_own[:2], strict=True):
        np.testing.assert_allclose(got, expected, atol=tolerance, rtol=tolerance)
    for got, expected in zip(ours[2], keras_own[2], strict=True):
        np.testing.assert_allclose(got, expected, atol=tolerance, rtol=tolerance)


def test_a_frozen_one_keeps_what_it_knows():
    layer = FusedBatchNormalization()
    layer.build((None, 3, 3, 2))
    layer.trainable = False
    maps = np.full((4, 3, 3, 2), 7.0, np.float32)
    np.testing.assert_allclose(np.asarray(layer(maps, training=True)), maps, rtol=1e-2)
    np.testing.assert_array_equal(np.asarray(layer.moving_mean), 0)


def test_it_is_saved_by_its_name(tmp_path):
    model = keras.Sequential([keras.Input((3, 3, 2)), FusedBatchNormalization(momentum=0.8)])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert isinstance(again.layers[-1], FusedBatchNormalization)
    assert again.layers[-1].momentum == 0.8
