"""Numbers of the command line that begin somewhere."""

from __future__ import annotations


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
