"""Knowledge distillation: a student network learns from labels and from teacher networks.

Teachers are trained first, on the same recordings, each with another seed. They predict the same
augmented images that the student is trained on, and their mean probabilities are a part of the
student's targets. The student comes close to an ensemble of the teachers at the cost of a single
network.

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
"""Folder in the run folder, with a subfolder for each teacher, by its number."""


def teacher_config(config: TrainingConfig, number: int) -> TrainingConfig:
    """Config of a teacher: the student's, with another seed and width.

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
    """Trains a student on a mix of the labels and the teachers' probabilities.

    Parameters
    ----------
    network : keras.Model
    teachers : sequence of keras.Model
        They may have fewer columns than the targets; further columns get no probability from
        them.
    teacher_share : float in [0, 1]
        Share of the teachers' probabilities in the targets.
    """

    def __init__(
        self, network: keras.Model, teachers: Sequence[keras.Model], teacher_share: float
    ) -> None:
        super().__init__(name="distilled_model")
        self.network = network
        self._mix_targets = _target_mixer(teachers, teacher_share)
        self.built = True  # as the network is; load_weights needs it

    def call(self, images: Any, training: bool | None = None) -> Any:
        """Return the logits of the student."""
        return self.network(images, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Compute the loss against the labels and, in training, the teachers' probabilities."""
        if training:
            y = self._mix_targets(x, y)
        return super().compute_loss(x, y, y_pred, sample_weight, training)


def _target_mixer(
    teachers: Sequence[keras.Model], teacher_share: float
) -> Callable[[Any, Any], Any]:
    """Return a function that mixes targets with the teachers' probabilities.

    The function holds the teachers, so that Keras neither trains nor saves them with the student.
    """

    def mix_targets(images: Any, targets: Any) -> Any:
        probabilities = [
            ops.softmax(teacher(images, training=False), axis=1) for teacher in teachers
        ]
        mean = ops.cast(sum(probabilities) / len(probabilities), targets.dtype)
        n_missing = targets.shape[1] - mean.shape[1]
        if n_missing > 0:
            mean = ops.pad(mean, [[0, 0], [0, n_missing]])
        return (1 - teacher_share) * targets + teacher_share * ops.stop_gradient(mean)

    return mix_targets
