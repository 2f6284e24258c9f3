"""SqueezeNet 1.1 for 200 x 64 images: the network, nothing else.

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

from typing import Any

import keras
import numpy as np
from keras import layers

from birdsong.learning.models.normalization import FusedBatchNormalization
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
    n_labels: int,
    *,
    batch_normalization: bool = True,
    dropout: float = 0.5,
    width: float = 1.0,
    bypass: bool = False,
    frequency_channel: bool = False,
    fine_bands: bool = False,
    peaks: bool = False,
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
    width : float, greater than 0
        How many times the published number of filters each layer has.
    bypass : bool
        Add what goes into a fire to what comes out where both are as wide: the "simple bypass" of
        the paper's section 6, around fires 3, 5, 7 and 9.
    frequency_channel : bool
        Tell the stem the frequency of each pixel by a second channel; see `FrequencyChannel`.
    fine_bands : bool
        Keep every mel band in the stem, where the published network keeps every second row: a
        image of 64 bands is less than a third as high as the photographs that it was made for.
    peaks : bool
        Take halfway between the mean of the logits over time and their highest, instead of the
        mean: a song may fill a tenth of a segment. Kong et al. (2020) do so with features.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If there are fewer than two labels, or the width leaves a layer without filters.

    Examples
    --------
    >>> squeezenet(213, batch_normalization=False).count_params()
    830613
    """
    if n_labels < 2:
        raise ValueError(f"a network needs at least 2 labels to choose from. Received: {n_labels}")
    n_squeezed = [round(width * n_squeeze) for n_squeeze in SQUEEZE_FILTERS]
    if min(n_squeezed) < 1:
        raise ValueError(f"a layer of width {width} has no filters left; try 0.25 or more")
    images = keras.Input((*SPECTROGRAM_SHAPE, 1), dtype="uint8", name="images")
    x = layers.Rescaling(1.0 / 127.5, offset=-1.0, name="to_float")(images)
    if frequency_channel:
        x = FrequencyChannel(name="frequency")(x)
    strides = (1, 2) if fine_bands else 2
    n_stem = round(width * STEM_FILTERS)
    x = layers.Conv2D(n_stem, 3, strides=strides, activation="relu", name="stem")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for fire, n_squeeze in enumerate(n_squeezed, start=2):
        before = x
        x = _fire(x, n_squeeze, batch_normalization=batch_normalization, name=f"fire{fire}")
        if bypass and before.shape == x.shape:
            x = layers.Add(name=f"fire{fire}_bypass")([before, x])
        if fire in POOL_AFTER_FIRE:
            x = layers.MaxPooling2D(3, strides=2, name=f"pool{fire}")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(n_labels, 1, name="labels")(x)
    if peaks:
        logits = Peaks(dtype="float32", name="logits")(x)
    else:
        logits = layers.GlobalAveragePooling2D(dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name="squeezenet")


@keras.saving.register_keras_serializable("birdsong")
class FrequencyChannel(layers.Layer):  # type: ignore[misc]
    """A channel that rises from -1 in the lowest band to 1 in the highest.

    A convolution hears a song at any pitch as the same song; birds do not.

    Input shape
        ``float (n, n_bands, n_frames, 1)``.
    Output shape
        ``float (n, n_bands, n_frames, 2)``.

    References
    ----------
    .. [1] Liu et al. (2018), An intriguing failing of convolutional neural networks and the
       CoordConv solution, NeurIPS.
    """

    def call(self, images: Any) -> Any:
        """Put the channel beside the one that is there."""
        ramp = np.linspace(-1, 1, images.shape[1])[:, np.newaxis, np.newaxis]
        beside = keras.ops.zeros_like(images) + keras.ops.cast(ramp, images.dtype)
        return keras.ops.concatenate([images, beside], axis=-1)


@keras.saving.register_keras_serializable("birdsong")
class Peaks(layers.Layer):  # type: ignore[misc]
    """The mean over bands, then halfway between its mean and its highest value over time.

    Input shape
        ``float (n, n_bands, n_frames, n_labels)``.
    Output shape
        ``float (n, n_labels)``.

    References
    ----------
    .. [1] Kong, Cao, Iqbal, Wang, Wang & Plumbley (2020), PANNs: large-scale pretrained audio
       neural networks for audio pattern recognition, IEEE/ACM TASLP 28.
    """

    def call(self, maps: Any) -> Any:
        """Pool the maps."""
        over_time = keras.ops.mean(keras.ops.cast(maps, self.compute_dtype), axis=1)
        return (keras.ops.mean(over_time, axis=1) + keras.ops.max(over_time, axis=1)) / 2


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
