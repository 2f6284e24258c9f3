"""A network of eight bits says nearly what it said, with less."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from birdsong.bundle import read_bundle
from birdsong.images.store import open_store
from birdsong.learning.material_config import MaterialConfig
from birdsong.learning.training_config import TrainingConfig
from birdsong.network import Network


@pytest.fixture(scope="module")
def whole(tensorflow):
    """SqueezeNet with the weights that chance gave it."""
    from birdsong.learning.onnx_export import to_onnx
    from birdsong.learning.squeezenet import squeezenet

    tensorflow.random.set_seed(0)
    return to_onnx(squeezenet(5))


def _said(model_onnx: bytes, pictures):
    session = onnxruntime.InferenceSession(model_onnx, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: pictures[..., np.newaxis]})
    return logits


def test_it_says_nearly_the_same(whole):
    from birdsong.learning.eight_bits import to_eight_bits

    pictures = np.random.default_rng(0).integers(0, 256, (40, 64, 200), np.uint8)
    pictures[::2] //= 3
    rounded = to_eight_bits(whole, pictures[:20])
    assert len(rounded) < 0.4 * len(whole)
    before, after = _said(whole, pictures[20:]), _said(rounded, pictures[20:])
    assert after.shape == before.shape
    assert after.dtype == np.float32
    assert np.abs(after - before).max() < 0.1 * np.ptp(before)
    assert not np.array_equal(after, before)


def test_a_training_rounds_when_asked(images, tmp_path, small_network):
    from birdsong.learning.training import train

    store = open_store(images)
    material = MaterialConfig(validation_share=0.15, test_share=0.25)
    config = TrainingConfig(material=material, epochs=2, batch_size=16)
    said = []
    pictures = np.stack([store.read_picture(row) for row in store.rows[:8]])
    for eight_bits in (False, True):
        run_dir = tmp_path / str(eight_bits)
        train(store, run_dir, replace(config, eight_bits=eight_bits))
        bundle = read_bundle(run_dir / "bundle")
        assert (b"QuantizeLinear" in bundle.model_onnx) == eight_bits
        said.append(Network(bundle).logits(pictures))
    assert np.corrcoef(said[0].ravel(), said[1].ravel())[0, 1] > 0.99
