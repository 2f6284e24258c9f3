"""Networks of `keras.applications` for 200 x 64 images, trained from scratch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from birdsong.learning.models.normalization import NORMALIZATION_MOMENTUM
from birdsong.learning.models.registry import BuiltModel
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE


def from_applications(
    application: Callable[..., Any],
    n_classes: int,
    *,
    dropout: float,
    checkpoint_layers: tuple[str, ...],
) -> BuiltModel:
    """Put one of Keras's networks between a uint8 image and logits.

    Its three channels are the grey one three times. No weights are loaded.

    Parameters
    ----------
    application : callable
        Of `keras.applications`, one that scales images of 0 to 255 by itself.
    n_classes : int
    dropout : float in [0, 1)
        Share of the features that is dropped in training.
    checkpoint_layers : tuple of str
        As in `BuiltModel`.

    Returns
    -------
    BuiltModel
    """
    images = keras.Input((*SPECTROGRAM_SHAPE, 1), dtype="uint8", name="images")
    levels = layers.Rescaling(1.0, name="to_float")(images)
    channels = layers.Concatenate(name="three_channels")([levels] * 3)
    # Built onto the tensor, its layers are layers of the network: heads and cuts find them.
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
