"""Int8 quantization: an exported network that computes with integers of eight bits.

It is smaller and faster. Weights and feature maps are rounded to 128 and 256 steps; the range of
each map is measured on training images. Weights have seven bits, sign included, since processors
without instructions for this add two products of eight bits in sixteen, where they may not fit: so
every processor comes to the same sums.

References
----------
.. [1] Jacob et al. (2018), Quantization and training of neural networks for efficient
   integer-arithmetic-only inference, CVPR.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from birdsong.arrays import ImageArray
from birdsong.bundle.onnx_network import disable_telemetry
from birdsong.images.store import ImageStore
from birdsong.learning.data.split import Split
from birdsong.loading.batch_loader import BatchLoader
from birdsong.loading.loader_config import LoaderConfig

N_IMAGES = 256
_BATCH_SIZE = 8


def calibration_images(store: ImageStore, part: Split, seed: int) -> ImageArray:
    """Draw images to measure the range of each feature map with.

    Parameters
    ----------
    store : ImageStore
    part : Split
        What the network was trained on.
    seed : int

    Returns
    -------
    uint8, shape (n, 64, 200)
        `N_IMAGES` of them, or all where there are fewer.
    """
    n = min(N_IMAGES, len(part.rows))
    drawn = np.sort(np.random.default_rng(seed).choice(len(part.rows), n, replace=False))
    rows = [part.rows[place] for place in drawn]
    whole = LoaderConfig(batch_size=n)
    loader = BatchLoader(store, rows, np.zeros(n, np.int64), n_labels=1, config=whole)
    ((images, _),) = loader.epoch()
    return images[..., 0]


def quantize_int8(model_onnx: bytes, images: ImageArray) -> bytes:
    """Quantize a network.

    Parameters
    ----------
    model_onnx : bytes
        As `onnx_export.to_onnx` returns it.
    images : uint8, shape (n, 64, 200)
        What the ranges of the feature maps are measured on.

    Returns
    -------
    bytes
        An ONNX model with the same input and output.
    """
    disable_telemetry()
    import onnxruntime
    from onnxruntime import quantization

    class Images(quantization.CalibrationDataReader):  # type: ignore[misc]
        """The images, a batch at a time."""

        def __init__(self, batches: Iterator[dict[str, ImageArray]]) -> None:
            self._batches = batches

        def get_next(self) -> dict[str, ImageArray] | None:
            return next(self._batches, None)

    onnxruntime.set_default_logger_severity(3)
    session = onnxruntime.InferenceSession(model_onnx, providers=["CPUExecutionProvider"])
    (into,) = session.get_inputs()
    batches = (
        {into.name: images[first : first + _BATCH_SIZE, ..., np.newaxis]}
        for first in range(0, len(images), _BATCH_SIZE)
    )
    level = logging.root.level
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.root.setLevel(logging.ERROR)  # it recommends what is done already
        try:
            whole, prepared, quantized = (Path(folder) / f"{name}.onnx" for name in "abc")
            whole.write_bytes(model_onnx)
            quantization.quant_pre_process(whole, prepared, skip_symbolic_shape=True)
            quantization.quantize_static(
                prepared,
                quantized,
                Images(batches),
                per_channel=True,
                reduce_range=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )
            return quantized.read_bytes()
        finally:
            logging.root.setLevel(level)
