"""Batch normalization by a fused kernel."""

from __future__ import annotations

from typing import Any

import keras

# With Keras's 0.99 the running statistics lag behind the weights when an epoch has a hundred
# batches, which spoils the validation of the first epochs and early stopping.
NORMALIZATION_MOMENTUM = 0.9


@keras.saving.register_keras_serializable("birdsong")
class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras's batch normalization over the last axis, with TensorFlow's fused kernel in training.

    It computes the same function as Keras's layer, which uses a dozen operations on whole feature
    maps on TensorFlow and took more time than the convolutions. Other backends fuse these
    operations themselves.

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
        # Scale, offset and running statistics stay float32 in mixed precision.
        super().__init__(autocast=False, **options)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the statistics of the batch in training, else by running statistics."""
        if not training or not self.trainable or keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        gamma, beta = (tf.convert_to_tensor(variable) for variable in (self.gamma, self.beta))
        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=gamma,
            offset=beta,
            mean=tf.zeros([0]),  # not read in training
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel returns the unbiased variance; Keras uses the biased one.
        n = tf.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
        variance = variance * (n - 1) / n
        for running, batch_value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            running.assign(running * self.momentum + batch_value * (1 - self.momentum))
        return normalised
