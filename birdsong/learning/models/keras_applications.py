"""Networks of `keras.applications` for spectrogram images, trained from scratch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from birdsong.learning.models.normalization import NORMALIZATION_MOMENTUM
from birdsong.learning.models.registry import BuiltModel


def from_applications(
    application: Callable[..., Any],
    n_classes: int,
    shape: tuple[int, int],
    *,
    dropout: float,
    checkpoint_layers: tuple[str, ...],
) -> BuiltModel:
    """Build a network of `keras.applications` with a uint8 image as input and logits as output.

    The grey channel is repeated three times. No weights are loaded.

    Parameters
    ----------
    application : callable
        Function of `keras.applications` whose network scales images of 0 to 255 itself.
    n_classes : int
    shape : (int, int)
        Mel bands and frames of an image.
    dropout : float in [0, 1)
        Share of the features that training drops.
    checkpoint_layers : tuple of str
        As in `BuiltModel`.

    Returns
    -------
    BuiltModel
    """
    images = keras.Input((*shape, 1), dtype="uint8", name="images")
    levels = layers.Rescaling(1.0, name="to_float")(images)
    channels = layers.Concatenate(name="three_channels")([levels] * 3)
    # With input_tensor its layers become layers of this network, so that they are found by name.
    body = application(include_top=False, weights=None, input_tensor=channels, pooling="avg")
    for layer in body.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = NORMALIZATION_MOMENTUM
    features = layers.Dropout(dropout, name="dropout")(body.output)
    logits = layers.Dense(n_classes, dtype="float32", name="logits")(features)
    return BuiltModel(
        network=keras.Model(images, logits, name=body.name),
        features_layer="dropout",
        logits_layer="logits",
        checkpoint_layers=checkpoint_layers,
    )
