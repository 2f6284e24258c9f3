"""How high a learning rate may be: a short training in which it grows from batch to batch."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from birdsong.atomic import write_atomically
from birdsong.images.store import ImageStore
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.training.devices import hardware
from birdsong.learning.training.timed_batches import TimedBatches
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.learning.training.training_setup import build_training_setup

LOWEST, HIGHEST = 1e-6, 1.0
N_BATCHES = 200
TABLE = "learning_rates.csv"
PLOT = "learning_rates.png"

_SMOOTHING = 0.9
_LOST = 2.0  # times the least loss so far: nothing is learned from here on


@dataclass(frozen=True, slots=True)
class RateRange:
    """What a range test saw.

    Attributes
    ----------
    rates : float, shape (n,)
        The learning rate of each batch, ascending.
    losses : float, shape (n,)
        The loss of each batch, smoothed.
    steepest : float
        The rate at which the loss fell the most for a tenfold rate: one to train with.
    """

    rates: npt.NDArray[np.float64]
    losses: npt.NDArray[np.float64]
    steepest: float


def find_learning_rate(
    store: ImageStore, dataset: Dataset, config: TrainingConfig, folder: Path
) -> RateRange:
    """Train a little, with a rate that grows until the loss does; nothing of it is kept.

    Parameters
    ----------
    store : ImageStore
    dataset : Dataset
        Its training part is learned from.
    config : TrainingConfig
        Its learning rate and schedule do not count.
    folder : Path
        Gets ``learning_rates.csv`` and ``learning_rates.png``.

    Returns
    -------
    RateRange

    Raises
    ------
    DatasetError
        If an image is missing or damaged.

    References
    ----------
    .. [1] Smith (2017), Cyclical learning rates for training neural networks, WACV: section 3.3.
    """
    keras.utils.set_random_seed(config.seed)
    growing = keras.optimizers.schedules.ExponentialDecay(LOWEST, N_BATCHES, HIGHEST / LOWEST)
    seen = _BatchLosses()
    with hardware(config):
        prepared = build_training_setup(store, dataset, config, lambda _: growing)
        with TimedBatches(prepared.train_batches()) as batches:
            prepared.model.fit(
                iter(batches),
                steps_per_epoch=N_BATCHES,
                callbacks=[seen],
                shuffle=False,  # the feed does
                verbose=0,
            )
    found = rate_range(seen.losses)
    folder.mkdir(parents=True, exist_ok=True)
    _write(found, folder)
    return found


class _BatchLosses(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the loss of each batch, and ends the training when it is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []
        self._sum = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Take the batch's own loss out of the mean of all batches so far, which Keras reports."""
        total = float((logs or {})["loss"]) * (batch + 1)
        loss, self._sum = total - self._sum, total
        if not math.isfinite(loss):
            self.model.stop_training = True
            return
        self.losses.append(loss)
        smoothed = _smoothed(self.losses)
        if len(smoothed) > N_BATCHES // 10 and smoothed[-1] > _LOST * smoothed.min():
            self.model.stop_training = True


def rate_range(losses: list[float]) -> RateRange:
    """Tell which rate is the best to train with from the loss of each batch.

    Parameters
    ----------
    losses : list of float, length n
        Of batches with rates that grow from `LOWEST` by the same factor each, to reach `HIGHEST`
        after `N_BATCHES`.

    Returns
    -------
    RateRange

    Raises
    ------
    ValueError
        If there are fewer than three.
    """
    if len(losses) < 3:
        raise ValueError(f"expected the losses of 3 batches or more, got {len(losses)}")
    rates = LOWEST * (HIGHEST / LOWEST) ** (np.arange(len(losses)) / N_BATCHES)
    smoothed = _smoothed(losses)
    falling = slice(0, max(3, int(smoothed.argmin()) + 1))
    slopes = np.gradient(smoothed[falling], np.log10(rates[falling]))
    return RateRange(rates, smoothed, float(rates[falling][slopes.argmin()]))


def _smoothed(losses: list[float]) -> npt.NDArray[np.float64]:
    """Running means that forget, without the pull towards zero of the first ones."""
    mean, smoothed = 0.0, np.empty(len(losses))
    for i, loss in enumerate(losses):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
        smoothed[i] = mean / (1 - _SMOOTHING ** (i + 1))
    return smoothed


def _write(found: RateRange, folder: Path) -> None:
    from matplotlib.figure import Figure

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("learning_rate", "loss"))
    writer.writerows(zip(found.rates.tolist(), found.losses.tolist(), strict=True))
    write_atomically(folder / TABLE, text.getvalue().encode())
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(found.rates, found.losses)
    axes.axvline(
        found.steepest, color="0.5", linestyle="--", label=f"steepest: {found.steepest:.2g}"
    )
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed")
    axes.grid(alpha=0.3)
    axes.legend()
    image = io.BytesIO()
    figure.savefig(image, dpi=110)
    write_atomically(folder / PLOT, image.getvalue())
