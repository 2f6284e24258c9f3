"""The machine that a network learns on: how precisely it computes, and on how many devices."""

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
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.loading.batch_loader import Batch

MIXED = "mixed_bfloat16"
"""Products of 16 bits, weights of 32. It has the range of 32 bits, so losses need no scaling."""

_PROCESSOR = Path("/proc/cpuinfo")  # Linux; others do not tell
_OF_16_BITS = ("amx_bf16", "avx512_bf16", "bf16")  # Intel and AMD, ARM


@contextmanager
def hardware(config: TrainingConfig) -> Iterator[None]:
    """Build and train networks within it as a config says.

    With several devices each has a copy of the network and a share of each batch. Mixed precision
    is for a device that has it, see `supports_bfloat16`; others compute with 32 bits.

    Parameters
    ----------
    config : TrainingConfig
        Its ``mixed_precision`` and ``n_devices``.

    Raises
    ------
    ConfigError
        If it wants more devices than the backend can use.
    """
    before = keras.config.dtype_policy()
    with ExitStack() as stack:
        if config.n_devices > 1:
            stack.enter_context(_devices(config.n_devices).scope())
        try:
            if config.mixed_precision and supports_bfloat16():
                keras.config.set_dtype_policy(MIXED)
            yield
        finally:
            keras.config.set_dtype_policy(before)


def supports_bfloat16() -> bool:
    """Whether the device that Keras computes on has arithmetic of 16 bits.

    Every GPU that Keras supports has; a processor without computes them in software, five to ten
    times slower than 32 bits. Where a system does not tell what its processor has, it is taken
    to have it.

    Returns
    -------
    bool
    """
    if not _on_processor():
        return True
    try:
        told = _PROCESSOR.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return True
    return any(feature in told for feature in _OF_16_BITS)


def _on_processor() -> bool:
    return "cpu" in str(keras.ops.zeros(1).device).lower()


def machine() -> str:
    """Name what Keras computes on: the kind of processor, its cores, and GPUs where it has some.

    Returns
    -------
    str
        As in ``x86_64, 16 cores, NVIDIA H200``.
    """
    gpus = [] if _on_processor() else gpu_names()
    return ", ".join([platform.machine(), f"{os.cpu_count()} cores", *gpus])


def _devices(n: int) -> keras.distribution.DataParallel:
    backend = keras.backend.backend()
    if backend != "jax":
        raise ConfigError(
            f"training on {n} devices needs the JAX backend, but Keras runs on {backend}; "
            "set KERAS_BACKEND=jax, or leave --devices out"
        )
    devices = keras.distribution.list_devices()
    if len(devices) < n:
        raise ConfigError(
            f"expected {n} devices, found {len(devices)}: {', '.join(devices)}; "
            "give a smaller number by --devices"
        )
    return keras.distribution.DataParallel(devices=devices[:n])


def filled_up(batches: Generator[Batch, None, None], n: int) -> Generator[Batch, None, None]:
    """Fill batches up to a multiple of `n` images.

    The last batch of an epoch may have fewer: its images come again, as often as it takes.

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
