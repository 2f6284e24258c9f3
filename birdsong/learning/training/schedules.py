"""Learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

LearningRate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule

CYCLE_EPOCHS = 8
"""Epochs of a cycle; Smith (2017) advises 2 to 10 epochs for each half."""
LOWEST_SHARE = 0.1
"""Learning rate at both ends of a cycle, as a share of the highest."""
RISE_SHARE = 0.3
"""Share of a one-cycle training in which the learning rate rises."""


def learning_rate(schedule: str, *, highest: float, n_epochs: int, n_batches: int) -> LearningRate:
    """Build the learning rate of an optimizer.

    Parameters
    ----------
    schedule : {"cosine", "plateau", "constant", "cyclical", "one-cycle"}
        ``cosine`` warms up to `highest` within the first epoch or the first twentieth of the
        training, whichever is shorter, and decays to zero along half a cosine [1]_. ``plateau`` is
        ``constant``, and a callback lowers it. ``cyclical`` rises and falls linearly between a
        tenth of `highest` and `highest`, with half the amplitude in each further cycle [2]_; a
        training has a whole number of cycles of about eight epochs. ``one-cycle`` rises from 1/25
        of `highest` for the first 30 % of the training, and falls to 1/10,000 of it [3]_; the
        momentum does not change.
    highest : float
    n_epochs, n_batches : int
        Epochs of the training and batches of an epoch.

    Returns
    -------
    float or keras LearningRateSchedule

    References
    ----------
    .. [1] Loshchilov & Hutter (2017), SGDR: stochastic gradient descent with warm restarts, ICLR.
    .. [2] Smith (2017), Cyclical learning rates for training neural networks, WACV.
    .. [3] Smith & Topin (2018), Super-convergence: very fast training of neural networks using
       large learning rates.
    """
    n_steps = n_epochs * n_batches
    if schedule == "cosine":
        n_warmup = min(n_batches, math.ceil(n_steps / 20))
        return keras.optimizers.schedules.CosineDecay(
            highest / 20, max(1, n_steps - n_warmup), warmup_target=highest, warmup_steps=n_warmup
        )
    if schedule == "cyclical":
        n_cycles = max(1, round(n_epochs / CYCLE_EPOCHS))
        lowest = LOWEST_SHARE * highest
        tops = [lowest + (highest - lowest) / 2**cycle for cycle in range(n_cycles)]
        rates = [rate for top in tops for rate in (lowest, top)] + [lowest]
        return PiecewiseLinear(np.linspace(0, n_steps, 2 * n_cycles + 1).tolist(), rates)
    if schedule == "one-cycle":
        return PiecewiseLinear(
            [0, RISE_SHARE * n_steps, n_steps], [highest / 25, highest, highest / 10_000]
        )
    return highest


class PiecewiseLinear(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Linear interpolation between given points; constant after the last.

    Parameters
    ----------
    steps : sequence of float, ascending, from 0
    rates : sequence of float, as many
    """

    def __init__(self, steps: Sequence[float], rates: Sequence[float]) -> None:
        super().__init__()
        self._steps = [float(step) for step in steps]
        self._rates = [float(rate) for rate in rates]

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step."""
        starts = np.array(self._steps[:-1], np.float32)
        lengths = np.diff(self._steps).astype(np.float32)
        changes = np.diff(self._rates).astype(np.float32)
        progress = keras.ops.clip((keras.ops.cast(step, "float32") - starts) / lengths, 0, 1)
        return self._rates[0] + keras.ops.sum(progress * changes)

    def get_config(self) -> dict[str, Any]:
        """Return the points."""
        return {"steps": self._steps, "rates": self._rates}
