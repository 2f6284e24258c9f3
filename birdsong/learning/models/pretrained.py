"""Loads the weights of a pretrained bundle into a network.

All layers but the logits layer get the weights of the bundle. In the logits layer the columns of
the labels that both have get them.

References
----------
.. [1] Yosinski, Clune, Bengio & Lipson (2014), How transferable are features in deep neural
   networks?, NeurIPS: transferred layers that are fine-tuned do better than random ones, even when
   the tasks differ.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from birdsong.bundle.bundle_files import WEIGHTS
from birdsong.errors import ConfigError
from birdsong.learning.data.pretrained_bundle import PretrainedBundle
from birdsong.learning.models.registry import BuiltModel, ModelConfig
from birdsong.old_names import current_training_fields
from birdsong.taxa.labels import Label

WEIGHT_INDEPENDENT = ("dropout",)
"""Settings of a `ModelConfig` that do not change the weights."""


def model_config_of(pretrained: PretrainedBundle) -> ModelConfig:
    """Model config of a bundle; settings that are newer than the bundle have their defaults.

    Raises
    ------
    ConfigError
        If it has a setting that was removed.
    """
    fields = current_training_fields(pretrained.bundle.provenance["config"])
    return ModelConfig.from_dict(fields.get("model", {}))


def require_model(config: ModelConfig, pretrained: PretrainedBundle) -> None:
    """Check that the weights of a bundle fit a network.

    Raises
    ------
    ConfigError
        If the bundle has another network.
    """
    own, wanted = asdict(model_config_of(pretrained)), asdict(config)
    differing = [
        f"{name} {json.dumps(wanted[name])} instead of {json.dumps(value)}"
        for name, value in own.items()
        if name not in WEIGHT_INDEPENDENT and wanted[name] != value
    ]
    if differing:
        raise ConfigError(
            f"bundle '{pretrained.bundle.name}' has another network: {', '.join(differing)}; "
            "train from scratch, or with the settings of the bundle's network"
        )


def match_model_config(config: ModelConfig, pretrained: PretrainedBundle) -> ModelConfig:
    """Replace the default settings of a model config by those of a bundle.

    Parameters
    ----------
    config : ModelConfig
        Settings that have their default get the value of the bundle.
    pretrained : PretrainedBundle

    Returns
    -------
    ModelConfig

    Raises
    ------
    ConfigError
        If a setting that is not a default differs from the bundle's.
    """
    default, wanted = asdict(ModelConfig()), asdict(config)
    own = asdict(model_config_of(pretrained))
    if config.name not in (default["name"], own["name"]):
        require_model(config, pretrained)  # raises: the settings of networks differ
    changed = {
        name: own[name]
        for name in own
        if name not in WEIGHT_INDEPENDENT and wanted[name] == default[name]
    }
    matching = replace(config, **changed)
    require_model(matching, pretrained)
    return matching


def load_pretrained_weights(
    built: BuiltModel,
    labels: tuple[Label, ...],
    source: BuiltModel,
    pretrained: PretrainedBundle,
) -> None:
    """Copy the weights of a bundle into a network.

    Parameters
    ----------
    built : BuiltModel
        Network with a class for each label.
    labels : tuple of Label
    source : BuiltModel
        The same network, with a class for each label of the bundle.
    pretrained : PretrainedBundle
    """
    source.network.load_weights(pretrained.folder / WEIGHTS)
    for layer, source_layer in zip(built.network.layers, source.network.layers, strict=True):
        if layer.name != built.logits_layer:
            layer.set_weights(source_layer.get_weights())
    logits = built.network.get_layer(built.logits_layer)
    kernel, bias = logits.get_weights()
    source_kernel, source_bias = source.network.get_layer(source.logits_layer).get_weights()
    for column, label in enumerate(labels):
        if (known := pretrained.column(label)) is not None:
            kernel[..., column], bias[column] = source_kernel[..., known], source_bias[known]
    logits.set_weights([kernel, bias])
