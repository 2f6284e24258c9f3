"""A quantized network has nearly the same logits, in a smaller file."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from birdsong.bundle.bundle_files import read_bundle
from birdsong.bundle.onnx_network import Network
from birdsong.images.store import open_store
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.training.training_config import TrainingConfig


@pytest.fixture(scope="module")
def whole(tensorflow):
    """SqueezeNet with random weights."""
    from birdsong.learning.export.onnx_export import to_onnx
    from birdsong.learning.models.squeezenet import squeezenet

    tensorflow.random.set_seed(0)
    return to_onnx(squeezenet(5))


def _logits(model_onnx: bytes, images):
    session = onnxruntime.InferenceSession(model_onnx, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: images[..., np.newaxis]})
    return logits


def test_its_logits_are_nearly_the_same(whole):
    from birdsong.learning.export.int8_quantization import quantize_int8

    images = np.random.default_rng(0).integers(0, 256, (40, 64, 200), np.uint8)
    images[::2] //= 3
    quantized = quantize_int8(whole, images[:20])
    assert len(quantized) < 0.4 * len(whole)
    before, after = _logits(whole, images[20:]), _logits(quantized, images[20:])
    assert after.shape == before.shape
    assert after.dtype == np.float32
    assert np.abs(after - before).max() < 0.1 * np.ptp(before)
    assert not np.array_equal(after, before)


def test_a_training_quantizes_when_asked(images, tmp_path, small_network):
    from birdsong.learning.training.train import train

    store = open_store(images)
    dataset = DatasetConfig(validation_share=0.15, test_share=0.25)
    config = TrainingConfig(dataset=dataset, epochs=2, batch_size=16)
    logits = []
    images = np.stack([store.read_image(row) for row in store.rows[:8]])
    for int8 in (False, True):
        run_dir = tmp_path / str(int8)
        train(store, run_dir, replace(config, int8=int8))
        bundle = read_bundle(run_dir / "bundle")
        assert (b"QuantizeLinear" in bundle.model_onnx) == int8
        logits.append(Network(bundle).logits(images))
    assert np.corrcoef(logits[0].ravel(), logits[1].ravel())[0, 1] > 0.99
