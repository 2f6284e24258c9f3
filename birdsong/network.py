"""A bundle's network at work: pictures to logits through onnxruntime, without TensorFlow.

Answers come from it, and evaluation measures with it, so it stands where both reach it.
"""

from __future__ import annotations

import os

import numpy as np

from birdsong.arrays import FloatArray, ImageArray
from birdsong.bundle import Bundle
from birdsong.errors import BundleError
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

BATCH_SIZE = 8
"""Pictures that run through the network at once: what it makes of more leaves the cache."""


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
        # Left alone, it takes every core of the machine, also where this process has but one, and
        # its threads run in circles while the next pictures are made: twice the processor time.
        options.intra_op_num_threads = _cores_at_hand()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
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
        parts = []
        for first in range(0, max(len(pictures), 1), BATCH_SIZE):
            part = pictures[first : first + BATCH_SIZE, ..., np.newaxis]
            (logits,) = self._session.run(None, {self._input_name: part})
            parts.append(logits)
        return np.concatenate(parts, dtype=np.float32)


def _cores_at_hand() -> int:
    """Count the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
