"""How a network is trained: every choice and its default."""

from __future__ import annotations

from dataclasses import dataclass, field

from birdsong.errors import ConfigError
from birdsong.images.augment import AugmentConfig
from birdsong.learning.material import MaterialConfig

SCHEDULES = ("cosine", "plateau", "constant")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How a network is trained.

    Attributes
    ----------
    material : MaterialConfig
        Which recordings teach which labels.
    epochs : int
        At most; training stops early where validation does not improve.
    batch_size : int
    learning_rate : float
        The highest; AdamW's.
    weight_decay : float
    schedule : {"cosine", "plateau", "constant"}
        Fall to zero along half a cosine, halve when validation stands still, or stay.
    patience : int
        Epochs without a better validation loss before training stops.
    label_smoothing : float
    dropout : float
    batch_normalization : bool
    augmentation : AugmentConfig or None
    n_threads : int
        Threads that make batches.
    seed : int
        Draws the split, the first weights, the order and the augmentation.
    """

    material: MaterialConfig = field(default_factory=MaterialConfig)
    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    patience: int = 10
    label_smoothing: float = 0.05
    dropout: float = 0.5
    batch_normalization: bool = True
    augmentation: AugmentConfig | None = field(default_factory=AugmentConfig)
    n_threads: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ConfigError(
                f"schedule must be one of {', '.join(SCHEDULES)}, got {self.schedule!r}"
            )
        for name in ("epochs", "batch_size", "patience", "n_threads"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate must be in (0, 1), got {self.learning_rate!r}")
