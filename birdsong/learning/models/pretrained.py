"""Weights of a bundle's network, given to one that goes on learning.

All layers but the one of the logits take the bundle's weights over, and of that one the columns of
the labels that both have.

References
----------
.. [1] Yosinski, Clune, Bengio & Lipson (2014), How transferable are features in deep neural
   networks?, NeurIPS: layers that were taken over learn better than drawn ones where they go on
   learning, even from what is unlike their first task.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from birdsong.bundle.bundle_files import WEIGHTS
from birdsong.errors import ConfigError
from birdsong.learning.data.pretrained_bundle import PretrainedBundle
from birdsong.learning.models.model_config import ModelConfig
from birdsong.old_names import current_training_fields
from birdsong.taxa.labels import Label

if TYPE_CHECKING:
    from birdsong.learning.models.registry import BuiltModel

FREE = ("dropout",)
"""Settings of a `ModelConfig` that weights do not depend on."""


def model_config_of(pretrained: PretrainedBundle) -> ModelConfig:
    """How the network of a bundle is built; what is younger than the bundle has its default.

    Raises
    ------
    ConfigError
        If it has a setting that is gone since.
    """
    fields = current_training_fields(pretrained.bundle.provenance["config"])
    return ModelConfig.from_dict(fields.get("model", {}))


def require_model(config: ModelConfig, pretrained: PretrainedBundle) -> None:
    """Refuse a network that the weights of a bundle do not fit.

    Raises
    ------
    ConfigError
    """
    own, asked = asdict(model_config_of(pretrained)), asdict(config)
    differing = [
        f"{name} {json.dumps(asked[name])} instead of {json.dumps(value)}"
        for name, value in own.items()
        if name not in FREE and asked[name] != value
    ]
    if differing:
        raise ConfigError(
            f"bundle '{pretrained.bundle.name}' has another network: {', '.join(differing)}; "
            "train without it, or ask for a network like its own"
        )


def with_model_of(config: ModelConfig, pretrained: PretrainedBundle) -> ModelConfig:
    """Ask for a network like that of a bundle.

    Parameters
    ----------
    config : ModelConfig
        What it leaves as it is by default becomes as the bundle has it.
    pretrained : PretrainedBundle

    Returns
    -------
    ModelConfig

    Raises
    ------
    ConfigError
        If it asks for another network.
    """
    default, asked = asdict(ModelConfig()), asdict(config)
    own = asdict(model_config_of(pretrained))
    if config.name not in (default["name"], own["name"]):
        require_model(config, pretrained)  # it raises: settings of one network may not fit another
    changed = {name: own[name] for name in own if name not in FREE and asked[name] == default[name]}
    like_it = replace(config, **changed)
    require_model(like_it, pretrained)
    return like_it


def load_pretrained_weights(
    built: BuiltModel,
    labels: tuple[Label, ...],
    before: BuiltModel,
    pretrained: PretrainedBundle,
) -> None:
    """Give a network the weights of a bundle.

    Parameters
    ----------
    built : BuiltModel
        With a class for each of the labels.
    labels : tuple of Label
    before : BuiltModel
        The same network, with a class for each label of the bundle.
    pretrained : PretrainedBundle
    """
    before.network.load_weights(pretrained.folder / WEIGHTS)
    for layer, its in zip(built.network.layers, before.network.layers, strict=True):
        if layer.name != built.logits_layer:
            layer.set_weights(its.get_weights())
    logits = built.network.get_layer(built.logits_layer)
    kernel, bias = logits.get_weights()
    kernel_before, bias_before = before.network.get_layer(before.logits_layer).get_weights()
    for column, label in enumerate(labels):
        if (known := pretrained.column(label)) is not None:
            kernel[..., column], bias[column] = kernel_before[..., known], bias_before[known]
    logits.set_weights([kernel, bias])
