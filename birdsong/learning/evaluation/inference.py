"""Predicts the logits of the images of recordings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from birdsong.arrays import FloatArray, ImageArray
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow
from birdsong.learning.data.split import Split
from birdsong.loading.batch_loader import BatchLoader
from birdsong.loading.loader_config import LoaderConfig
from birdsong.sound.grey_levels import signal_level_db

LogitsFunction: TypeAlias = Callable[[ImageArray], FloatArray]
"""Takes images, uint8 ``(n, n_mels, n_frames)``; returns logits, float32 ``(n, n_labels)``."""

BATCH_SIZE = 256


def by_recording(rows: Sequence[IndexRow]) -> list[IndexRow]:
    """Sort images by recording, in the order of their first images, and then by time."""
    position = {name: i for i, name in enumerate(dict.fromkeys(row.recording for row in rows))}
    return sorted(rows, key=lambda row: (position[row.recording], row.start_s))


def predict_logits(
    logits_fn: LogitsFunction,
    store: ImageStore,
    rows: Sequence[IndexRow],
    class_index_of: Mapping[str, int],
    *,
    fold: int = 0,
    n_threads: int = 2,
) -> CalibrationData:
    """Predict the logits of recordings.

    Parameters
    ----------
    logits_fn : callable
        Returns the logits of images.
    store : ImageStore
    rows : sequence of IndexRow
        Images of the recordings, sorted by `by_recording`.
    class_index_of : Mapping
        Class index of each of these recordings.
    fold : int
        Fold that was held out from the network.
    n_threads : int
        Threads that load images.

    Returns
    -------
    CalibrationData

    Raises
    ------
    DatasetError
        If there is no image, or one is missing or damaged.
    """
    loader = BatchLoader(
        store,
        rows,
        np.zeros(len(rows), np.int64),
        n_labels=1,
        config=LoaderConfig(batch_size=BATCH_SIZE, n_threads=n_threads),
    )
    logits: list[FloatArray] = []
    levels_db: list[FloatArray] = []
    for batch, _ in loader.epoch():
        images = batch[..., 0]
        logits.append(logits_fn(images))
        levels_db.append(signal_level_db(images, store.config))
    first_row = {row.recording: i for i, row in reversed(list(enumerate(rows)))}
    recordings = tuple(reversed(first_row))
    return CalibrationData(
        logits=np.concatenate(logits).astype(np.float32, copy=False),
        starts_s=np.array([row.start_s for row in rows], np.float32),
        signal_level_db=np.concatenate(levels_db),
        offsets=np.array([*(first_row[name] for name in recordings), len(rows)], np.int64),
        y_true=np.array([class_index_of[name] for name in recordings], np.int64),
        folds=np.full(len(recordings), fold, np.int64),
        recordings=recordings,
        sessions=tuple(rows[first_row[name]].session for name in recordings),
    )


def predict_split_logits(
    predict: Callable[[npt.NDArray[np.uint8]], FloatArray],
    store: ImageStore,
    split: Split,
    class_index_of: Mapping[str, int],
    *,
    fold: int = 0,
    n_threads: int = 2,
) -> CalibrationData:
    """Predict the logits of the recordings of a split with a Keras model.

    Parameters
    ----------
    predict : callable
        Takes uint8 ``(n, n_mels, n_frames, 1)``, as `keras.Model.predict_on_batch`.
    store : ImageStore
    split : Split
        Not empty.
    class_index_of : Mapping
        Class index of each recording, from the dataset.
    fold : int
        Fold that was held out from the network.

    Returns
    -------
    CalibrationData
    """
    return predict_logits(
        lambda images: predict(images[..., np.newaxis]),
        store,
        by_recording(split.rows),
        class_index_of,
        fold=fold,
        n_threads=n_threads,
    )
