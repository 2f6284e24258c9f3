"""Learning-rate range test: a short training in which the rate grows from batch to batch."""

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
from birdsong.learning.training.batch_iterator import BatchIterator
from birdsong.learning.training.devices import device_scope
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.learning.training.training_setup import build_training_setup

LOWEST, HIGHEST = 1e-6, 1.0
N_BATCHES = 200
TABLE = "learning_rates.csv"
PLOT = "learning_rates.png"

_SMOOTHING = 0.9
_DIVERGED = 2.0  # the loss has diverged at this multiple of its minimum


@dataclass(frozen=True, slots=True)
class RangeTest:
    """Result of a learning-rate range test.

    Attributes
    ----------
    rates : float, shape (n,)
        Learning rate of each batch, ascending.
    losses : float, shape (n,)
        Smoothed loss of each batch.
    steepest : float
        Learning rate at the steepest fall of the loss over log rate: the suggested one.
    """

    rates: npt.NDArray[np.float64]
    losses: npt.NDArray[np.float64]
    steepest: float


def find_learning_rate(
    store: ImageStore, dataset: Dataset, config: TrainingConfig, folder: Path
) -> RangeTest:
    """Train for a few batches with a growing rate until the loss diverges; discard the weights.

    Parameters
    ----------
    store : ImageStore
    dataset : Dataset
        Only its training images are used.
    config : TrainingConfig
        Its learning rate and schedule are ignored.
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
    schedule = keras.optimizers.schedules.ExponentialDecay(LOWEST, N_BATCHES, HIGHEST / LOWEST)
    batch_losses = _BatchLosses()
    with device_scope(config.n_devices, mixed_precision=config.mixed_precision):
        setup = build_training_setup(store, dataset, config, lambda _: schedule)
        with BatchIterator(setup.train_batches()) as batches:
            setup.model.fit(
                iter(batches),
                steps_per_epoch=N_BATCHES,
                callbacks=[batch_losses],
                shuffle=False,  # the loader shuffles
                verbose=0,
            )
    result = range_test(batch_losses.losses)
    folder.mkdir(parents=True, exist_ok=True)
    _write(result, folder)
    return result


class _BatchLosses(keras.callbacks.Callback):  # type: ignore[misc]
    """Records the loss of each batch, and stops the training when the loss diverges."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []
        self._sum = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Compute the loss of the batch from the running mean that Keras reports."""
        total = float((logs or {})["loss"]) * (batch + 1)
        loss, self._sum = total - self._sum, total
        if not math.isfinite(loss):
            self.model.stop_training = True
            return
        self.losses.append(loss)
        smoothed = _smoothed(self.losses)
        if len(smoothed) > N_BATCHES // 10 and smoothed[-1] > _DIVERGED * smoothed.min():
            self.model.stop_training = True


def range_test(losses: list[float]) -> RangeTest:
    """Suggest a learning rate from the loss of each batch.

    Parameters
    ----------
    losses : list of float, length n
        Losses at rates that grow exponentially from `LOWEST` to `HIGHEST` over `N_BATCHES`.

    Returns
    -------
    RateRange

    Raises
    ------
    ValueError
        If there are fewer than three losses.
    """
    if len(losses) < 3:
        raise ValueError(f"expected the losses of 3 batches or more, got {len(losses)}")
    rates = LOWEST * (HIGHEST / LOWEST) ** (np.arange(len(losses)) / N_BATCHES)
    smoothed = _smoothed(losses)
    falling = slice(0, max(3, int(smoothed.argmin()) + 1))
    slopes = np.gradient(smoothed[falling], np.log10(rates[falling]))
    return RangeTest(rates, smoothed, float(rates[falling][slopes.argmin()]))


def _smoothed(losses: list[float]) -> npt.NDArray[np.float64]:
    """Exponential moving average with bias correction."""
    mean, smoothed = 0.0, np.empty(len(losses))
    for i, loss in enumerate(losses):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
        smoothed[i] = mean / (1 - _SMOOTHING ** (i + 1))
    return smoothed


def _write(result: RangeTest, folder: Path) -> None:
    from matplotlib.figure import Figure

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("learning_rate", "loss"))
    writer.writerows(zip(result.rates.tolist(), result.losses.tolist(), strict=True))
    write_atomically(folder / TABLE, text.getvalue().encode())
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(result.rates, result.losses)
    axes.axvline(
        result.steepest, color="0.5", linestyle="--", label=f"steepest: {result.steepest:.2g}"
    )
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed")
    axes.grid(alpha=0.3)
    axes.legend()
    image = io.BytesIO()
    figure.savefig(image, dpi=110)
    write_atomically(folder / PLOT, image.getvalue())
