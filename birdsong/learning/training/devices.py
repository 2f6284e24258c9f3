"""Devices and precision of a training."""

from __future__ import annotations

import os
import platform
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import keras
import numpy as np

from birdsong.errors import ConfigError
from birdsong.learning.training.system_log import gpu_names
from birdsong.loading.batch_loader import Batch

MIXED_POLICY = "mixed_bfloat16"
"""Keras's policy: bfloat16 products, float32 weights. bfloat16 needs no loss scaling."""

_CPUINFO = Path("/proc/cpuinfo")  # Linux only
_BFLOAT16_FEATURES = ("amx_bf16", "avx512_bf16", "bf16")  # Intel and AMD, ARM


@contextmanager
def device_scope(n_devices: int, *, mixed_precision: bool) -> Iterator[None]:
    """Set the devices and the precision for networks built and trained in the context.

    Each of several devices has a copy of the network and gets a share of each batch. Mixed
    precision is used only where `supports_bfloat16` is true.

    Parameters
    ----------
    n_devices : int, at least 1
    mixed_precision : bool

    Raises
    ------
    ConfigError
        If the backend has fewer devices.
    """
    before = keras.config.dtype_policy()
    with ExitStack() as stack:
        if n_devices > 1:
            stack.enter_context(_devices(n_devices).scope())
        try:
            if mixed_precision and supports_bfloat16():
                keras.config.set_dtype_policy(MIXED_POLICY)
            yield
        finally:
            keras.config.set_dtype_policy(before)


def supports_bfloat16() -> bool:
    """Whether the device that Keras runs on computes bfloat16 in hardware.

    Every GPU that Keras supports does. Other processors emulate it, five to ten times slower than
    float32. If the features of the processor are not known, it is assumed to support it.

    Returns
    -------
    bool
    """
    if not _runs_on_cpu():
        return True
    try:
        words = _CPUINFO.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return True
    return any(feature in words for feature in _BFLOAT16_FEATURES)


def _runs_on_cpu() -> bool:
    return "cpu" in str(keras.ops.zeros(1).device).lower()


def machine_name() -> str:
    """Name the machine: its kind of processor, number of cores, and GPUs.

    Returns
    -------
    str
        For example ``x86_64, 16 cores, NVIDIA H200``.
    """
    gpus = [] if _runs_on_cpu() else gpu_names()
    return ", ".join([platform.machine(), f"{os.cpu_count()} cores", *gpus])


def _devices(n: int) -> keras.distribution.DataParallel:
    backend = keras.backend.backend()
    if backend != "jax":
        raise ConfigError(
            f"training on {n} devices needs the JAX backend, but Keras runs on {backend}; "
            "set KERAS_BACKEND=jax, or omit --devices"
        )
    devices = keras.distribution.list_devices()
    if len(devices) < n:
        raise ConfigError(
            f"expected {n} devices, found {len(devices)}: {', '.join(devices)}; "
            "give a smaller number by --devices"
        )
    return keras.distribution.DataParallel(devices=devices[:n])


def pad_batches(batches: Generator[Batch, None, None], n: int) -> Generator[Batch, None, None]:
    """Pad batches to a multiple of `n` images.

    The last batch of an epoch may be smaller: its images are repeated.

    Parameters
    ----------
    batches : generator of Batch
    n : int

    Yields
    ------
    Batch
    """
    try:
        for images, targets in batches:
            if len(images) % n == 0:
                yield images, targets
                continue
            places = np.arange(-(-len(images) // n) * n) % len(images)
            yield images[places], targets[places]
    finally:
        batches.close()
