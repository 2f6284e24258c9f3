"""Callbacks that report the progress of a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from birdsong.learning.data.dataset import Dataset


def _ignore(*_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingListener:
    """Functions that are called during a training.

    `on_dataset` and `on_epoch` are called in the process that trains: they must be picklable if
    networks are trained in parallel.

    Attributes
    ----------
    on_dataset : callable
        Takes the `Dataset`, before each training.
    on_epoch : callable
        Takes the metrics of each epoch when it ends, as in ``history.csv``; in cross-validation
        also the number of the ``fold``.
    on_fold : callable
        Takes the number and the metrics of each finished fold.
    """

    on_dataset: Callable[[Dataset], None] = _ignore
    on_epoch: Callable[[Mapping[str, float]], None] = _ignore
    on_fold: Callable[[int, Mapping[str, float]], None] = _ignore


SILENT = TrainingListener()
