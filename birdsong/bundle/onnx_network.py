"""The network of a bundle: images to logits by onnxruntime, without TensorFlow.

A forked process has a copy of every onnxruntime session, but none of its threads. The copy must not
run, and must not be destroyed either: onnxruntime would wait forever for the missing threads. So
the child process leaks the copies and opens sessions of its own.
"""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from typing import TYPE_CHECKING

import numpy as np

from birdsong.arrays import FloatArray, ImageArray
from birdsong.bundle.bundle import Bundle
from birdsong.errors import BundleError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

BATCH_SIZE = 8
"""Images per call of the network: the activations of more do not fit in the cache."""


def disable_telemetry() -> None:
    """Keep onnxruntime from collecting anything; to be called before it is imported.

    Since 1.29 its wheels record every session under a machine identifier in the user's cache, and
    send that to Microsoft from a thread that starts with the import. A forked child can wait
    forever for that thread when it exits. If the variable is set already, it is left as it is.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


class Network:
    """The network of a bundle. Threads and forked processes may share it.

    Parameters
    ----------
    bundle : Bundle

    Raises
    ------
    BundleError
        If onnxruntime cannot load the network, or it does not fit the bundle's labels.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._lock = threading.Lock()
        self._session: InferenceSession | None = _open_session(bundle)
        self._input_name: str = self._session.get_inputs()[0].name
        _NETWORKS.add(self)

    def logits(self, images: ImageArray) -> FloatArray:
        """Run the network on images.

        Parameters
        ----------
        images : uint8, shape (n, n_mels, n_frames)

        Returns
        -------
        float32, shape (n, n_labels)
        """
        batches, session = [], self._ready_session()
        for first in range(0, max(len(images), 1), BATCH_SIZE):
            batch = images[first : first + BATCH_SIZE, ..., np.newaxis]
            (logits,) = session.run(None, {self._input_name: batch})
            batches.append(logits)
        return np.concatenate(batches, dtype=np.float32)

    def __reduce__(self) -> tuple[type[Network], tuple[Bundle]]:
        return type(self), (self._bundle,)

    def _ready_session(self) -> InferenceSession:
        """Return the session; a forked process opens its own when it first needs one."""
        with self._lock:
            if self._session is None:
                self._session = _open_session(self._bundle)
            return self._session

    def _abandon_session(self) -> None:
        """Leak the session of the parent process, without destroying it."""
        self._lock = threading.Lock()  # a thread of the parent process may hold the old one
        if self._session is not None:
            # For good: a list would be emptied at the end of the process.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
            self._session = None


_NETWORKS: weakref.WeakSet[Network] = weakref.WeakSet()


def _abandon_sessions() -> None:
    for network in list(_NETWORKS):
        network._abandon_session()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_abandon_sessions)


def _open_session(bundle: Bundle) -> InferenceSession:
    """Load a bundle's network; raises `BundleError` where it does not load or does not fit."""
    disable_telemetry()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # By default it uses every core of the machine, even if this process may use only one, and its
    # threads spin while the next images are made, which doubles the processor time.
    options.intra_op_num_threads = _n_usable_cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            bundle.model_onnx, options, providers=["CPUExecutionProvider"]
        )
        (images,) = session.get_inputs()
        (logits,) = session.get_outputs()
    except Exception as error:  # onnxruntime's errors share no base class of their own
        raise BundleError(
            f"bundle '{bundle.name}': its network cannot be loaded ({error})"
        ) from error
    n_mels, n_frames = bundle.spectrogram.shape
    if images.shape[1:] != [n_mels, n_frames, 1] or images.type != "tensor(uint8)":
        raise BundleError(
            f"bundle '{bundle.name}': its network was made for another image: expected "
            f"uint8 (n, {n_mels}, {n_frames}, 1), got {images.type} {images.shape}"
        )
    if logits.shape[-1] != len(bundle.labels):
        raise BundleError(
            f"bundle '{bundle.name}': its network has {logits.shape[-1]} outputs for "
            f"{len(bundle.labels)} labels"
        )
    return session


def _n_usable_cores() -> int:
    """Count the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
