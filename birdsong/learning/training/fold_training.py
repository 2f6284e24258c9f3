"""Trains the networks of a cross-validation, also in parallel.

The network of a fold is trained on the other folds and predicts the recordings that were held out.
Its folder keeps the logits; a fold that has them is not trained again. A last network, which is
trained on all recordings, follows those of the folds.
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

HELD_OUT_LOGITS = "held_out.npz"
"""File in the folder of a fold: logits of the held-out recordings."""


def train_fold(
    store: ImageStore,
    config: TrainingConfig,
    folder: Path,
    n_folds: int,
    fold: int,
    *,
    listener: TrainingListener = SILENT,
) -> None:
    """Train the network of a fold and predict the recordings that were held out.

    Parameters
    ----------
    store : ImageStore
    config : TrainingConfig
    folder : Path
        Folder of the fold; gets the files of a training, and `HELD_OUT_LOGITS`.
    n_folds, fold : int
        Number of folds, and which this is, from 0.
    listener : TrainingListener
    """
    dataset = build_fold(store, config.dataset, n_folds, fold)
    model = _fit_fold(store, config, dataset, folder, n_folds, fold, listener)
    logits = predict_split_logits(
        model.predict_on_batch,
        store,
        dataset.test,
        dataset.class_index_of,
        fold=fold,
        n_threads=config.n_threads,
    )
    write_atomically(folder / HELD_OUT_LOGITS, calibration_to_bytes(logits))


def _fit_fold(
    store: ImageStore,
    config: TrainingConfig,
    dataset: Dataset,
    folder: Path,
    n_folds: int,
    fold: int,
    listener: TrainingListener,
) -> keras.Model:
    """Fit a network; add the number of its fold to what the listener gets."""
    listener.on_dataset(dataset)

    def on_epoch(epoch: Mapping[str, float]) -> None:
        listener.on_epoch({**epoch, "fold": fold})

    keras.backend.clear_session()
    model, _ = fit_network(
        store,
        dataset,
        config,
        folder,
        n_folds=n_folds,
        listener=replace(listener, on_epoch=on_epoch),
    )
    return model


def train_networks(
    store: ImageStore,
    config: TrainingConfig,
    folders: Mapping[int, Path],
    n_folds: int,
    *,
    n_parallel: int,
    listener: TrainingListener = SILENT,
) -> Iterator[int]:
    """Train the networks of folds and the one on everything, in parallel processes.

    Processes share the cores evenly. This is faster than one training after the other, since a
    small network leaves many cores idle.

    Parameters
    ----------
    store : ImageStore
    config : TrainingConfig
    folders : Mapping of int to Path
        Folder of each fold to train. The key `n_folds`, one past the last fold, is for the network
        that is trained on all recordings.
    n_folds : int
        Number of folds.
    n_parallel : int
        Networks that are trained in parallel; with 1 no process is started.
    listener : TrainingListener
        Called in the process that trains.

    Yields
    ------
    int
        Each fold, in order, when its network is trained.

    Raises
    ------
    DatasetError
        If a process was killed.
    """
    process = None
    if n_parallel > 1:
        process = _WorkerProcess(os.getpid(), max(1, (os.cpu_count() or 1) // n_parallel))
    run = Parallel(n_jobs=n_parallel, return_as="generator", pre_dispatch=n_parallel)
    trained: Iterable[int] = run(
        delayed(_train_in_worker)(process, store, config, folder, n_folds, fold, listener)
        for fold, folder in folders.items()
    )
    try:
        yield from trained
    except TerminatedWorkerError as error:
        raise DatasetError(
            "the process of a training was killed, perhaps because memory ran out; continue with "
            "--resume, and with a smaller --folds-at-once if it happens again"
        ) from error


@dataclass(frozen=True, slots=True)
class _WorkerProcess:
    """Set-up of a worker process: its share of the cores, and its end with the parent."""

    parent: int
    n_cores: int

    def set_up(self) -> None:
        """Limit the cores and watch the parent, in the worker."""
        # TensorFlow reads this at its first computation.
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(self.n_cores)
        # By default TensorFlow and JAX reserve most of a GPU's memory for one process.
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        threading.Thread(target=self._end_with_parent, daemon=True).start()

    def _end_with_parent(self) -> None:
        """Exit when the parent is gone: a killed parent cannot stop its workers."""
        while os.getppid() == self.parent:
            time.sleep(0.5)
        os._exit(1)


def _train_in_worker(
    process: _WorkerProcess | None,
    store: ImageStore,
    config: TrainingConfig,
    folder: Path,
    n_folds: int,
    fold: int,
    listener: TrainingListener,
) -> int:
    if process is not None:
        process.set_up()
    if fold < n_folds:
        train_fold(store, config, folder, n_folds, fold, listener=listener)
    else:
        everything = build_dataset(store, config.dataset)
        _fit_fold(store, config, everything, folder, n_folds, fold, listener)
    return fold


def read_fold(folder: Path, dataset: Dataset) -> CalibrationData:
    """Read the logits of a fold, and check that they are of its held-out recordings.

    Raises
    ------
    DatasetError
        If the file cannot be read, or is of other recordings or labels.
    """
    path = folder / HELD_OUT_LOGITS
    try:
        data = calibration_from_bytes(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path}: cannot be read ({error}); delete it to train the fold again"
        ) from error
    expected = [(name, dataset.class_index_of[name]) for name in dataset.test.recordings]
    n_columns = len(dataset.labels)
    if (
        sorted(zip(data.recordings, data.y_true.tolist(), strict=True)) != sorted(expected)
        or data.logits.shape[1] != n_columns
    ):
        raise DatasetError(
            f"{path}: holds other recordings or labels than this fold; delete it to train it again"
        )
    return data
