"""Fields of stored files that had another name before: files of earlier versions are still read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IMAGE_FIELDS = {"pictures": "images", "n_pictures": "n_images"}
"""Of packed copies, run folders and bundles that version 0.1 wrote."""

TRAINING_FIELDS = {
    "material": "dataset",
    "weight_averaging": "ema_momentum",
    "save_memory": "gradient_checkpointing",
    "eight_bits": "int8",
}
"""Of the training config in run folders and bundles that version 0.1 wrote."""


def with_new_names(fields: Mapping[str, Any], new_name_of: Mapping[str, str]) -> dict[str, Any]:
    """Give fields the names that they have today.

    Parameters
    ----------
    fields : Mapping
        As a JSON file holds them.
    new_name_of : Mapping of str to str
        The name today, by the one before.

    Returns
    -------
    dict

    Examples
    --------
    >>> with_new_names({"n_pictures": 3, "shape": [64, 200]}, IMAGE_FIELDS)
    {'n_images': 3, 'shape': [64, 200]}
    """
    return {new_name_of.get(name, name): value for name, value in fields.items()}
