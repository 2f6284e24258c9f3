"""Auxiliary heads, for training only: more classes, and genus, family and order of each label.

References
----------
.. [1] Szegedy et al. (2015), Going deeper with convolutions, CVPR: classifiers that are trained
   beside the one that is kept, and then discarded.
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
    """Put auxiliary classes beside the labels of a network, for training only.

    The layers of the network stay its own: what is trained here is trained there.

    Parameters
    ----------
    built : BuiltModel
    n_auxiliary : int

    Returns
    -------
    BuiltModel
        Its network returns float32 ``(n, n_labels + n_auxiliary)``, logits.
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
    """Put a head for each rank above the labels beside the logits of a network, for training only.

    The layers of the network stay its own: what is trained here is trained there.

    Parameters
    ----------
    built : BuiltModel
        Perhaps with auxiliary classes.
    levels : LabelLevels
        Of all its columns.

    Returns
    -------
    BuiltModel
        Its network returns float32 ``(n, n_labels + n_genera + n_families + n_orders)``, logits,
        as far as these ranks are above the labels.

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
    """The features of a network, averaged over the places of an image where it has some.

    SqueezeNet's last convolution looks at one place at a time and is linear, so that averaging
    before it or after it comes to the same; before it is less work where there are many labels.
    """
    features = built.network.get_layer(built.features_layer).output
    if len(features.shape) == 2:
        return features
    return keras.layers.GlobalAveragePooling2D(dtype="float32")(features)
