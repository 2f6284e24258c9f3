"""Knowledge distillation: a network learns the probabilities of others beside the labels.

Teachers are trained first, on the same recordings, each from other first weights. They look at the
very images that the network learns from, changed and mixed as they are, and what they say on
average is a part of the network's targets. So it learns the opinion of several networks and costs,
when it answers, no more than one.

References
----------
.. [1] Hinton, Vinyals & Dean (2015), Distilling the knowledge in a neural network,
   arXiv:1503.02531.
.. [2] Beyer et al. (2022), Knowledge distillation: a good teacher is patient and consistent, CVPR:
   teacher and student see the same crops, mixed alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import keras
from keras import ops

from birdsong.learning.training.training_config import TrainingConfig

TEACHERS = "teachers"
"""Folder of a training's teachers, each in one of its own by its number."""


def teacher_config(config: TrainingConfig, number: int) -> TrainingConfig:
    """How a teacher is trained: as its student, from another seed, perhaps a wider network.

    Parameters
    ----------
    config : TrainingConfig
        The student's.
    number : int
        From 1.

    Returns
    -------
    TrainingConfig
    """
    return replace(
        config,
        seed=config.seed + number,
        model=replace(config.model, width=config.model.width * config.distillation.teacher_width),
        distillation=replace(config.distillation, n_teachers=0),
    )


class DistilledModel(keras.Model):  # type: ignore[misc]
    """Trains a network on its targets and on what teachers say of the same images.

    Parameters
    ----------
    network : keras.Model
    teachers : sequence of keras.Model
        Each gives as many logits as there are columns of what is learned, or fewer: targets beyond
        are not taught.
    share : float in [0, 1]
        Of the teachers in the targets.
    """

    def __init__(self, network: keras.Model, teachers: Sequence[keras.Model], share: float) -> None:
        super().__init__(name="taught")
        self.network = network
        self._taught_targets = _teachers_targets(teachers, share)
        self.built = True  # as the network is; so kept weights can be loaded

    def call(self, images: Any, training: bool | None = None) -> Any:
        """Say of images what the network says."""
        return self.network(images, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Loss against what is known and, in training, what the teachers say."""
        if training:
            y = self._taught_targets(x, y)
        return super().compute_loss(x, y, y_pred, sample_weight, training)


def _teachers_targets(teachers: Sequence[keras.Model], share: float) -> Callable[[Any, Any], Any]:
    """Mix targets with what teachers say.

    A function holds the teachers, not the model: they are no part of what is trained and kept.
    """

    def taught_targets(images: Any, targets: Any) -> Any:
        said = [ops.softmax(teacher(images, training=False), axis=1) for teacher in teachers]
        mean = ops.cast(sum(said) / len(said), targets.dtype)
        n_beyond = targets.shape[1] - mean.shape[1]
        if n_beyond > 0:
            mean = ops.pad(mean, [[0, 0], [0, n_beyond]])
        return (1 - share) * targets + share * ops.stop_gradient(mean)

    return taught_targets
