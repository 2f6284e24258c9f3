"""Which network learns, and how it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from birdsong.config_options import setting
from birdsong.errors import ConfigError

MODELS = ("squeezenet", "mobilenet-v3-small", "efficientnet-b0")
"""Names in the registry; see `registry`."""

GONE = ("bypass", "frequency_channel", "peaks")
"""Settings of networks that version 0.1 had; what they gained is in ``docs/recipes.csv``."""

MIN_WIDTH, MAX_WIDTH = 0.0625, 16
"""Widths of a network: at the first the narrowest layer of SqueezeNet has one filter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Which network learns, and how it is built.

    Attributes
    ----------
    name : {"squeezenet", "mobilenet-v3-small", "efficientnet-b0"}
        Entry of the registry.
    width : float, 0.0625 to 16
        Times the published number of filters in each layer.
    batch_normalization : bool
        SqueezeNet alone has a choice: as published it has none.
    stem_freq_stride : {1, 2}
        Mel bands from one row of SqueezeNet's stem to the next: 1 keeps every band, 2 is as
        published.
    dropout : float in [0, 1)
        Share of the last features that is dropped in training.
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
                    f"{name} {getattr(self, name)!r} is for squeezenet alone, not for {self.name}"
                )

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Read what a run folder or a bundle holds.

        Raises
        ------
        ConfigError
            If a setting is out of range, or gone since.
        TypeError
            If there is one that is unknown.
        """
        for name in GONE:
            if name in fields:
                raise ConfigError(gone(name))
        return cls(**fields)


def gone(name: str) -> str:
    """Say that a setting is gone, and which version had it."""
    return f"{name!r} is gone, since it gained nothing (docs/recipes.csv); birdsong 0.1 had it"
