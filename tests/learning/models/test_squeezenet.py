"""The network: its published size, and what goes in and comes out."""

import numpy as np
import onnxruntime
import pytest


@pytest.fixture(scope="module")
def squeezenet(tensorflow):
    """The function, imported when a test needs it."""
    from birdsong.learning.models.squeezenet import squeezenet

    return squeezenet


def test_published_number_of_parameters(squeezenet):
    assert squeezenet(213, batch_normalization=False).count_params() == 830_613


def test_feature_maps_shrink_as_in_version_1_1(squeezenet):
    network = squeezenet(5)
    sizes = {name: network.get_layer(name).output.shape[1:] for name in
             ("stem", "pool1", "pool3", "pool5", "fire9_concat")}  # fmt: skip
    assert sizes == {
        "stem": (31, 99, 64),
        "pool1": (15, 49, 64),
        "pool3": (7, 24, 128),
        "pool5": (3, 11, 256),
        "fire9_concat": (3, 11, 512),
    }


OPTIONS = {
    "plain": {},
    "as published": {"batch_normalization": False},
    "wider": {"width": 1.5},
    "every band": {"stem_freq_stride": 1},
}


def test_the_stem_keeps_every_band_if_asked(squeezenet):
    network = squeezenet(5, stem_freq_stride=1)
    assert network.get_layer("stem").output.shape[1:] == (62, 99, 64)
    assert network.count_params() == squeezenet(5).count_params()


def test_width_multiplies_filters(squeezenet):
    sizes = [squeezenet(5, width=width).get_layer("fire9_concat").output.shape[-1]
             for width in (0.5, 1, 1.5)]  # fmt: skip
    assert sizes == [256, 512, 768]
    with pytest.raises(ValueError, match=r"a layer of width 0\.01 has no filters left"):
        squeezenet(5, width=0.01)


@pytest.mark.parametrize("batch_normalization", [True, False])
def test_takes_uint8_and_returns_float32_logits(squeezenet, batch_normalization):
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 200, 1), np.uint8)
    logits = np.asarray(squeezenet(7, batch_normalization=batch_normalization)(images))
    assert logits.shape == (3, 7)
    assert logits.dtype == np.float32
    assert not np.allclose(logits.sum(axis=1), 1), "these must be logits, not probabilities"


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_saves_and_loads(squeezenet, tmp_path, options):
    import keras

    images = np.random.default_rng(0).integers(0, 256, (2, 64, 200, 1), np.uint8)
    network = squeezenet(3, **options)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    np.testing.assert_allclose(network(images), loaded(images), atol=1e-6)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_exported_it_gives_the_same_numbers(squeezenet, options):
    import keras

    from birdsong.learning.export.onnx_export import to_onnx

    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    network = squeezenet(5, **options)
    network.set_weights(  # biases and statistics as after a training, not their zeros and ones
        [w + generator.uniform(0, 0.2, w.shape) * (w.ndim == 1) for w in network.get_weights()]
    )
    images = generator.integers(0, 256, (3, 64, 200, 1), np.uint8)
    session = onnxruntime.InferenceSession(to_onnx(network))
    (logits,) = session.run(None, {session.get_inputs()[0].name: images})
    expected = np.asarray(network(images))
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(logits, expected, atol=1e-4, rtol=1e-4)
