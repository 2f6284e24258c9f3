"""The networks that training can build, by name.

Each network is a module of this package, with ``_`` for ``-`` in its name. The module's function
``build(n_classes, config, shape)`` returns a `BuiltModel`. To add a network, write such a module
and add its name to `MODELS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from birdsong.errors import ConfigError
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

if TYPE_CHECKING:
    import keras

    from birdsong.learning.models.model_config import ModelConfig

MODELS = ("squeezenet", "mobilenet-v3-small", "efficientnet-b0")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltModel:
    """A network and the names of the layers that training uses.

    Attributes
    ----------
    network : keras.Model
        A functional model without nested models. Input: ``uint8 (n, n_mels, n_frames, 1)``.
        Output: logits, ``float32 (n, n_classes)``.
    features_layer : str
        Layer whose output, ``float (n, n_features)`` or ``float (n, height, width, n_features)``,
        the logits are computed from. Auxiliary heads and auxiliary classes use it, too.
    logits_layer : str
        Layer whose kernel and bias have a column for each class, on their last axis.
    checkpoint_layers : tuple of str
        Layers, in their order, at which gradient checkpointing may cut the network: all features
        pass through each of them.
    """

    network: keras.Model
    features_layer: str
    logits_layer: str
    checkpoint_layers: tuple[str, ...]


def build_model(
    name: str,
    n_classes: int,
    config: ModelConfig,
    shape: tuple[int, int] = SPECTROGRAM_SHAPE,
) -> BuiltModel:
    """Build a network with random weights.

    Parameters
    ----------
    name : str
        One of `MODELS`.
    n_classes : int, at least 2
    config : ModelConfig
        Its own `name` is ignored.
    shape : (int, int)
        Rows and columns of an image: mel bands and frames.

    Returns
    -------
    BuiltModel

    Raises
    ------
    ConfigError
        If there is no network of that name.
    ValueError
        If there are fewer than two classes, the width leaves a layer without filters, or the images
        are too small for the network.

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
    built: BuiltModel = module.build(n_classes, config, shape)
    return built
