"""Every network of the registry: built, trained with all that training can do, and exported."""

from dataclasses import replace

import numpy as np
import pytest

from birdsong.bundle.bundle_files import WEIGHTS, read_bundle
from birdsong.bundle.onnx_network import Network
from birdsong.errors import ConfigError
from birdsong.images.store import open_store
from birdsong.learning.data.dataset_builder import build_dataset
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.data.label_levels import label_levels
from birdsong.learning.models.registry import MODELS, ModelConfig, build_model
from tests.images.small_store import random_images
from tests.learning.changed import changed
from tests.taxa.trees import NESTED, THRUSHES

N_EACH = {"profundus": 2, "surgens": 2, "summus": 1}
"""Recordings of each species, one image of each; the last one is an auxiliary class."""


@pytest.fixture(scope="module")
def built(request, tensorflow):
    """A network as chance drew it, with biases and running statistics that are not 0 and 1."""
    import keras

    keras.utils.set_random_seed(0)
    built = build_model(request.param, 5, ModelConfig(name=request.param))
    _leave_initial_weights(built.network)
    return built


every_network = pytest.mark.parametrize("built", MODELS, indirect=True)


def _leave_initial_weights(network):
    generator = np.random.default_rng(0)
    network.set_weights(
        [w + generator.uniform(0, 0.2, w.shape) * (w.ndim == 1) for w in network.get_weights()]
    )


@every_network
def test_it_takes_uint8_and_returns_float32_logits(built):
    network = built.network
    assert network.input_shape == (None, 64, 200, 1)
    assert network.inputs[0].dtype == "uint8"
    logits = np.asarray(network(random_images(3)[..., np.newaxis]))
    assert logits.shape == (3, 5)
    assert logits.dtype == np.float32
    assert not np.allclose(logits.sum(axis=1), 1), "these must be logits, not probabilities"


@every_network
def test_the_layers_that_training_asks_for_are_there(built):
    import keras

    network = built.network
    assert network.get_layer(built.features_layer).output.shape[-1] >= 512
    kernel, bias = network.get_layer(built.logits_layer).get_weights()
    assert kernel.shape[-1] == bias.shape[-1] == 5
    assert len(built.checkpoint_layers) >= 5
    assert not [layer.name for layer in network.layers if isinstance(layer, keras.Model)]


@every_network
def test_running_statistics_follow_within_a_few_batches(built):
    import keras

    momenta = {
        layer.momentum
        for layer in built.network.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    assert momenta == {0.9}, "Keras's 0.99 and 0.999 are for longer epochs"


@every_network
def test_auxiliary_classes_and_heads_leave_the_logits_as_they_are(built):
    from birdsong.learning.models.auxiliary_heads import (
        with_auxiliary_classes,
        with_auxiliary_heads,
    )

    images = random_images(2)[..., np.newaxis]
    expected = np.asarray(built.network(images))
    with_two = with_auxiliary_classes(built, 2)
    np.testing.assert_allclose(with_two.network(images)[:, :5], expected, atol=1e-5)
    assert with_two.network.output_shape == (None, 5 + 2)
    levels = label_levels(NESTED, THRUSHES)
    with_ranks = with_auxiliary_heads(with_two, levels)
    n_above = [levels.sizes[height] for height in levels.ranks_above.values()]
    assert with_ranks.network.output_shape == (None, 5 + 2 + sum(n_above))
    np.testing.assert_allclose(with_ranks.network(images)[:, :5], expected, atol=1e-5)
    own = {id(weight) for weight in built.network.weights}
    shared = [weight for weight in with_ranks.network.weights if id(weight) in own]
    assert len(shared) == len(own), "what is trained with heads is trained in the network"


@pytest.mark.parametrize(
    "built",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name == "efficientnet-b0" else [])
        for name in MODELS
    ],
    indirect=True,
)
def test_exported_it_answers_as_keras_does(built):
    import onnxruntime

    from birdsong.learning.export.int8_quantization import quantize_int8
    from birdsong.learning.export.onnx_export import to_onnx

    images = random_images(16)
    images[::2] //= 3
    expected = np.asarray(built.network(images[..., np.newaxis]))
    assert np.ptp(expected) > 0.1

    def logits(model_onnx):
        session = onnxruntime.InferenceSession(model_onnx, providers=["CPUExecutionProvider"])
        (only,) = session.get_inputs()
        (found,) = session.run(None, {only.name: images[..., np.newaxis]})
        return found

    exported = to_onnx(built.network)
    np.testing.assert_allclose(logits(exported), expected, atol=1e-4, rtol=1e-4)
    quantized = quantize_int8(exported, images)
    assert len(quantized) < 0.45 * len(exported)
    assert np.corrcoef(logits(quantized).ravel(), expected.ravel())[0, 1] > 0.9


@every_network
def test_saved_as_a_whole_it_is_read_again(built, tmp_path):
    """A training on another backend than TensorFlow hands its network over like that."""
    import keras

    built.network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    images = random_images(2)[..., np.newaxis]
    np.testing.assert_allclose(again(images), built.network(images), atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_it_is_built_for_images_of_another_shape(name, tensorflow):
    built = build_model(name, 5, ModelConfig(name=name), (48, 150))
    assert built.network.input_shape == (None, 48, 150, 1)
    assert built.network.output_shape == (None, 5)


def test_images_too_small_for_the_network_are_refused(tensorflow):
    with pytest.raises(ValueError, match="negative"):
        build_model("squeezenet", 5, ModelConfig(), (8, 8))


def test_a_network_that_there_is_not():
    with pytest.raises(ConfigError, match=r"must be one of squeezenet, .*, got 'vgg-16'"):
        build_model("vgg-16", 5, ModelConfig())


def test_one_class_is_no_choice():
    with pytest.raises(ValueError, match=r"at least 2 classes to choose from\. Received: 1"):
        build_model("squeezenet", 1, ModelConfig())


@pytest.fixture
def store(images):
    """One image of each of a few recordings."""
    whole = open_store(images)
    rows = list({row.recording: row for row in whole.rows}.values())
    chosen = [
        row
        for species, n in N_EACH.items()
        for row in [each for each in rows if each.species == species][:n]
    ]
    return replace(whole, rows=tuple(chosen))


@pytest.fixture
def more(images, store):
    """One image of each of the other recordings of two species."""
    rows = {row.recording: row for row in open_store(images).rows if row.species != "summus"}
    return [row for name, row in rows.items() if name not in {row.recording for row in store.rows}]


@pytest.fixture
def eager(tensorflow):
    """A few steps take less time than to compile them."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


def _config(name, **settings):
    dataset = DatasetConfig(
        min_recordings=2,
        auxiliary_classes=True,
        validation_share=0.0,
        calibration_share=0.0,
        test_share=0.0,
    )
    return changed(
        dataset=dataset,
        model=name,
        loss="auxiliary",
        gradient_checkpointing=True,
        augmentation=None,
        epochs=2,
        batch_size=16,
        **settings,
    )


def _assert_the_bundle_answers_as_keras(run, store, config):
    import keras

    bundle = read_bundle(run / "bundle")
    assert bundle.provenance["config"]["model"]["name"] == config.model.name
    keras.utils.set_random_seed(config.seed)
    network = build_model(config.model.name, len(bundle.labels), config.model).network
    first = network.trainable_weights[0].numpy()
    network.load_weights(run / "bundle" / WEIGHTS)
    assert np.abs(network.trainable_weights[0].numpy() - first).max() > 1e-4, "it was trained"
    images = np.stack([store.read_image(row) for row in store.rows])
    expected = np.asarray(network(images[..., np.newaxis]))
    np.testing.assert_allclose(Network(bundle).logits(images), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_it_is_trained_with_auxiliary_heads_and_gradient_checkpointing(
    name, store, eager, tmp_path
):
    from birdsong.learning.training.train import train

    config = _config(name)
    assert len(build_dataset(store, config.dataset).auxiliary_labels) == 1
    losses = []
    train(store, tmp_path / "run", config, listener=_listener(losses))
    assert len(losses) == 2
    assert np.isfinite(losses).all()
    _assert_the_bundle_answers_as_keras(tmp_path / "run", store, config)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_it_goes_on_from_a_bundle_and_learns_from_a_teacher(name, store, more, eager, tmp_path):
    from birdsong.learning.training.train import train
    from birdsong.learning.training.training_setup import build_training_setup

    known = replace(store, rows=store.rows[: N_EACH["profundus"] + N_EACH["surgens"]])
    train(known, tmp_path / "first", _config(name))
    before = read_bundle(tmp_path / "first" / "bundle")
    store = replace(store, rows=(*store.rows, *more))
    config = _config(name, n_teachers=1, int8=True)
    pretrained = str(tmp_path / "first" / "bundle")
    config = replace(config, dataset=replace(config.dataset, pretrained=pretrained))
    dataset = build_dataset(store, config.dataset)
    setup = build_training_setup(store, dataset, config, lambda _: 1e-3)
    images = np.stack([store.read_image(row) for row in store.rows])
    np.testing.assert_allclose(
        np.asarray(setup.network(images[..., np.newaxis])),
        Network(before).logits(images),
        atol=1e-4,
        rtol=1e-4,
        err_msg="what is not trained yet answers as the bundle",
    )
    train(store, tmp_path / "second", config)
    bundle = read_bundle(tmp_path / "second" / "bundle")
    assert b"QuantizeLinear" in bundle.model_onnx
    assert Network(bundle).logits(images).shape == (len(images), len(bundle.labels))


def _listener(losses):
    from birdsong.learning.training.listener import TrainingListener

    return TrainingListener(on_epoch=lambda epoch: losses.append(epoch["loss"]))
