"""Flattens the nested settings of a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flatten_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten nested settings: ``{"a": {"b": 1}}`` becomes ``{"a.b": 1}``.

    Parameters
    ----------
    config : Mapping
        From `dataclasses.asdict` or a JSON file.

    Returns
    -------
    dict

    Examples
    --------
    >>> flatten_settings({"epochs": 30, "dataset": {"rank": "genus"}})
    {'epochs': 30, 'dataset.rank': 'genus'}
    """
    flattened: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            inner = flatten_settings(value)
            flattened |= {f"{name}.{inner_name}": each for inner_name, each in inner.items()}
        else:
            flattened[name] = value
    return flattened
