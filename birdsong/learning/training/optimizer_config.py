"""Settings of the optimizer, its learning rate, and the moving average of the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

from birdsong.config_options import setting
from birdsong.errors import ConfigError

SCHEDULES = ("cosine", "plateau", "constant", "cyclical", "one-cycle")


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerConfig:
    """Settings of AdamW.

    Attributes
    ----------
    learning_rate : float in (0, 1)
        Maximum of the schedule.
    weight_decay : float, 0 or greater
    schedule : {"cosine", "plateau", "constant", "cyclical", "one-cycle"}
        Decay to zero along half a cosine; halve when the validation loss stops improving; stay
        constant; or rise and fall, several times or once. See `schedules`.
    ema_momentum : float in [0, 1)
        Momentum of the exponential moving average of the weights, which is validated and saved
        instead of the weights; 0 for none.
    """

    learning_rate: float = setting(1e-3, "highest learning rate of the schedule", metavar="RATE")
    weight_decay: float = setting(1e-4, "weight decay of AdamW", metavar="DECAY")
    schedule: str = setting("cosine", "how the learning rate changes", choices=SCHEDULES)
    ema_momentum: float = setting(
        0.0,
        "keep an exponential moving average of the weights with this momentum, as 0.99; 0 is off",
        metavar="MOMENTUM",
        old_flags=["--average-weights"],
    )

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ConfigError(
                f"schedule must be one of {', '.join(SCHEDULES)}, got {self.schedule!r}"
            )
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate must be in (0, 1), got {self.learning_rate!r}")
        if not 0 <= self.weight_decay < math.inf:
            raise ConfigError(
                f"weight_decay must be finite and 0 or greater, got {self.weight_decay!r}"
            )
        if not 0 <= self.ema_momentum < 1:
            raise ConfigError(f"ema_momentum must be in [0, 1), got {self.ema_momentum!r}")
