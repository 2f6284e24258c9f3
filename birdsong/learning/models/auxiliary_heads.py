"""Heads that only training has: more labels, and genus, family and order beside the labels.

References
----------
.. [1] Szegedy et al. (2015), Going deeper with convolutions, CVPR: classifiers that are trained
   beside the one that is kept, and then discarded.
"""

from __future__ import annotations

import keras

from birdsong.errors import ConfigError
from birdsong.learning.data.label_levels import LabelLevels


def with_auxiliary_classes(network: keras.Model, n_others: int) -> keras.Model:
    """Put more labels beside those of a network, for training only.

    Parameters
    ----------
    network : keras.Model
        As `squeezenet` builds it.
    n_others : int

    Returns
    -------
    keras.Model
        Returns float32 ``(n, n_labels + n_others)``, logits.
    """
    features = _mean_features(network)
    x = keras.layers.Dense(n_others, dtype="float32", name="other_logits")(features)
    said = keras.layers.Concatenate(dtype="float32", name="learned_logits")([*network.outputs, x])
    return keras.Model(network.inputs[0], said, name="with_other_labels")


def with_auxiliary_heads(network: keras.Model, levels: LabelLevels) -> keras.Model:
    """Put a head for each rank above the labels beside the one of the labels, for training only.

    The layers of the network stay its own: what is trained here is trained there.

    Parameters
    ----------
    network : keras.Model
        As `squeezenet` builds it: ``labels`` is the last convolution.
    levels : LabelLevels

    Returns
    -------
    keras.Model
        Returns float32 ``(n, n_labels + n_genera + n_families + n_orders)``, logits, as far as
        these ranks are above the labels.

    Raises
    ------
    ConfigError
        If no rank is above the labels, as where they are orders.
    """
    if not levels.ranks_above:
        raise ConfigError(
            f"the loss 'auxiliary' needs a rank above the labels, but they are {levels.ranks[0]}s; "
            "choose another loss, or learn a lower rank"
        )
    features = _mean_features(network)
    outputs = [*network.outputs]
    for rank, height in levels.ranks_above.items():
        head = keras.layers.Dense(levels.sizes[height], dtype="float32", name=f"{rank}_logits")
        outputs.append(head(features))
    said = keras.layers.Concatenate(dtype="float32", name="all_logits")(outputs)
    return keras.Model(network.inputs[0], said, name="with_heads")


def _mean_features(network: keras.Model) -> keras.KerasTensor:
    """What the last convolution of the network sees, averaged.

    That convolution looks at one place at a time and is linear, so that averaging before it or
    after it comes to the same; before it is less work where there are hundreds of labels.
    """
    seen = network.get_layer("labels").input
    return keras.layers.GlobalAveragePooling2D(dtype="float32")(seen)
