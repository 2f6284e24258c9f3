"""Exports a network to ONNX, so that inference needs no TensorFlow.

Keras exports to ONNX on TensorFlow. On another backend a separate process exports the network:
``python -m birdsong.learning.export.onnx_export NETWORK.keras MODEL.onnx``.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np

from birdsong.errors import BundleError
from birdsong.learning.export.input_scaling import fold_input_scaling
from birdsong.learning.models.normalization import FusedBatchNormalization


def to_onnx(model: keras.Model) -> bytes:
    """Export a network with a variable batch size.

    Parameters
    ----------
    model : keras.Model
        With ``float32`` weights.

    Returns
    -------
    bytes
        An ONNX model from uint8 images ``(n, n_mels, n_frames, 1)`` to float32 logits
        ``(n, n_labels)``.

    Raises
    ------
    BundleError
        If Keras runs on another backend, and the TensorFlow process fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        if keras.backend.backend() == "tensorflow":
            _export(model, path)
        else:
            _export_in_subprocess(model, Path(folder) / "network.keras", path)
        return fold_input_scaling(path.read_bytes())


def _export(model: keras.Model, path: Path) -> None:
    signature = [keras.InputSpec(shape=(None, *model.input_shape[1:]), dtype="uint8")]
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            # As tensors they would become further inputs of the exported network.
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    # tf2onnx prints why it skips an optimization of networks that add a scalar; onnxruntime makes
    # that optimization when it loads the network.
    logging.getLogger("tf2onnx.optimizer").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras uses a deprecated name of NumPy
        model.export(path, format="onnx", input_signature=signature, verbose=False)


def _export_in_subprocess(model: keras.Model, network: Path, path: Path) -> None:
    model.save(network)
    result = subprocess.run(
        [sys.executable, "-m", "birdsong.learning.export.onnx_export", str(network), str(path)],
        env=os.environ | {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise BundleError(
            "the network is trained but not exported: the TensorFlow process failed with "
            f"{(result.stderr.strip() or 'nothing').splitlines()[-1]!r}; install "
            "TensorFlow if it is missing, and continue with --resume"
        )


if __name__ == "__main__":
    known = {"birdsong>FusedBatchNormalization": FusedBatchNormalization}
    network = keras.saving.load_model(
        sys.argv[1], custom_objects=known, compile=False, safe_mode=True
    )
    _export(network, Path(sys.argv[2]))
