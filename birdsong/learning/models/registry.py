"""The networks that training can build, by name, and their settings.

Each network is a module of this package, with ``_`` for ``-`` in its name. The module's function
``build(n_classes, config, shape)`` returns a `BuiltModel`. To add a network, write such a module
and add its name to `MODELS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from birdsong.config_options import setting
from birdsong.errors import ConfigError
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

if TYPE_CHECKING:
    import keras

MODELS = ("squeezenet", "mobilenet-v3-small", "efficientnet-b0")

REMOVED_SETTINGS = ("bypass", "frequency_channel", "peaks")
"""Settings that were removed after version 0.1; ``docs/recipes.csv`` has their measurements."""

MIN_WIDTH, MAX_WIDTH = 0.0625, 16
"""Range of `width`: at the minimum the narrowest layer of SqueezeNet has one filter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Which network is trained, and its settings.

    Attributes
    ----------
    name : {"squeezenet", "mobilenet-v3-small", "efficientnet-b0"}
        Name in the registry.
    width : float, 0.0625 to 16
        Factor of the published number of filters in each layer.
    batch_normalization : bool
        For SqueezeNet only; False is as published.
    stem_freq_stride : {1, 2}
        Stride of SqueezeNet's first layer over mel bands: 1 keeps every band, 2 is as published.
    dropout : float in [0, 1)
        Share of the last features that training drops.
    """

    name: str = setting("squeezenet", "network architecture", flag="--model", choices=MODELS)
    width: float = setting(1.0, "factor of the published number of filters", metavar="TIMES")
    batch_normalization: bool = setting(
        True,
        "without batch normalization, as SqueezeNet was published",
        flag="--no-batch-normalization",
    )
    stem_freq_stride: int = setting(
        2,
        "stride of SqueezeNet's first layer over mel bands: 1 keeps every band, but is slower",
        metavar="N",
    )
    dropout: float = setting(0.5, "dropout rate before the last layer", metavar="SHARE")

    def __post_init__(self) -> None:
        if self.name not in MODELS:
            raise ConfigError(f"model must be one of {', '.join(MODELS)}, got {self.name!r}")
        if not MIN_WIDTH <= self.width <= MAX_WIDTH:
            raise ConfigError(f"width must be from {MIN_WIDTH} to {MAX_WIDTH}, got {self.width!r}")
        if self.stem_freq_stride not in (1, 2):
            raise ConfigError(f"stem_freq_stride must be 1 or 2, got {self.stem_freq_stride!r}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout must be in [0, 1), got {self.dropout!r}")
        for name, value in (("width", 1.0), ("batch_normalization", True), ("stem_freq_stride", 2)):
            if self.name != "squeezenet" and getattr(self, name) != value:
                raise ConfigError(
                    f"{name} {getattr(self, name)!r} works with squeezenet only, "
                    f"not with {self.name}"
                )

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Read the settings from a run folder or a bundle.

        Raises
        ------
        ConfigError
            If a setting is out of range or was removed.
        TypeError
            If a setting is unknown.
        """
        for name in REMOVED_SETTINGS:
            if name in fields:
                raise ConfigError(removed_message(name))
        return cls(**fields)


def removed_message(name: str) -> str:
    """Message for a setting that was removed."""
    return (
        f"{name!r} was removed, since it did not improve accuracy (docs/recipes.csv); "
        "use birdsong 0.1"
    )


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
