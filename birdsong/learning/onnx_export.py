"""A trained network as ONNX, so that answers need no TensorFlow."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import keras

from birdsong.errors import BundleError


def to_onnx(model: keras.Model) -> bytes:
    """Export a network with a free batch dimension, logits out.

    Parameters
    ----------
    model : keras.Model
        On the TensorFlow backend, with ``float32`` weights.

    Returns
    -------
    bytes
        An ONNX model that takes ``uint8 (n, 64, 200, 1)`` and returns ``float32 (n, n_labels)``.

    Raises
    ------
    BundleError
        If Keras runs on another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise BundleError(
            f"ONNX is exported by TensorFlow, but Keras runs on {keras.backend.backend()}; "
            "set KERAS_BACKEND=tensorflow"
        )
    signature = [keras.InputSpec(shape=(None, *model.input_shape[1:]), dtype="uint8")]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras asks NumPy for a name it lost
        path = Path(folder) / "model.onnx"
        model.export(path, format="onnx", input_signature=signature, verbose=False)
        return path.read_bytes()
