"""Checks of numbers on the command line."""

from __future__ import annotations

MAX_JOBS = 10_000
"""More than any machine has cores."""


def check_minimum(option: str, value: int, minimum: int = 1) -> None:
    """Check that the value of an option is not too small.

    Raises
    ------
    ConfigError
        If it is below the minimum.
    """
    from birdsong.errors import ConfigError

    if value < minimum:
        raise ConfigError(f"{option} must be at least {minimum}, got {value}")


def check_jobs(n_jobs: int | None, *, all_cores: bool = False) -> None:
    """Check the number of workers of ``--jobs``.

    Parameters
    ----------
    n_jobs : int or None
        None stands for the default of the stage.
    all_cores : bool
        Whether -1 means all cores, -2 all but one and so on, as in joblib.

    Raises
    ------
    ConfigError
        If it is out of range.
    """
    from birdsong.errors import ConfigError

    if n_jobs is None or (all_cores and n_jobs < 0):
        return
    if n_jobs < 1:
        or_all = ", or -1 for all cores" if all_cores else ""
        raise ConfigError(f"--jobs must be at least 1{or_all}, got {n_jobs}")
    if n_jobs > MAX_JOBS:
        raise ConfigError(f"--jobs must be at most {MAX_JOBS}, got {n_jobs}")
