"""Gradient checkpointing: recomputes some features instead of storing them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras


class GradientCheckpointing(keras.Model):  # type: ignore[misc]
    """Trains a network with less memory, in more time.

    Only the feature maps of the checkpoint layers, and those after the last one, are stored for
    the gradient. The others are computed a second time.

    Parameters
    ----------
    network : keras.Model
        Functional, with one input and one output.
    checkpoint_layers : sequence of str
        Names of layers, in their order; all features pass through each of them.

    References
    ----------
    .. [1] Chen, Xu, Zhang & Guestrin (2016), Training deep nets with sublinear memory cost,
       arXiv:1604.06174.
    """

    def __init__(self, network: keras.Model, checkpoint_layers: Sequence[str]) -> None:
        super().__init__(name="gradient_checkpointing")
        checkpoints = [network.get_layer(name).output for name in checkpoint_layers]
        tensors = [network.input, *checkpoints, network.output]
        self.segments = [keras.Model(*ends) for ends in itertools.pairwise(tensors)]
        self.built = True  # as the network is; load_weights needs it

    def call(self, images: Any, training: bool | None = None) -> Any:
        """Return the logits of the network."""
        if not training:
            for segment in self.segments:
                images = segment(images, training=False)
            return images
        features = images
        for segment in self.segments[:-1]:
            features = _call_recomputed(segment, features)
        return self.segments[-1](features, training=True)


def _call_recomputed(segment: keras.Model, features: Any) -> Any:
    """Call a segment so that the gradient recomputes it, with the same dropout.

    The running means of its normalization and the states of its random generators are returned as
    values and assigned afterwards: an assignment within the segment would happen twice, or fail.
    """
    trained = segment.trainable_variables
    non_trainable = segment.non_trainable_variables

    def run(features: Any, *values: Any) -> Any:
        output, changed = segment.stateless_call(
            values[: len(trained)], values[len(trained) :], features, training=True
        )
        return (output, *changed)

    # Copies: in eager TensorFlow the gradient of a variable itself would count twice.
    values = [keras.ops.copy(variable) for variable in (*trained, *non_trainable)]
    output, *changed = keras.remat(run)(features, *values)
    for variable, value in zip(non_trainable, changed, strict=True):
        variable.assign(value)
    return output
