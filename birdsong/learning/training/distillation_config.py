"""Settings of knowledge distillation."""

from __future__ import annotations

from dataclasses import dataclass

from birdsong.config_options import setting
from birdsong.errors import ConfigError
from birdsong.learning.models.registry import MAX_WIDTH, MIN_WIDTH


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillationConfig:
    """Number and kind of the teachers; see `distillation`.

    Attributes
    ----------
    n_teachers : int, 0 or greater
        Teacher networks, which are trained first.
    teacher_width : float, 0.0625 to 16
        Width of a teacher, as a factor of the student's.
    teacher_share : float in [0, 1]
        Share of the teachers' probabilities in the targets.
    """

    n_teachers: int = setting(
        0,
        "train N teacher networks first, and distill them into one network",
        flag="--teachers",
        metavar="N",
    )
    teacher_width: float = setting(
        1.0, "width of a teacher, as a factor of --width", metavar="TIMES"
    )
    teacher_share: float = setting(
        0.5, "share of the teachers' probabilities in the training targets", metavar="SHARE"
    )

    def __post_init__(self) -> None:
        if self.n_teachers < 0:
            raise ConfigError(f"n_teachers must be at least 0, got {self.n_teachers!r}")
        if not 0 <= self.teacher_share <= 1:
            raise ConfigError(f"teacher_share must be in [0, 1], got {self.teacher_share!r}")
        if not MIN_WIDTH <= self.teacher_width <= MAX_WIDTH:
            raise ConfigError(
                f"teacher_width must be from {MIN_WIDTH} to {MAX_WIDTH}, got {self.teacher_width!r}"
            )
