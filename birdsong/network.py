"""A bundle's network at work: pictures to logits through onnxruntime, without TensorFlow.

Answers come from it, and evaluation measures with it, so it stands where both reach it.
"""

from __future__ import annotations

import numpy as np

from birdsong.arrays import FloatArray, ImageArray
from birdsong.bundle import Bundle
from birdsong.errors import BundleError
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE


class Network:
    """The network of a bundle, ready to run.

    Parameters
    ----------
    bundle : Bundle

    Raises
    ------
    BundleError
        If onnxruntime cannot load the network, or it does not fit the bundle's labels.
    """

    def __init__(self, bundle: Bundle) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                bundle.model_onnx, options, providers=["CPUExecutionProvider"]
            )
            (pictures,) = self._session.get_inputs()
            (logits,) = self._session.get_outputs()
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise BundleError(
                f"bundle '{bundle.name}': its network cannot be loaded ({error})"
            ) from error
        if pictures.shape[1:] != [*SPECTROGRAM_SHAPE, 1] or pictures.type != "tensor(uint8)":
            raise BundleError(
                f"bundle '{bundle.name}': its network was made for another picture: expected "
                f"uint8 (n, 64, 200, 1), got {pictures.type} {pictures.shape}"
            )
        if logits.shape[-1] != len(bundle.labels):
            raise BundleError(
                f"bundle '{bundle.name}': its network has {logits.shape[-1]} outputs for "
                f"{len(bundle.labels)} labels"
            )
        self._input_name: str = pictures.name

    def logits(self, pictures: ImageArray) -> FloatArray:
        """Ask the network about a batch of pictures.

        Parameters
        ----------
        pictures : uint8, shape (n, 64, 200)

        Returns
        -------
        float32, shape (n, n_labels)
        """
        (logits,) = self._session.run(None, {self._input_name: pictures[..., np.newaxis]})
        return np.asarray(logits, np.float32)
