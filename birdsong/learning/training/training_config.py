"""Settings of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from birdsong.config_options import setting
from birdsong.errors import ConfigError
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.models.registry import ModelConfig
from birdsong.learning.training.distillation_config import DistillationConfig
from birdsong.learning.training.loss_config import LossConfig
from birdsong.learning.training.optimizer_config import OptimizerConfig
from birdsong.loading.augmentation_config import AugmentationConfig
from birdsong.loading.samplers import SAMPLINGS, check_sampling
from birdsong.old_names import current_training_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """Dataset, network and settings of a training.

    Attributes
    ----------
    dataset : DatasetConfig
    model : ModelConfig
    optimizer : OptimizerConfig
    loss : LossConfig
    distillation : DistillationConfig
    augmentation : AugmentationConfig or None
    epochs : int
        Maximum; training stops early if the validation loss does not improve.
    batch_size : int
    sampling : {"plain", "class-balanced", "session-balanced"}
        Every image once an epoch; every label equally often; or labels in their frequency, but
        every session equally often within its label. See `loading.samplers`.
    patience : int
        Epochs without a better validation loss before training stops.
    mixed_precision : bool
        Compute in bfloat16 where that is precise enough: faster on devices with hardware for it.
    gradient_checkpointing : bool
        Recompute some features for the gradient instead of storing them.
    int8 : bool
        Quantize the exported network to 8-bit integers; see `export.int8_quantization`.
    n_devices : int
        Devices that share each batch; more than one on the JAX backend only.
    n_threads : int
        Threads that load batches.
    seed : int, at least 0 and below 2**32
        Seed of the split, the initial weights, the order and the augmentation.
    """

    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    distillation: DistillationConfig = field(default_factory=DistillationConfig)
    augmentation: AugmentationConfig | None = field(default_factory=AugmentationConfig)
    epochs: int = setting(30, "maximum number of epochs", metavar="N")
    batch_size: int = setting(64, "number of images in a batch", metavar="N")
    sampling: str = setting(
        "plain",
        "show every image once an epoch, every label equally often, or every session equally often "
        "within its label",
        choices=SAMPLINGS,
    )
    patience: int = setting(
        10, "stop after so many epochs without a better validation loss", metavar="N"
    )
    mixed_precision: bool = setting(
        False, "compute in bfloat16 where possible: faster on processors made for it"
    )
    gradient_checkpointing: bool = setting(
        False,
        "recompute some features instead of storing them: less memory, more time",
        old_flags=["--save-memory"],
    )
    int8: bool = setting(
        False,
        "quantize the exported network to 8-bit integers: smaller and faster",
        old_flags=["--eight-bits"],
    )
    n_devices: int = setting(
        1,
        "split each batch over N devices; needs KERAS_BACKEND=jax",
        flag="--devices",
        metavar="N",
    )
    n_threads: int = setting(2, "number of threads that load batches", flag="--jobs", metavar="N")
    seed: int = setting(
        0,
        "random seed of the split, the initial weights, the order and the augmentation",
        metavar="SEED",
    )

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Read a config from JSON, with lists for tuples, also of earlier versions.

        Raises
        ------
        ConfigError
            If a setting is out of range or was removed.
        TypeError
            If a setting is unknown.
        """
        fields = current_training_fields(fields)
        configs: dict[str, Any] = {
            "dataset": DatasetConfig(**_with_tuples(fields["dataset"])),
            "model": ModelConfig.from_dict(fields["model"]),
            "optimizer": OptimizerConfig(**fields["optimizer"]),
            "loss": LossConfig(**fields["loss"]),
            "distillation": DistillationConfig(**fields["distillation"]),
        }
        augmentation = fields["augmentation"]
        configs["augmentation"] = (
            AugmentationConfig(**augmentation) if augmentation is not None else None
        )
        return cls(**{**fields, **configs})

    def __post_init__(self) -> None:
        check_sampling(self.sampling)
        for name in ("epochs", "batch_size", "patience", "n_devices", "n_threads"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed must be at least 0 and below 2**32, got {self.seed!r}")
        if self.model.name != "squeezenet" and self.distillation.teacher_width != 1:
            raise ConfigError(
                f"teacher_width must be 1 with {self.model.name}, which has no width to change, "
                f"got {self.distillation.teacher_width!r}"
            )
        if self.batch_size < self.n_devices:
            raise ConfigError(
                f"batch_size must be at least n_devices, got {self.batch_size} for {self.n_devices}"
            )


def _with_tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
