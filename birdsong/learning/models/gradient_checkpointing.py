"""Gradient checkpointing: some features are computed twice instead of being kept."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras


class GradientCheckpointing(keras.Model):  # type: ignore[misc]
    """Trains the variables of a network, with less memory and more time.

    Of the feature maps only those after the checkpoint layers are kept for the gradient; those
    between are computed a second time. What follows the last checkpoint layer is kept.

    Parameters
    ----------
    network : keras.Model
        A functional one, of one input and one output.
    checkpoint_layers : sequence of str
        Names of layers, in their order; everything passes through each of them.

    References
    ----------
    .. [1] Chen, Xu, Zhang & Guestrin (2016), Training deep nets with sublinear memory cost,
       arXiv:1604.06174.
    """

    def __init__(self, network: keras.Model, checkpoint_layers: Sequence[str]) -> None:
        super().__init__(name="gradient_checkpointing")
        kept = [network.get_layer(name).output for name in checkpoint_layers]
        tensors = [network.input, *kept, network.output]
        self.segments = [keras.Model(*ends) for ends in itertools.pairwise(tensors)]
        self.built = True  # as the network is; so kept weights can be loaded

    def call(self, images: Any, training: bool | None = None) -> Any:
        """Return the logits of the network."""
        if not training:
            for segment in self.segments:
                images = segment(images, training=False)
            return images
        features = images
        for segment in self.segments[:-1]:
            features = _recomputed(segment, features)
        return self.segments[-1](features, training=True)


def _recomputed(segment: keras.Model, features: Any) -> Any:
    """Run a segment so that the gradient runs it again, with the same dropout.

    What it changes beside its output, the running means of its normalization and the state of its
    random generators, comes out of it as values: a change from within what is run again would
    happen twice, or be refused.
    """
    trained = segment.trainable_variables
    running = segment.non_trainable_variables

    def run(features: Any, *values: Any) -> Any:
        output, changed = segment.stateless_call(
            values[: len(trained)], values[len(trained) :], features, training=True
        )
        return (output, *changed)

    # Copies: where TensorFlow runs eagerly, the gradient of a variable itself would count twice.
    values = [keras.ops.copy(variable) for variable in (*trained, *running)]
    output, *changed = keras.remat(run)(features, *values)
    for variable, value in zip(running, changed, strict=True):
        variable.assign(value)
    return output
