"""The settings of a config that holds others, by one name each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Name the settings of the configs within a config as if they were its own: ``a.b``.

    Parameters
    ----------
    config : Mapping
        As `dataclasses.asdict` or a JSON file gives it.

    Returns
    -------
    dict

    Examples
    --------
    >>> flat({"epochs": 30, "dataset": {"rank": "genus"}})
    {'epochs': 30, 'material.rank': 'genus'}
    """
    named: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            named |= {f"{name}.{inner}": each for inner, each in flat(value).items()}
        else:
            named[name] = value
    return named
