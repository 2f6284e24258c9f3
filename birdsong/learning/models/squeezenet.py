"""SqueezeNet 1.1 for spectrogram images.

Input shape
    ``uint8 (n, n_mels, n_frames, 1)``; the network casts to float, on the device.
Output shape
    ``float32 (n, n_classes)``, logits. The calibration after the network applies softmax.

References
----------
.. [1] Iandola, Han, Moskewicz, Ashraf, Dally & Keutzer (2016), SqueezeNet: AlexNet-level accuracy
   with 50x fewer parameters and < 0.5 MB model size, arXiv:1602.07360; version 1.1 of the authors'
   repository: a 3 x 3 stem, and the pools moved forward.
"""

from __future__ import annotations

import keras
from keras import layers

from birdsong.learning.models.normalization import NORMALIZATION_MOMENTUM, FusedBatchNormalization
from birdsong.learning.models.registry import BuiltModel, ModelConfig
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

STEM_FILTERS = 64
SQUEEZE_FILTERS = (16, 16, 32, 32, 48, 48, 64, 64)  # fires 2 to 9
EXPAND_RATIO = 4
POOL_AFTER_FIRE = (3, 5)
CHECKPOINT_LAYERS = ("pool1", "fire2_concat", "pool3", "fire4_concat", "pool5")
"""Layers that all features pass through, and where feature maps are small."""


def build(n_classes: int, config: ModelConfig, shape: tuple[int, int]) -> BuiltModel:
    """Build SqueezeNet as a config describes it."""
    network = squeezenet(
        n_classes,
        shape=shape,
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
    shape: tuple[int, int] = SPECTROGRAM_SHAPE,
    batch_normalization: bool = True,
    dropout: float = 0.5,
    width: float = 1.0,
    stem_freq_stride: int = 2,
) -> keras.Model:
    """Build SqueezeNet 1.1 for images of one channel.

    Parameters
    ----------
    n_classes : int
        Columns of the logits.
    shape : (int, int)
        Mel bands and frames of an image.
    batch_normalization : bool
        Normalise after every convolution of the fire modules. False gives the published network:
        830,613 parameters at 213 classes.
    dropout : float in [0, 1)
        Share of the last feature maps that training drops.
    width : float, greater than 0
        Factor of the published number of filters in each layer.
    stem_freq_stride : {1, 2}
        Stride of the first layer over mel bands. The published network uses 2; 1 keeps every band,
        since an image of 64 bands is less than a third as high as the photographs of the paper.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If the width leaves a layer without filters, or the images are too small.

    Examples
    --------
    >>> squeezenet(213, batch_normalization=False).count_params()
    830613
    """
    n_squeezed = [round(width * n_squeeze) for n_squeeze in SQUEEZE_FILTERS]
    if min(n_squeezed) < 1:
        raise ValueError(f"a layer of width {width} has no filters left; try 0.25 or more")
    images = keras.Input((*shape, 1), dtype="uint8", name="images")
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
    """Fire module: squeeze by 1 x 1, expand by 1 x 1 and 3 x 3 in parallel, concatenate."""

    def convolve(x: keras.KerasTensor, n_filters: int, size: int, suffix: str) -> keras.KerasTensor:
        if not batch_normalization:
            return layers.Conv2D(
                n_filters, size, padding="same", activation="relu", name=f"{name}_{suffix}"
            )(x)
        x = layers.Conv2D(n_filters, size, padding="same", use_bias=False, name=f"{name}_{suffix}")(
            x
        )
        x = FusedBatchNormalization(momentum=NORMALIZATION_MOMENTUM, name=f"{name}_{suffix}_norm")(
            x
        )
        return layers.ReLU(name=f"{name}_{suffix}_relu")(x)

    squeezed = convolve(x, n_squeeze, 1, "squeeze")
    n_expand = EXPAND_RATIO * n_squeeze
    return layers.Concatenate(name=f"{name}_concat")(
        [convolve(squeezed, n_expand, 1, "expand1"), convolve(squeezed, n_expand, 3, "expand3")]
    )
