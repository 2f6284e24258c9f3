"""Batch normalization that reads the maps of features as few times as it can."""

from __future__ import annotations

from typing import Any

import keras

# Keras's 0.99 lags behind the weights where an epoch has a hundred batches: the validation of the
# first epochs would be worthless, and early stopping with it.
NORMALIZATION_MOMENTUM = 0.9


@keras.saving.register_keras_serializable("birdsong")
class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras's batch normalization of channels that come last, trained by one kernel on TensorFlow.

    It computes the same function. Keras composes it of a dozen operations on whole maps, which took
    more of the time of a training than the convolutions did; TensorFlow has one kernel for it, and
    one for its gradient. Other backends fuse what Keras composes by themselves.

    Input shape
        ``float (n, height, width, n_channels)``.
    Output shape
        The same.

    References
    ----------
    .. [1] Ioffe & Szegedy (2015), Batch normalization: accelerating deep network training by
       reducing internal covariate shift, ICML.
    """

    def __init__(self, **options: Any) -> None:
        # Scale, offset and running averages stay 32 bits wide in a network that computes with 16.
        super().__init__(autocast=False, **options)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise maps: by their own mean and variance in training, by running ones otherwise."""
        if not training or not self.trainable or keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        gamma, beta = (tf.convert_to_tensor(variable) for variable in (self.gamma, self.beta))
        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=gamma,
            offset=beta,
            mean=tf.zeros([0]),  # neither is read in training
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel estimates the variance of more than the batch; Keras keeps the batch's own.
        n = tf.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
        variance = variance * (n - 1) / n
        for running, of_batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            running.assign(running * self.momentum + of_batch * (1 - self.momentum))
        return normalised
