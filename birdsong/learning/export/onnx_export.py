"""A trained network as ONNX, so that inference needs no TensorFlow.

Keras exports from TensorFlow. Where it runs on another backend, a process of its own does so:
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
from birdsong.learning.export.batch_norm_folding import fold_scaling
from birdsong.learning.models.normalization import FusedBatchNormalization


def to_onnx(model: keras.Model) -> bytes:
    """Export a network with a free batch dimension, logits out.

    Parameters
    ----------
    model : keras.Model
        With ``float32`` weights.

    Returns
    -------
    bytes
        An ONNX model that takes ``uint8 (n, 64, 200, 1)`` and returns ``float32 (n, n_labels)``.

    Raises
    ------
    BundleError
        If Keras runs on another backend than TensorFlow, and TensorFlow cannot export it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        if keras.backend.backend() == "tensorflow":
            _export(model, path)
        else:
            _export_apart(model, Path(folder) / "network.keras", path)
        return fold_scaling(path.read_bytes())


def _export(model: keras.Model, path: Path) -> None:
    signature = [keras.InputSpec(shape=(None, *model.input_shape[1:]), dtype="uint8")]
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            # Its tensors would become further inputs of the exported network; arrays do not.
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    # It gives up one optimization of networks that add a scalar, and prints why; onnxruntime makes
    # up for it when it loads the network.
    logging.getLogger("tf2onnx.optimizer").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras asks NumPy for a name it lost
        model.export(path, format="onnx", input_signature=signature, verbose=False)


def _export_apart(model: keras.Model, network: Path, path: Path) -> None:
    model.save(network)
    done = subprocess.run(
        [sys.executable, "-m", "birdsong.learning.export.onnx_export", str(network), str(path)],
        env=os.environ | {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BundleError(
            "the network was trained but not exported: TensorFlow exports to ONNX, and says "
            f"{(done.stderr.strip() or 'nothing').splitlines()[-1]!r}; see to it that it is "
            "installed, and go on by --resume"
        )


if __name__ == "__main__":
    known = {"birdsong>FusedBatchNormalization": FusedBatchNormalization}
    network = keras.saving.load_model(
        sys.argv[1], custom_objects=known, compile=False, safe_mode=True
    )
    _export(network, Path(sys.argv[2]))
