"""Int8 quantization of an exported network, which makes it smaller and faster.

Weights get 7 bits and feature maps 8 bits; the range of each feature map is measured on training
images. Weights get 7 bits, sign included, because processors without VNNI instructions add two
8-bit products in 16 bits, which could overflow. With 7 bits all processors compute the same sums.

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


def calibration_images(store: ImageStore, split: Split, seed: int) -> ImageArray:
    """Draw random images that the ranges of the feature maps are measured on.

    Parameters
    ----------
    store : ImageStore
    split : Split
        The training split.
    seed : int

    Returns
    -------
    uint8, shape (n, n_mels, n_frames)
        `N_IMAGES` images, or all if there are fewer.
    """
    n = min(N_IMAGES, len(split.rows))
    drawn = np.sort(np.random.default_rng(seed).choice(len(split.rows), n, replace=False))
    rows = [split.rows[i] for i in drawn]
    config = LoaderConfig(batch_size=n)
    loader = BatchLoader(store, rows, np.zeros(n, np.int64), n_labels=1, config=config)
    ((images, _),) = loader.epoch()
    return images[..., 0]


def quantize_int8(model_onnx: bytes, images: ImageArray) -> bytes:
    """Quantize a network.

    Parameters
    ----------
    model_onnx : bytes
        From `onnx_export.to_onnx`.
    images : uint8, shape (n, n_mels, n_frames)
        Images that the ranges of the feature maps are measured on.

    Returns
    -------
    bytes
        An ONNX model with the same input and output.
    """
    disable_telemetry()
    import onnxruntime
    from onnxruntime import quantization

    class Images(quantization.CalibrationDataReader):  # type: ignore[misc]
        """Feeds the images in batches."""

        def __init__(self, batches: Iterator[dict[str, ImageArray]]) -> None:
            self._batches = batches

        def get_next(self) -> dict[str, ImageArray] | None:
            return next(self._batches, None)

    onnxruntime.set_default_logger_severity(3)
    session = onnxruntime.InferenceSession(model_onnx, providers=["CPUExecutionProvider"])
    (network_input,) = session.get_inputs()
    batches = (
        {network_input.name: images[first : first + _BATCH_SIZE, ..., np.newaxis]}
        for first in range(0, len(images), _BATCH_SIZE)
    )
    level = logging.root.level
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.root.setLevel(
            logging.ERROR
        )  # hides advice to run quant_pre_process, which runs below
        try:
            exported, prepared, quantized = (Path(folder) / f"{name}.onnx" for name in "abc")
            exported.write_bytes(model_onnx)
            quantization.quant_pre_process(exported, prepared, skip_symbolic_shape=True)
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
