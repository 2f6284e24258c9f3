"""A bundle's network at work: images to logits through onnxruntime, without TensorFlow.

Answers come from it, and evaluation measures with it, so it stands where both reach it.

A process that is forked has a copy of every session, but none of the sessions' threads. Such a copy
must not run, and must not be destroyed either: onnxruntime would join the missing threads, and wait
for ever. The child therefore keeps the copies, and makes sessions of its own.
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
"""Images that run through the network at once: what it makes of more leaves the cache."""


def disable_telemetry() -> None:
    """Keep onnxruntime from collecting anything; to be called before it is imported.

    Since 1.29 its wheels note every session under a number of the machine in the user's cache, and
    send that to Microsoft from a thread that starts with the import. A forked child that ends as
    any process does waits for that thread for ever. Who sets the variable otherwise decides.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


class Network:
    """The network of a bundle, ready to run. Threads may share it, and so may forked processes.

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
        """Ask the network about a batch of images.

        Parameters
        ----------
        images : uint8, shape (n, n_mels, n_frames)

        Returns
        -------
        float32, shape (n, n_labels)
        """
        parts, session = [], self._ready_session()
        for first in range(0, max(len(images), 1), BATCH_SIZE):
            part = images[first : first + BATCH_SIZE, ..., np.newaxis]
            (logits,) = session.run(None, {self._input_name: part})
            parts.append(logits)
        return np.concatenate(parts, dtype=np.float32)

    def __reduce__(self) -> tuple[type[Network], tuple[Bundle]]:
        return type(self), (self._bundle,)

    def _ready_session(self) -> InferenceSession:
        """Return the session, which a forked process makes when it first needs one."""
        with self._lock:
            if self._session is None:
                self._session = _open_session(self._bundle)
            return self._session

    def _leave_session(self) -> None:
        """Let go of the session of the parent process without destroying it."""
        self._lock = threading.Lock()  # a thread that is not in this process may hold the other one
        if self._session is not None:
            # For good: a list would be emptied at the end of the process.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
            self._session = None


_NETWORKS: weakref.WeakSet[Network] = weakref.WeakSet()


def _leave_sessions() -> None:
    for network in list(_NETWORKS):
        network._leave_session()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_leave_sessions)


def _open_session(bundle: Bundle) -> InferenceSession:
    """Load a bundle's network; raises `BundleError` where it does not load or does not fit."""
    disable_telemetry()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Left alone, it takes every core of the machine, also where this process has but one, and
    # its threads run in circles while the next images are made: twice the processor time.
    options.intra_op_num_threads = _cores_at_hand()
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


def _cores_at_hand() -> int:
    """Count the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
