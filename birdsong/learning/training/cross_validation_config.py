"""Settings of cross-validation."""

from __future__ import annotations

from dataclasses import dataclass

from birdsong.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidationConfig:
    """How many folds there are, and how they are trained.

    Attributes
    ----------
    n_folds : int
        2 or more.
    n_parallel : int, at least 1
        Networks that are trained in parallel, each in a process with its share of the cores. The
        network that is trained on everything is one of them.
    folds_only : bool
        Stop after the folds; resuming without it trains the network on everything.
    """

    n_folds: int
    n_parallel: int = 1
    folds_only: bool = False

    def __post_init__(self) -> None:
        if self.n_folds < 2:
            raise ConfigError(f"n_folds must be at least 2, got {self.n_folds}")
        if self.n_parallel < 1:
            raise ConfigError(f"at_once must be at least 1, got {self.n_parallel}")
