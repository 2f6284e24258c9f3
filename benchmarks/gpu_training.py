"""Training on a device, several steps per call, with any backend of Keras.

The augmentation is a part of the model and is compiled with it. With JAX a call is one compiled
loop over its steps; with TensorFlow and PyTorch the steps run one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import keras
import numpy as np
from keras import ops

from benchmarks.augmentation_layer import AugmentationLayer
from birdsong.arrays import ImageArray, IntArray
from birdsong.learning.models.registry import ModelConfig, build_model
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.loading.augmentation_config import AugmentationConfig
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

Tensor: TypeAlias = Any


class Training(Protocol):
    """A model on a device that trains on several batches per call."""

    def to_device(self, array: Any) -> Tensor:
        """Copy an array to the device; thread-safe."""

    def load(self, images: ImageArray, labels: IntArray) -> None:
        """Copy all images to the device, for `train_indices`."""

    def train(self, images: Tensor, labels: Tensor) -> float:
        """Train on batches, and return the loss of the last.

        Parameters
        ----------
        images : uint8 tensor, shape (n_steps, n, 64, 200)
        labels : int32 tensor, shape (n_steps, n)
        """

    def train_indices(self, indices: Tensor) -> float:
        """Train on batches of the loaded images, by their indices, int32 (n_steps, n)."""

    def peak_bytes(self) -> int | None:
        """Return the peak memory of the device in bytes; None if it is not known."""


class AugmentedModel(keras.Model):  # type: ignore[misc]
    """A network with augmentation in front, which returns logits and targets.

    Input: images, uint8 ``(n, 64, 200, 1)``, and class indices, int32 ``(n,)``. Output: logits
    and targets, float32 ``(n, n_labels)`` both.

    Parameters
    ----------
    network : keras.Model
    augment : Augment or None
    """

    def __init__(self, network: keras.Model, augment: AugmentationLayer | None) -> None:
        super().__init__()
        self.network = network
        self.augment = augment
        self.n_labels = network.output_shape[-1]
        self.cross_entropy = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=TrainingConfig().loss.label_smoothing
        )

    def call(self, inputs: tuple[Tensor, Tensor], training: bool = False) -> tuple[Tensor, Tensor]:
        """Augment images and targets, and return logits and targets."""
        images, labels = inputs
        targets = ops.one_hot(labels, self.n_labels, dtype="float32")
        if self.augment is not None:
            images, targets = self.augment(images, targets, training=training)
        return self.network(images, training=training), targets

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:  # fmt: skip
        """Return the loss of the logits against their targets."""
        logits, targets = y_pred
        return self.cross_entropy(targets, logits)


def build_augmented_model(
    n_labels: int, *, augmentation: AugmentationConfig | None, backgrounds: ImageArray
) -> AugmentedModel:
    """Build SqueezeNet with augmentation and its optimizer.

    Parameters
    ----------
    n_labels : int
    augmentation : AugmentationConfig or None
    backgrounds : uint8, shape (n_backgrounds, 64, 200)
        For the augmentation to mix in.

    Returns
    -------
    AugmentedModel
    """
    optimizer = TrainingConfig().optimizer
    augment = (
        None if augmentation is None else AugmentationLayer(augmentation, backgrounds=backgrounds)
    )
    network = build_model("squeezenet", n_labels, ModelConfig()).network
    model = AugmentedModel(network, augment)
    model.compile(
        optimizer=keras.optimizers.AdamW(
            optimizer.learning_rate, weight_decay=optimizer.weight_decay
        )
    )
    model((np.zeros((2, *SPECTROGRAM_SHAPE, 1), np.uint8), np.zeros(2, np.int32)))
    model.optimizer.build(model.trainable_variables)
    return model


class _JaxTraining:
    """Compiled loops over steps; the variables of the model are passed in and out."""

    def __init__(self, model: AugmentedModel) -> None:
        import jax

        self._model = model
        self._state = tuple(
            [variable.value for variable in variables]
            for variables in (
                model.trainable_variables,
                model.non_trainable_variables,
                model.optimizer.variables,
            )
        )
        self._learn = jax.jit(self._steps, donate_argnums=0)
        self._learn_indices = jax.jit(self._steps_of_indices, donate_argnums=0)
        self._held: tuple[Tensor, Tensor] = (None, None)

    def to_device(self, array: Any) -> Tensor:
        import jax

        return jax.device_put(array).block_until_ready()

    def load(self, images: ImageArray, labels: IntArray) -> None:
        self._held = (self.to_device(images), self.to_device(labels.astype(np.int32)))

    def train(self, images: Tensor, labels: Tensor) -> float:
        self._state, loss = self._learn(self._state, images, labels)
        return float(loss)

    def train_indices(self, indices: Tensor) -> float:
        self._state, loss = self._learn_indices(self._state, *self._held, indices)
        return float(loss)

    def peak_bytes(self) -> int | None:
        import jax

        stats = jax.devices()[0].memory_stats() or {}
        return stats.get("peak_bytes_in_use")

    def _steps(self, state: Tensor, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        import jax

        state, losses = jax.lax.scan(lambda s, each: self._step(s, *each), state, (images, labels))
        return state, losses[-1]

    def _steps_of_indices(
        self, state: Tensor, images: Tensor, labels: Tensor, indices: Tensor
    ) -> tuple[Tensor, Tensor]:
        import jax

        def step(state: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
            return self._step(state, images[own], labels[own])

        state, losses = jax.lax.scan(step, state, indices)
        return state, losses[-1]

    def _step(self, state: Tensor, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        import jax

        trainable, others, optimizer_state = state

        def loss_fn(trainable: Tensor) -> tuple[Tensor, Tensor]:
            outputs, changed = self._model.stateless_call(
                trainable, others, (images[..., np.newaxis], labels), training=True
            )
            return self._model.compute_loss(y_pred=outputs), changed

        (loss, others), gradients = jax.value_and_grad(loss_fn, has_aux=True)(trainable)
        trainable, optimizer_state = self._model.optimizer.stateless_apply(
            optimizer_state, gradients, trainable
        )
        return (trainable, others, optimizer_state), loss


class _BatchTraining:
    """`train_on_batch`, which Keras compiles where the backend can."""

    def __init__(self, model: AugmentedModel) -> None:
        self._model = model
        self._gather: Callable[[Tensor, Tensor], Tensor] = _gatherer()
        self._held: tuple[Tensor, Tensor] = (None, None)

    def to_device(self, array: Any) -> Tensor:
        return ops.convert_to_tensor(array)

    def load(self, images: ImageArray, labels: IntArray) -> None:
        self._held = (self.to_device(images), self.to_device(labels.astype(np.int32)))

    def train(self, images: Tensor, labels: Tensor) -> float:
        loss = 0.0
        for own, of_own in zip(images, labels, strict=True):
            loss = self._model.train_on_batch((own[..., np.newaxis], of_own))
        return float(loss)

    def train_indices(self, indices: Tensor) -> float:
        loss = 0.0
        for own in indices:
            images, labels = (self._gather(held, own) for held in self._held)
            loss = self._model.train_on_batch((images[..., np.newaxis], labels))
        return float(loss)

    def peak_bytes(self) -> int | None:
        if keras.backend.backend() == "torch":
            import torch

            return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            return None
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


def _gatherer() -> Callable[[Tensor, Tensor], Tensor]:
    """Return a function that gathers rows; on a GPU TensorFlow needs it compiled for uint8."""

    def gather(held: Tensor, indices: Tensor) -> Tensor:
        return ops.take(held, indices, axis=0)

    if keras.backend.backend() != "tensorflow":
        return gather
    import tensorflow as tf

    compiled: Callable[[Tensor, Tensor], Tensor] = tf.function(gather, jit_compile=True)
    return compiled


def build_training(model: AugmentedModel) -> Training:
    """Return the training of a model with the current backend."""
    return _JaxTraining(model) if keras.backend.backend() == "jax" else _BatchTraining(model)
