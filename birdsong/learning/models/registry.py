"""The networks that training can build, by name.

A network is a module of this room, named as it is with ``_`` for ``-``. Its function
``build(n_classes, config)`` returns a `BuiltModel`, and its name stands in `model_config.MODELS`:
that is all a further one needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from birdsong.errors import ConfigError
from birdsong.learning.models.model_config import MODELS, ModelConfig

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltModel:
    """A network, and the layers of it that training has to know.

    Attributes
    ----------
    network : keras.Model
        A functional one without networks within it: ``uint8 (n, 64, 200, 1)`` in, ``float32
        (n, n_classes)`` out, logits.
    features_layer : str
        Its output, ``float (n, n_features)`` or ``float (n, height, width, n_features)``, is what
        the logits are computed from; auxiliary heads and auxiliary classes begin there as well.
    logits_layer : str
        Its kernel and its bias have a column for each class, on their last axis.
    checkpoint_layers : tuple of str
        In their order; everything passes through each, so that gradient checkpointing may cut
        there.
    """

    network: keras.Model
    features_layer: str
    logits_layer: str
    checkpoint_layers: tuple[str, ...]


def build_model(name: str, n_classes: int, config: ModelConfig) -> BuiltModel:
    """Build a network, its weights drawn by chance.

    Parameters
    ----------
    name : str
        One of `model_config.MODELS`.
    n_classes : int, at least 2
    config : ModelConfig
        How it is built; its own `name` is not looked at.

    Returns
    -------
    BuiltModel

    Raises
    ------
    ConfigError
        If there is no network of that name.
    ValueError
        If there are fewer than two classes, or the width leaves a layer without filters.

    Examples
    --------
    >>> build_model("squeezenet", 88, ModelConfig()).logits_layer
    'labels'
    """
    if name not in MODELS:
        raise ConfigError(f"model must be one of {', '.join(MODELS)}, got {name!r}")
    if n_classes < 2:
        raise ValueError(
            f"a network needs at least 2 classes to choose from. Received: {n_classes}"
        )
    module = import_module(f"{__package__}.{name.replace('-', '_')}")
    built: BuiltModel = module.build(n_classes, config)
    return built
