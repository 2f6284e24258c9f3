"""MobileNetV3-Small, from `keras.applications`.

References
----------
.. [1] Howard et al. (2019), Searching for MobileNetV3, ICCV.
"""

from __future__ import annotations

import keras

from birdsong.learning.models.keras_applications import from_applications
from birdsong.learning.models.registry import BuiltModel, ModelConfig

CHECKPOINT_LAYERS = (
    "expanded_conv_project_bn",
    "expanded_conv_2_add",
    "expanded_conv_5_add",
    "expanded_conv_7_add",
    "expanded_conv_10_add",
)
"""The last layer of each stage: the next one has smaller feature maps or more channels."""


def build(n_classes: int, config: ModelConfig, shape: tuple[int, int]) -> BuiltModel:
    """Build MobileNetV3-Small, which has about as many parameters as SqueezeNet."""
    return from_applications(
        keras.applications.MobileNetV3Small,
        n_classes,
        shape,
        dropout=config.dropout,
        checkpoint_layers=CHECKPOINT_LAYERS,
    )
