"""A bundle without training: a linear network over the mean of each band, fitted in one step.

It tells apart what differs in pitch, which is all that most tests need of a network; those of
training have the real one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from birdsong.arrays import FloatArray
from birdsong.bundle.bundle import Bundle
from birdsong.bundle.bundle_files import write_bundle
from birdsong.images.store import ImageStore
from birdsong.learning.data.dataset_builder import build_dataset
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.data.split import Split

SHARPNESS = 30
"""What a fitted target of 1 becomes as a logit."""


def write_band_mean_bundle(store: ImageStore, folder: Path) -> None:
    """Fit the network to a store's images, but for the sessions kept apart, and write it."""
    dataset = build_dataset(
        store, DatasetConfig(validation_share=0.15, calibration_share=0.0, test_share=0.25)
    )
    matrix = _fit(store, dataset.train, len(dataset.labels))
    bundle = Bundle(
        name="voices",
        labels=dataset.labels,
        taxonomy=dataset.taxonomy,
        spectrogram=store.config,
        filters=store.filters,
        step_s=float(store.settings["step_s"]),
        model_onnx=linear_network(matrix, store.config.shape),
        sessions=dataset.known_sessions,
        provenance={"learned_from": dataset.training_counts()},
    )
    write_bundle(bundle, folder)


def _fit(store: ImageStore, part: Split, n_labels: int) -> FloatArray:
    """Ridge regression from band means and a constant to the labels; ``(n_mels + 1, n_labels)``."""
    means = np.array([store.read_image(row).mean(axis=1) / 255 for row in part.rows])
    features = np.column_stack([means, np.ones(len(means))])
    targets = np.eye(n_labels)[part.label_indices]
    weights = np.linalg.solve(
        features.T @ features + 1e-2 * np.eye(features.shape[1]), features.T @ targets
    )
    return (SHARPNESS * weights).astype(np.float32)


def linear_network(matrix: FloatArray, shape: tuple[int, int] = (64, 200)) -> bytes:
    """Wrap the matrix as ONNX: ``uint8 (n, *shape, 1)`` in, ``float32 (n, n_labels)`` out."""
    nodes = [
        helper.make_node("Cast", ["images"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["levels"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["scores"]),
        helper.make_node("Add", ["scores", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "band_means",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, [None, *shape, 1])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [None, matrix.shape[1]])],
        [
            numpy_helper.from_array(matrix[:-1] / np.float32(255), "weights"),
            numpy_helper.from_array(matrix[-1], "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()
