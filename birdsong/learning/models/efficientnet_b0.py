"""EfficientNet-B0, from `keras.applications`.

References
----------
.. [1] Tan & Le (2019), EfficientNet: rethinking model scaling for convolutional neural networks,
   ICML.
"""

from __future__ import annotations

import keras

from birdsong.learning.models.keras_applications import from_applications
from birdsong.learning.models.registry import BuiltModel, ModelConfig

CHECKPOINT_LAYERS = (
    "block1a_project_bn",
    "block2a_project_bn",
    "block2b_add",
    "block3b_add",
    "block4c_add",
    "block5c_add",
    "block6d_add",
)
"""The last layer of each stage, and one within the second, which has the largest feature maps."""


def build(n_classes: int, config: ModelConfig, shape: tuple[int, int]) -> BuiltModel:
    """Build EfficientNet-B0."""
    return from_applications(
        keras.applications.EfficientNetB0,
        n_classes,
        shape,
        dropout=config.dropout,
        checkpoint_layers=CHECKPOINT_LAYERS,
    )
