"""Steps of training on a device, many to a call, with any of Keras's backends.

The augmentation is part of the network that is trained, and so compiled together with it. With JAX
a call is one compiled loop over its steps; TensorFlow and PyTorch take them one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import keras
import numpy as np
from keras import ops

from benchmarks.augmentation_layer import Augment
from birdsong.arrays import ImageArray, IntArray
from birdsong.learning.models.model_config import ModelConfig
from birdsong.learning.models.registry import build_model
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.loading.augmentation_config import AugmentationConfig
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

Tensor: TypeAlias = Any


class Training(Protocol):
    """A network on a device that learns some batches a call."""

    def to_device(self, array: Any) -> Tensor:
        """Move an array to the device; threads may."""

    def hold(self, images: ImageArray, labels: IntArray) -> None:
        """Keep a whole set on the device, to be learned from by `learn_places`."""

    def learn(self, images: Tensor, labels: Tensor) -> float:
        """Learn batches, and return the loss of the last when all is done.

        Parameters
        ----------
        images : uint8 tensor, shape (n_steps, n, 64, 200)
        labels : int32 tensor, shape (n_steps, n)
        """

    def learn_places(self, places: Tensor) -> float:
        """Learn batches of the set that is held, by places in it, int32 (n_steps, n)."""

    def peak_bytes(self) -> int | None:
        """Return the most memory of the device that was in use; None where it is not known."""


class AugmentedModel(keras.Model):  # type: ignore[misc]
    """A network behind its augmentation; its logits come with their targets.

    Input: images, uint8 ``(n, 64, 200, 1)``, and class indices, int32 ``(n,)``. Output: logits
    and targets, float32 ``(n, n_labels)`` both.

    Parameters
    ----------
    network : keras.Model
    augment : Augment or None
    """

    def __init__(self, network: keras.Model, augment: Augment | None) -> None:
        super().__init__()
        self.network = network
        self.augment = augment
        self.n_labels = network.output_shape[-1]
        self.cross_entropy = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=TrainingConfig().loss.label_smoothing
        )

    def call(self, inputs: tuple[Tensor, Tensor], training: bool = False) -> tuple[Tensor, Tensor]:
        """Change images and targets, and return logits and targets."""
        images, labels = inputs
        targets = ops.one_hot(labels, self.n_labels, dtype="float32")
        if self.augment is not None:
            images, targets = self.augment(images, targets, training=training)
        return self.network(images, training=training), targets

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:  # fmt: skip
        """Return the loss of logits against the targets that come with them."""
        logits, targets = y_pred
        return self.cross_entropy(targets, logits)


def build_augmented_model(
    n_labels: int, *, augmentation: AugmentationConfig | None, backgrounds: ImageArray
) -> AugmentedModel:
    """Build SqueezeNet and its optimizer, ready to learn.

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
    augment = None if augmentation is None else Augment(augmentation, backgrounds=backgrounds)
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


class _OnJax:
    """Compiled loops; the network's variables are a tree that goes in and out of them."""

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
        self._learn_places = jax.jit(self._steps_of_places, donate_argnums=0)
        self._held: tuple[Tensor, Tensor] = (None, None)

    def to_device(self, array: Any) -> Tensor:
        import jax

        return jax.device_put(array).block_until_ready()

    def hold(self, images: ImageArray, labels: IntArray) -> None:
        self._held = (self.to_device(images), self.to_device(labels.astype(np.int32)))

    def learn(self, images: Tensor, labels: Tensor) -> float:
        self._state, loss = self._learn(self._state, images, labels)
        return float(loss)

    def learn_places(self, places: Tensor) -> float:
        self._state, loss = self._learn_places(self._state, *self._held, places)
        return float(loss)

    def peak_bytes(self) -> int | None:
        import jax

        stats = jax.devices()[0].memory_stats() or {}
        return stats.get("peak_bytes_in_use")

    def _steps(self, state: Tensor, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        import jax

        state, losses = jax.lax.scan(lambda s, each: self._step(s, *each), state, (images, labels))
        return state, losses[-1]

    def _steps_of_places(
        self, state: Tensor, images: Tensor, labels: Tensor, places: Tensor
    ) -> tuple[Tensor, Tensor]:
        import jax

        def step(state: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
            return self._step(state, images[own], labels[own])

        state, losses = jax.lax.scan(step, state, places)
        return state, losses[-1]

    def _step(self, state: Tensor, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        import jax

        trainable, others, of_optimizer = state

        def loss_of(trainable: Tensor) -> tuple[Tensor, Tensor]:
            outputs, changed = self._model.stateless_call(
                trainable, others, (images[..., np.newaxis], labels), training=True
            )
            return self._model.compute_loss(y_pred=outputs), changed

        (loss, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(trainable)
        trainable, of_optimizer = self._model.optimizer.stateless_apply(
            of_optimizer, gradients, trainable
        )
        return (trainable, others, of_optimizer), loss


class _StepByStep:
    """`train_on_batch`, which Keras compiles where the backend can."""

    def __init__(self, model: AugmentedModel) -> None:
        self._model = model
        self._gather: Callable[[Tensor, Tensor], Tensor] = _gatherer()
        self._held: tuple[Tensor, Tensor] = (None, None)

    def to_device(self, array: Any) -> Tensor:
        return ops.convert_to_tensor(array)

    def hold(self, images: ImageArray, labels: IntArray) -> None:
        self._held = (self.to_device(images), self.to_device(labels.astype(np.int32)))

    def learn(self, images: Tensor, labels: Tensor) -> float:
        loss = 0.0
        for own, of_own in zip(images, labels, strict=True):
            loss = self._model.train_on_batch((own[..., np.newaxis], of_own))
        return float(loss)

    def learn_places(self, places: Tensor) -> float:
        loss = 0.0
        for own in places:
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
    """Return what takes rows of a tensor of any type; TensorFlow can on a GPU if compiled."""

    def gather(held: Tensor, places: Tensor) -> Tensor:
        return ops.take(held, places, axis=0)

    if keras.backend.backend() != "tensorflow":
        return gather
    import tensorflow as tf

    compiled: Callable[[Tensor, Tensor], Tensor] = tf.function(gather, jit_compile=True)
    return compiled


def training_of(model: AugmentedModel) -> Training:
    """Return the way to train a network with the backend in use."""
    return _OnJax(model) if keras.backend.backend() == "jax" else _StepByStep(model)
