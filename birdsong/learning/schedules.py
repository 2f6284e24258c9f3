"""How the learning rate changes in the course of a training."""

from __future__ import annotations

import math

import keras


def learning_rate(
    schedule: str, *, highest: float, n_epochs: int, n_batches: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Learning rate for an optimizer.

    Parameters
    ----------
    schedule : {"cosine", "plateau", "constant"}
        ``cosine`` climbs to `highest` within the first epoch or the first twentieth of the
        training, whichever is shorter, and falls to zero along half a cosine. ``plateau`` starts
        as ``constant`` does; a callback lowers it.
    highest : float
    n_epochs, n_batches : int
        Epochs of the training and batches of an epoch.

    Returns
    -------
    float or keras LearningRateSchedule

    References
    ----------
    .. [1] Loshchilov & Hutter (2017), SGDR: stochastic gradient descent with warm restarts, ICLR.
    """
    if schedule != "cosine":
        return highest
    n_steps = n_epochs * n_batches
    n_warmup = min(n_batches, math.ceil(n_steps / 20))
    return keras.optimizers.schedules.CosineDecay(
        highest / 20, max(1, n_steps - n_warmup), warmup_target=highest, warmup_steps=n_warmup
    )
