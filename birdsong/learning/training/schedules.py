"""How the learning rate changes in the course of a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

LearningRate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule

CYCLE_EPOCHS = 8
"""Up and down again; Smith (2017) advises 2 to 10 epochs for each of the two."""
LOWEST_SHARE = 0.1
"""Of the highest rate: where a cycle begins and ends."""
RISE_SHARE = 0.3
"""Of a training with one cycle, until the rate is highest."""


def learning_rate(schedule: str, *, highest: float, n_epochs: int, n_batches: int) -> LearningRate:
    """Learning rate for an optimizer.

    Parameters
    ----------
    schedule : {"cosine", "plateau", "constant", "cyclical", "one-cycle"}
        ``cosine`` climbs to `highest` within the first epoch or the first twentieth of the
        training, whichever is shorter, and falls to zero along half a cosine [1]_. ``plateau``
        starts as ``constant`` does; a callback lowers it. ``cyclical`` rises and falls in straight
        lines between a tenth of `highest` and `highest`, which halves from cycle to cycle [2]_; a
        training holds a whole number of cycles of about eight epochs. ``one-cycle`` rises from a
        25th of `highest` for three tenths of the training, and falls to next to nothing [3]_; the
        momentum stays as it is.
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
        return StraightLines(np.linspace(0, n_steps, 2 * n_cycles + 1).tolist(), rates)
    if schedule == "one-cycle":
        return StraightLines(
            [0, RISE_SHARE * n_steps, n_steps], [highest / 25, highest, highest / 10_000]
        )
    return highest


class StraightLines(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A rate that goes in straight lines from point to point, and stays at the last.

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
        """Return the rate of a step."""
        starts = np.array(self._steps[:-1], np.float32)
        lengths = np.diff(self._steps).astype(np.float32)
        changes = np.diff(self._rates).astype(np.float32)
        passed = keras.ops.clip((keras.ops.cast(step, "float32") - starts) / lengths, 0, 1)
        return self._rates[0] + keras.ops.sum(passed * changes)

    def get_config(self) -> dict[str, Any]:
        """Tell the points."""
        return {"steps": self._steps, "rates": self._rates}
