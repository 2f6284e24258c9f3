"""SqueezeNet 1.1 for 200 x 64 images: the network, nothing else.

Input shape
    ``uint8 (n, 64, 200, 1)``; the cast to float happens inside, on the device.
Output shape
    ``float32 (n, n_classes)``, logits. Softmax belongs to the calibrated step after the network.

References
----------
.. [1] Iandola, Han, Moskewicz, Ashraf, Dally & Keutzer (2016), SqueezeNet: AlexNet-level accuracy
   with 50x fewer parameters and < 0.5 MB model size, arXiv:1602.07360; version 1.1 of the authors'
   repository: a 3 x 3 stem, and the pools moved forward.
"""

from __future__ import annotations

import keras
from keras import layers

from birdsong.learning.models.model_config import ModelConfig
from birdsong.learning.models.normalization import NORMALIZATION_MOMENTUM, FusedBatchNormalization
from birdsong.learning.models.registry import BuiltModel
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

STEM_FILTERS = 64
SQUEEZE_FILTERS = (16, 16, 32, 32, 48, 48, 64, 64)  # fires 2 to 9
EXPAND_RATIO = 4
POOL_AFTER_FIRE = (3, 5)
CHECKPOINT_LAYERS = ("pool1", "fire2_concat", "pool3", "fire4_concat", "pool5")
"""Layers that everything passes through, where maps are small for what was computed before."""


def build(n_classes: int, config: ModelConfig) -> BuiltModel:
    """Build SqueezeNet as a config describes it."""
    network = squeezenet(
        n_classes,
        batch_normalization=config.batch_normalization,
        dropout=config.dropout,
        width=config.width,
        stem_freq_stride=config.stem_freq_stride,
    )
    return BuiltModel(
        network=network,
        features_layer="dropout",
        logits_layer="labels",
        checkpoint_layers=CHECKPOINT_LAYERS,
    )


def squeezenet(
    n_classes: int,
    *,
    batch_normalization: bool = True,
    dropout: float = 0.5,
    width: float = 1.0,
    stem_freq_stride: int = 2,
) -> keras.Model:
    """Build SqueezeNet 1.1 with one grey channel.

    Parameters
    ----------
    n_classes : int
        Columns of the logits.
    batch_normalization : bool
        Normalise after every convolution of the fires. Without it the network is the published
        one: 830,613 parameters at 213 classes.
    dropout : float in [0, 1)
        Share of the last feature maps that is dropped in training.
    width : float, greater than 0
        How many times the published number of filters each layer has.
    stem_freq_stride : {1, 2}
        Mel bands from one row of the stem to the next. The published network keeps every second
        row; an image of 64 bands is less than a third as high as the photographs that it was made
        for, and 1 keeps them all.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If the width leaves a layer without filters.

    Examples
    --------
    >>> squeezenet(213, batch_normalization=False).count_params()
    830613
    """
    n_squeezed = [round(width * n_squeeze) for n_squeeze in SQUEEZE_FILTERS]
    if min(n_squeezed) < 1:
        raise ValueError(f"a layer of width {width} has no filters left; try 0.25 or more")
    images = keras.Input((*SPECTROGRAM_SHAPE, 1), dtype="uint8", name="images")
    x = layers.Rescaling(1.0 / 127.5, offset=-1.0, name="to_float")(images)
    n_stem = round(width * STEM_FILTERS)
    x = layers.Conv2D(n_stem, 3, strides=(stem_freq_stride, 2), activation="relu", name="stem")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for fire, n_squeeze in enumerate(n_squeezed, start=2):
        x = _fire(x, n_squeeze, batch_normalization=batch_normalization, name=f"fire{fire}")
        if fire in POOL_AFTER_FIRE:
            x = layers.MaxPooling2D(3, strides=2, name=f"pool{fire}")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(n_classes, 1, name="labels")(x)
    logits = layers.GlobalAveragePooling2D(dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name="squeezenet")


def _fire(
    x: keras.KerasTensor, n_squeeze: int, *, batch_normalization: bool, name: str
) -> keras.KerasTensor:
    """Squeeze to a few channels by 1 x 1, expand by 1 x 1 and 3 x 3 side by side, concatenate."""

    def convolve(x: keras.KerasTensor, n_filters: int, size: int, part: str) -> keras.KerasTensor:
        if not batch_normalization:
            return layers.Conv2D(
                n_filters, size, padding="same", activation="relu", name=f"{name}_{part}"
            )(x)
        x = layers.Conv2D(n_filters, size, padding="same", use_bias=False, name=f"{name}_{part}")(x)
        x = FusedBatchNormalization(momentum=NORMALIZATION_MOMENTUM, name=f"{name}_{part}_norm")(x)
        return layers.ReLU(name=f"{name}_{part}_relu")(x)

    squeezed = convolve(x, n_squeeze, 1, "squeeze")
    n_expand = EXPAND_RATIO * n_squeeze
    return layers.Concatenate(name=f"{name}_concat")(
        [convolve(squeezed, n_expand, 1, "expand1"), convolve(squeezed, n_expand, 3, "expand3")]
    )
