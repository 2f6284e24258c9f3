"""Settings of the loss function."""

from __future__ import annotations

import math
from dataclasses import dataclass

from birdsong.config_options import setting
from birdsong.errors import ConfigError
from birdsong.learning.models.registry import removed_message

LOSSES = ("cross-entropy", "hierarchical", "auxiliary")


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig:
    """Which loss function is used, and its settings; see `losses`.

    Attributes
    ----------
    name : {"cross-entropy", "hierarchical", "auxiliary"}
        Cross-entropy of the label; of each step down the tree; or of the label and, from auxiliary
        heads, of its genus, family and order.
    label_smoothing : float in [0, 1)
        Share of the target probability that is spread over all labels.
    hierarchical_alpha : float, 0 or greater
        Decay of the weight at each step down the tree; 0.1 to 0.9 are usual (Bertinetto et al.,
        2020).
    auxiliary_weight : float, greater than 0
        Weight of each auxiliary head; 0.3 is from Szegedy et al. (2015).
    """

    name: str = setting(
        "cross-entropy",
        "loss of labels alone, or also of their genus, family and order",
        flag="--loss",
        choices=LOSSES,
    )
    label_smoothing: float = setting(
        0.05, "share of the target probability spread over all labels", metavar="SHARE"
    )
    hierarchical_alpha: float = setting(
        0.2, "hierarchical loss: decay of the weight at each step down the tree", metavar="ALPHA"
    )
    auxiliary_weight: float = setting(
        0.3, "auxiliary loss: weight of the heads for genus, family and order", metavar="WEIGHT"
    )

    def __post_init__(self) -> None:
        if self.name == "soft-labels":
            raise ConfigError(removed_message(self.name))
        if self.name not in LOSSES:
            raise ConfigError(f"loss must be one of {', '.join(LOSSES)}, got {self.name!r}")
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError(f"label_smoothing must be in [0, 1), got {self.label_smoothing!r}")
        if not 0 < self.auxiliary_weight < math.inf:
            raise ConfigError(
                f"auxiliary_weight must be finite and greater than 0, got {self.auxiliary_weight!r}"
            )
        if not 0 <= self.hierarchical_alpha < math.inf:
            raise ConfigError(
                "hierarchical_alpha must be finite and 0 or greater, "
                f"got {self.hierarchical_alpha!r}"
            )
