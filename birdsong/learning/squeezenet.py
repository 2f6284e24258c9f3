"""SqueezeNet 1.1 for 200 x 64 pictures: the network, nothing else.

Input shape
    ``uint8 (n, 64, 200, 1)``; the cast to float happens inside, on the device.
Output shape
    ``float32 (n, n_labels)``, logits. Softmax belongs to the calibrated step after the network.

References
----------
.. [1] Iandola, Han, Moskewicz, Ashraf, Dally & Keutzer (2016), SqueezeNet: AlexNet-level accuracy
   with 50x fewer parameters and < 0.5 MB model size, arXiv:1602.07360; version 1.1 of the authors'
   repository: a 3 x 3 stem, and the pools moved forward.
"""

from __future__ import annotations

import keras
from keras import layers

from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

STEM_FILTERS = 64
SQUEEZE_FILTERS = (16, 16, 32, 32, 48, 48, 64, 64)  # fires 2 to 9
EXPAND_RATIO = 4
POOL_AFTER_FIRE = (3, 5)
CUTS = ("pool1", "fire2_concat", "pool3", "fire4_concat", "pool5")
"""Layers that everything passes through, where maps are small for what was computed before."""
# Keras's 0.99 lags behind the weights where an epoch has a hundred batches: the validation of the
# first epochs would be worthless, and early stopping with it.
NORMALIZATION_MOMENTUM = 0.9


def squeezenet(
    n_labels: int, *, batch_normalization: bool = True, dropout: float = 0.5
) -> keras.Model:
    """Build SqueezeNet 1.1 with one grey channel.

    Parameters
    ----------
    n_labels : int, at least 2
        Columns of the logits.
    batch_normalization : bool
        Normalise after every convolution of the fires. Without it the network is the published
        one: 830,613 parameters at 213 labels.
    dropout : float in [0, 1)
        Share of the last feature maps that is dropped in training.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If there are fewer than two labels.

    Examples
    --------
    >>> squeezenet(213, batch_normalization=False).count_params()
    830613
    """
    if n_labels < 2:
        raise ValueError(f"a network needs at least 2 labels to choose from. Received: {n_labels}")
    pictures = keras.Input((*SPECTROGRAM_SHAPE, 1), dtype="uint8", name="pictures")
    x = layers.Rescaling(1.0 / 127.5, offset=-1.0, name="to_float")(pictures)
    x = layers.Conv2D(STEM_FILTERS, 3, strides=2, activation="relu", name="stem")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for fire, n_squeeze in enumerate(SQUEEZE_FILTERS, start=2):
        x = _fire(x, n_squeeze, batch_normalization=batch_normalization, name=f"fire{fire}")
        if fire in POOL_AFTER_FIRE:
            x = layers.MaxPooling2D(3, strides=2, name=f"pool{fire}")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(n_labels, 1, name="labels")(x)
    logits = layers.GlobalAveragePooling2D(dtype="float32", name="logits")(x)
    return keras.Model(pictures, logits, name="squeezenet")


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
        x = layers.BatchNormalization(momentum=NORMALIZATION_MOMENTUM, name=f"{name}_{part}_norm")(
            x
        )
        return layers.ReLU(name=f"{name}_{part}_relu")(x)

    squeezed = convolve(x, n_squeeze, 1, "squeeze")
    n_expand = EXPAND_RATIO * n_squeeze
    return layers.Concatenate(name=f"{name}_concat")(
        [convolve(squeezed, n_expand, 1, "expand1"), convolve(squeezed, n_expand, 3, "expand3")]
    )
