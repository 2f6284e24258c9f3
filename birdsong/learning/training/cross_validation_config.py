"""How many folds a training is measured by, and how they are trained."""

from __future__ import annotations

from dataclasses import dataclass

from birdsong.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidationConfig:
    """How many folds a training is measured by, and how they are trained.

    Attributes
    ----------
    n_folds : int
        2 or more.
    at_once : int, at least 1
        Networks trained at a time, each in a process that has its share of the cores; the one on
        everything is then among them.
    folds_only : bool
        Stop when the folds are measured; resuming without it goes on from there.
    """

    n_folds: int
    at_once: int = 1
    folds_only: bool = False

    def __post_init__(self) -> None:
        if self.n_folds < 2:
            raise ConfigError(f"n_folds must be at least 2, got {self.n_folds}")
        if self.at_once < 1:
            raise ConfigError(f"at_once must be at least 1, got {self.at_once}")
