"""How a network is trained: every choice and its default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from birdsong.errors import ConfigError
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.loading.augmentation_config import AugmentationConfig
from birdsong.loading.samplers import check_sampling
from birdsong.old_names import TRAINING_FIELDS, with_new_names

SCHEDULES = ("cosine", "plateau", "constant", "cyclical", "one-cycle")
LOSSES = ("cross-entropy", "soft-labels", "hierarchical", "auxiliary")
NARROWEST, WIDEST = 0.0625, 16
"""Widths of a network: at the first its narrowest layer has one filter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How a network is trained.

    Attributes
    ----------
    dataset : DatasetConfig
        Which recordings teach which labels.
    epochs : int
        At most; training stops early where validation does not improve.
    batch_size : int
    sampling : {"plain", "class-balanced", "session-balanced"}
        Every image once an epoch; every label equally often; or labels as often as they are, but
        every session equally often within its label. See `loading.orders`.
    learning_rate : float
        The highest; AdamW's.
    weight_decay : float
    schedule : {"cosine", "plateau", "constant", "cyclical", "one-cycle"}
        Fall to zero along half a cosine, halve when validation stands still, stay, or rise and
        fall, several times or once. See `schedules`.
    ema_momentum : float in [0, 1)
        How much of an average of the weights a batch leaves as it was; 0 keeps the weights
        themselves. Averages are what is validated and kept.
    patience : int
        Epochs without a better validation loss before training stops.
    loss : {"cross-entropy", "soft-labels", "hierarchical", "auxiliary"}
        Of the label alone; against targets that are softer the nearer a label is on the tree; of
        each step down the tree; or of the label and, by heads that only training has, its genus,
        family and order. See `losses`.
    label_smoothing : float
        Share of a target that is spread over all labels; soft labels do so in their own way.
    soft_labels_beta : float
        How hard soft labels are, greater than 0.
    hierarchical_alpha : float
        How much less each step down the tree weighs than the one before, 0 or greater.
    auxiliary_weight : float
        Of each head beside that of the labels, greater than 0.
    dropout : float
    batch_normalization : bool
    width : float, 0.0625 to 16
        How many times the published number of filters the network has.
    bypass : bool
        Whether what goes into a layer is added to what comes out of it; see `squeezenet`.
    frequency_channel : bool
        Whether the network is told the frequency of each pixel; see `squeezenet`.
    fine_bands, peaks : bool
        Whether the stem keeps every mel band, and whether the highest logits over time count as
        much as their mean; see `squeezenet`.
    n_teachers : int
        Networks that are trained first, for this one to learn what they say; see `teachers`.
    teacher_width : float, 0.0625 to 16
        How many times as wide as this one they are.
    teacher_share : float in [0, 1]
        How much of what is to be learned is what they say, and not what is known.
    augmentation : AugmentationConfig or None
    mixed_precision : bool
        Compute with 16 bits where that is precise enough: faster on devices made for it.
    gradient_checkpointing : bool
        Compute some of what the gradient needs a second time instead of keeping it.
    int8 : bool
        Let the network that answers compute with integers of 8 bits; see `int8`.
    n_devices : int
        Devices that share each batch; more than one on the JAX backend only.
    n_threads : int
        Threads that make batches.
    seed : int, at least 0 and below 2**32
        Draws the split, the first weights, the order and the augmentation.
    """

    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    epochs: int = 30
    batch_size: int = 64
    sampling: str = "plain"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    ema_momentum: float = 0.0
    patience: int = 10
    loss: str = "cross-entropy"
    label_smoothing: float = 0.05
    soft_labels_beta: float = 15.0  # Bertinetto et al. (2020) try 4 to 30
    hierarchical_alpha: float = 0.2  # they try 0.1 to 0.9
    auxiliary_weight: float = 0.3  # as Szegedy et al. (2015) weigh theirs
    dropout: float = 0.5
    batch_normalization: bool = True
    width: float = 1.0
    bypass: bool = False
    frequency_channel: bool = False
    fine_bands: bool = False
    peaks: bool = False
    n_teachers: int = 0
    teacher_width: float = 1.0
    teacher_share: float = 0.5
    augmentation: AugmentationConfig | None = field(default_factory=AugmentationConfig)
    mixed_precision: bool = False
    gradient_checkpointing: bool = False
    int8: bool = False
    n_devices: int = 1
    n_threads: int = 2
    seed: int = 0

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Read what ``run.json`` tells, with lists for tuples, also by names of earlier versions.

        Raises
        ------
        ConfigError
            If a setting is out of range.
        TypeError
            If there is one that is unknown.
        """
        fields = with_new_names(fields, TRAINING_FIELDS)
        dataset: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields["dataset"].items()
        }
        changes = fields["augmentation"]
        augmentation = AugmentationConfig(**changes) if changes is not None else None
        own = {"dataset": DatasetConfig(**dataset), "augmentation": augmentation}
        return cls(**{**fields, **own})

    def __post_init__(self) -> None:
        check_sampling(self.sampling)
        for name, choices in (("schedule", SCHEDULES), ("loss", LOSSES)):
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}"
                )
        for name in ("epochs", "batch_size", "patience", "n_devices", "n_threads"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        if self.n_teachers < 0:
            raise ConfigError(f"n_teachers must be at least 0, got {self.n_teachers!r}")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed must be at least 0 and below 2**32, got {self.seed!r}")
        if not 0 <= self.teacher_share <= 1:
            raise ConfigError(f"teacher_share must be in [0, 1], got {self.teacher_share!r}")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate must be in (0, 1), got {self.learning_rate!r}")
        if not 0 <= self.ema_momentum < 1:
            raise ConfigError(f"ema_momentum must be in [0, 1), got {self.ema_momentum!r}")
        if self.batch_size < self.n_devices:
            raise ConfigError(
                f"batch_size must be at least n_devices, got {self.batch_size} for {self.n_devices}"
            )
        for name in ("width", "teacher_width"):
            if not NARROWEST <= getattr(self, name) <= WIDEST:
                raise ConfigError(
                    f"{name} must be from {NARROWEST} to {WIDEST}, got {getattr(self, name)!r}"
                )
        for name in ("soft_labels_beta", "auxiliary_weight"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(
                    f"{name} must be finite and greater than 0, got {getattr(self, name)!r}"
                )
        if not 0 <= self.hierarchical_alpha < math.inf:
            raise ConfigError(
                "hierarchical_alpha must be finite and 0 or greater, "
                f"got {self.hierarchical_alpha!r}"
            )
