"""Auxiliary outputs, for training only: more classes, and genus, family and order of each label.

References
----------
.. [1] Szegedy et al. (2015), Going deeper with convolutions, CVPR: auxiliary
   classifiers that are trained with the network and then discarded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import keras

from birdsong.errors import ConfigError
from birdsong.learning.data.label_levels import LabelLevels

if TYPE_CHECKING:
    from birdsong.learning.models.registry import BuiltModel


def with_auxiliary_classes(built: BuiltModel, n_auxiliary: int) -> BuiltModel:
    """Add auxiliary classes to the logits of a network, for training only.

    The new model shares the layers of the network, so that training it trains the network.

    Parameters
    ----------
    built : BuiltModel
    n_auxiliary : int

    Returns
    -------
    BuiltModel
        Its network returns logits, float32 ``(n, n_labels + n_auxiliary)``.
    """
    network = built.network
    head = keras.layers.Dense(n_auxiliary, dtype="float32", name="auxiliary_logits")
    auxiliary = head(_pooled_features(built))
    logits = keras.layers.Concatenate(dtype="float32", name="logits_with_auxiliary")(
        [*network.outputs, auxiliary]
    )
    return replace(
        built, network=keras.Model(network.inputs[0], logits, name="with_auxiliary_classes")
    )


def with_auxiliary_heads(built: BuiltModel, levels: LabelLevels) -> BuiltModel:
    """Add a head for each rank above the labels to a network, for training only.

    The new model shares the layers of the network, so that training it trains the network.

    Parameters
    ----------
    built : BuiltModel
        With or without auxiliary classes.
    levels : LabelLevels
        Of all labels of the network, auxiliary classes included.

    Returns
    -------
    BuiltModel
        Its network returns logits, float32 ``(n, n_labels + n_genera + n_families + n_orders)``,
        for those of the ranks that are above the labels.

    Raises
    ------
    ConfigError
        If no rank is above the labels: they are orders.
    """
    if not levels.ranks_above:
        raise ConfigError(
            f"the loss 'auxiliary' needs a rank above the labels, but they are {levels.ranks[0]}s; "
            "choose another loss, or a lower rank"
        )
    network = built.network
    features = _pooled_features(built)
    outputs = [*network.outputs]
    for rank, height in levels.ranks_above.items():
        head = keras.layers.Dense(levels.sizes[height], dtype="float32", name=f"{rank}_logits")
        outputs.append(head(features))
    logits = keras.layers.Concatenate(dtype="float32", name="logits_of_all_ranks")(outputs)
    return replace(
        built, network=keras.Model(network.inputs[0], logits, name="with_auxiliary_heads")
    )


def _pooled_features(built: BuiltModel) -> keras.KerasTensor:
    """Features of a network, averaged over the positions of a feature map.

    SqueezeNet's last convolution is 1 x 1 and linear, so that pooling before it gives the same
    logits as pooling after it, with less work.
    """
    features = built.network.get_layer(built.features_layer).output
    if len(features.shape) == 2:
        return features
    return keras.layers.GlobalAveragePooling2D(dtype="float32")(features)
