"""Numbers of the command line that have a range: where they begin, how many there can be."""

from __future__ import annotations

MOST_JOBS = 10_000
"""More workers than any machine has cores."""


def check_least(option: str, given: int, least: int = 1) -> None:
    """See that a number is not too small.

    Raises
    ------
    ConfigError
        If it is; the message names the option.
    """
    from birdsong.errors import ConfigError

    if given < least:
        raise ConfigError(f"{option} must be at least {least}, got {given}")


def check_jobs(given: int | None, *, all_cores: bool = False) -> None:
    """See that there can be as many workers as ``--jobs`` says.

    Parameters
    ----------
    given : int or None
        None leaves it to the default.
    all_cores : bool
        Whether -1 stands for all cores, -2 for all but one and so on, as joblib counts.

    Raises
    ------
    ConfigError
        If there can't.
    """
    from birdsong.errors import ConfigError

    if given is None or (all_cores and given < 0):
        return
    if given < 1:
        or_all = ", or -1 for all cores" if all_cores else ""
        raise ConfigError(f"--jobs must be at least 1{or_all}, got {given}")
    if given > MOST_JOBS:
        raise ConfigError(f"--jobs must be at most {MOST_JOBS}, got {given}")
