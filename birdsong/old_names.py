"""Former names of fields in stored files, so that files of earlier versions can be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

IMAGE_FIELDS = {
    "pictures": "images",
    "n_pictures": "n_images",
    "pictures_per_s": "images_per_s",
}
"""Fields of packed copies, run folders and bundles of version 0.1."""

_DATASET_FIELDS = {
    "others": "auxiliary_classes",
    "partly_named": "partial_labels",
    "begin_with": "pretrained",
}
_MODEL_FIELDS = ("width", "batch_normalization", "dropout")
_REMOVED_MODEL_FIELDS = ("bypass", "frequency_channel", "peaks")
_OPTIMIZER_FIELDS = ("learning_rate", "weight_decay", "schedule")
_LOSS_FIELDS = ("label_smoothing", "hierarchical_alpha", "auxiliary_weight")
_DISTILLATION_FIELDS = ("n_teachers", "teacher_width", "teacher_share")
_TRAINING_FIELDS = {"save_memory": "gradient_checkpointing", "eight_bits": "int8"}


def with_new_names(fields: Mapping[str, Any], new_name_of: Mapping[str, str]) -> dict[str, Any]:
    """Rename fields to their current names.

    Parameters
    ----------
    fields : Mapping
        From a JSON file.
    new_name_of : Mapping of str to str
        Current name, by former name.

    Returns
    -------
    dict

    Examples
    --------
    >>> with_new_names({"n_pictures": 3, "shape": [64, 200]}, IMAGE_FIELDS)
    {'n_images': 3, 'shape': [64, 200]}
    """
    return {new_name_of.get(name, name): value for name, value in fields.items()}


def current_training_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the fields of a training config to the current layout.

    Version 0.1 had the settings of model, optimizer, loss and distillation at the top level.

    Parameters
    ----------
    fields : Mapping
        Fields of a `TrainingConfig` from a run folder or a bundle, of this or an earlier version.

    Returns
    -------
    dict
        With a nested dict for each nested config. A removed setting is left out if it was off, and
        stays if it was on.

    Examples
    --------
    >>> old = {"material": {"rank": "genus"}, "loss": "hierarchical", "fine_bands": True}
    >>> new = current_training_fields(old)
    >>> new["dataset"], new["loss"], new["model"]
    ({'rank': 'genus'}, {'name': 'hierarchical'}, {'stem_freq_stride': 1})
    """
    if "material" not in fields:
        return dict(fields)
    old = dict(fields)

    def pop(names: Iterable[str]) -> dict[str, Any]:
        return {name: old.pop(name) for name in names if name in old}

    model = pop(_MODEL_FIELDS)
    if "fine_bands" in old:
        model["stem_freq_stride"] = 1 if old.pop("fine_bands") else 2
    model |= {name: value for name, value in pop(_REMOVED_MODEL_FIELDS).items() if value}
    optimizer = pop(_OPTIMIZER_FIELDS)
    if "weight_averaging" in old:
        optimizer["ema_momentum"] = old.pop("weight_averaging")
    loss = {"name": old.pop("loss")} if "loss" in old else {}
    loss |= pop(_LOSS_FIELDS)
    old.pop("soft_labels_beta", None)
    return {
        "dataset": with_new_names(old.pop("material"), _DATASET_FIELDS),
        "model": model,
        "optimizer": optimizer,
        "loss": loss,
        "distillation": pop(_DISTILLATION_FIELDS),
        **with_new_names(old, _TRAINING_FIELDS),
    }
