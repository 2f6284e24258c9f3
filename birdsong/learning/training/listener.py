"""What a training tells while it works, to whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from birdsong.learning.data.dataset import Dataset


def _ignore(*_: object) -> None:
    """Take no notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingListener:
    """What is called in the course of a training.

    `on_dataset` and `on_epoch` are called in the process that trains, and so have to be picklable
    where several networks are trained at once.

    Attributes
    ----------
    on_dataset : callable
        Takes the `Dataset`, before each training begins.
    on_epoch : callable
        Takes the numbers of each epoch when it ends, as in ``history.csv``; in cross-validation
        with the number of its ``fold``.
    on_fold : callable
        Takes the number of each fold and its metrics, when it is finished.
    """

    on_dataset: Callable[[Dataset], None] = _ignore
    on_epoch: Callable[[Mapping[str, float]], None] = _ignore
    on_fold: Callable[[int, Mapping[str, float]], None] = _ignore


SILENT = TrainingListener()
