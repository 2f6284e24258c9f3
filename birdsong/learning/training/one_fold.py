"""The network of one fold: trained on the others, then asked about the recordings held out.

What it says of them is kept in its folder; once that is there, nothing is trained again. The one
that learns from everything takes its turn after those of the folds.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import keras
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from birdsong.atomic import write_atomically
from birdsong.bundle.calibration_data import (
    CalibrationData,
    calibration_from_bytes,
    calibration_to_bytes,
)
from birdsong.errors import DatasetError
from birdsong.images.store import ImageStore
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.data.dataset_builder import build_dataset, build_fold
from birdsong.learning.evaluation.inference import predict_split_logits
from birdsong.learning.training.fit import fit_network
from birdsong.learning.training.listener import SILENT, TrainingListener
from birdsong.learning.training.training_config import TrainingConfig

HEARD = "held_out.npz"
"""In a fold's folder: what its network said of the recordings held out from it."""


def train_fold(
    store: ImageStore,
    config: TrainingConfig,
    folder: Path,
    n_folds: int,
    fold: int,
    *,
    listener: TrainingListener = SILENT,
) -> None:
    """Train the network of a fold and let it hear what was held out from it.

    Parameters
    ----------
    store : ImageStore
    config : TrainingConfig
    folder : Path
        Of the fold; gets what a training keeps, and `HEARD`.
    n_folds, fold : int
        How many there are, and which this is, counted from 0.
    listener : TrainingListener
    """
    dataset = build_fold(store, config.dataset, n_folds, fold)
    model = _fit(store, config, dataset, folder, n_folds, fold, listener)
    heard = predict_split_logits(
        model.predict_on_batch,
        store,
        dataset.test,
        dataset.class_index_of,
        fold=fold,
        n_threads=config.n_threads,
    )
    write_atomically(folder / HEARD, calibration_to_bytes(heard))


def _fit(
    store: ImageStore,
    config: TrainingConfig,
    dataset: Dataset,
    folder: Path,
    n_folds: int,
    number: int,
    listener: TrainingListener,
) -> keras.Model:
    """Fit a network, and tell of its epochs which one it is."""
    listener.on_dataset(dataset)

    def tell(epoch: Mapping[str, float]) -> None:
        listener.on_epoch({**epoch, "fold": number})

    keras.backend.clear_session()
    model, _ = fit_network(
        store, dataset, config, folder, n_folds=n_folds, listener=replace(listener, on_epoch=tell)
    )
    return model


def train_each(
    store: ImageStore,
    config: TrainingConfig,
    folders: Mapping[int, Path],
    n_folds: int,
    *,
    at_once: int,
    listener: TrainingListener = SILENT,
) -> Iterator[int]:
    """Train the networks of some folds and of everything, several at once, each in a process.

    Processes share the processor's cores evenly. A small network leaves half of them idle much of
    the time where one training has them all.

    Parameters
    ----------
    store : ImageStore
    config : TrainingConfig
    folders : Mapping of int to Path
        The folder of each fold that is to be trained; under `n_folds`, the number after the last,
        that of the network which learns from everything and is asked about nothing.
    n_folds : int
        How many folds there are.
    at_once : int
        How many are trained at a time; with 1 no process is started.
    listener : TrainingListener
        Called where the training runs.

    Yields
    ------
    int
        Each fold, in order, when it is trained.

    Raises
    ------
    DatasetError
        If a process was killed.
    """
    process = None
    if at_once > 1:
        process = _OwnProcess(os.getpid(), max(1, (os.cpu_count() or 1) // at_once))
    trained: Iterable[int] = Parallel(n_jobs=at_once, return_as="generator", pre_dispatch=at_once)(
        delayed(_train_with)(
            process, store, config, folder, n_folds, fold, listener
        )
        for fold, folder in folders.items()
    )  # fmt: skip
    try:
        yield from trained
    except TerminatedWorkerError as error:
        raise DatasetError(
            "the process of a training was killed, perhaps for want of memory; "
            "--resume goes on, with a smaller --folds-at-once if need be"
        ) from error


@dataclass(frozen=True, slots=True)
class _OwnProcess:
    """A process that trains for another: as long as that one lives, on its share of the machine."""

    parent: int
    n_cores: int

    def begin(self) -> None:
        # TensorFlow looks when it computes for the first time; the others when they are imported.
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(self.n_cores)
        # Of a GPU's memory each takes what it needs; TensorFlow and JAX would take most of it.
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        threading.Thread(target=self._end_with_parent, daemon=True).start()

    def _end_with_parent(self) -> None:
        """A parent that was killed could not tell; what resumes its run must be the only one."""
        while os.getppid() == self.parent:
            time.sleep(0.5)
        os._exit(1)


def _train_with(
    process: _OwnProcess | None,
    store: ImageStore,
    config: TrainingConfig,
    folder: Path,
    n_folds: int,
    fold: int,
    listener: TrainingListener,
) -> int:
    if process is not None:
        process.begin()
    if fold < n_folds:
        train_fold(store, config, folder, n_folds, fold, listener=listener)
    else:
        everything = build_dataset(store, config.dataset)
        _fit(store, config, everything, folder, n_folds, fold, listener)
    return fold


def read_fold(folder: Path, dataset: Dataset) -> CalibrationData:
    """Read what a fold's network said, and see that it speaks of the recordings held out.

    Raises
    ------
    DatasetError
        If it cannot be read, or speaks of others.
    """
    path = folder / HEARD
    try:
        data = calibration_from_bytes(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path}: cannot be read ({error}); delete it to train the fold anew"
        ) from error
    expected = [(name, dataset.class_index_of[name]) for name in dataset.test.recordings]
    n_columns = len(dataset.labels)
    if (
        sorted(zip(data.recordings, data.y_true.tolist(), strict=True)) != sorted(expected)
        or data.logits.shape[1] != n_columns
    ):
        raise DatasetError(
            f"{path}: holds other recordings or labels than this fold; delete it to train it anew"
        )
    return data
