"""The recipes that are compared: each says what it does otherwise than the defaults.

Those of the first part build on one another, a step each. Those of the second each change one thing
of a step. The last ones are what a person would otherwise pick, see `recipe_baselines`: networks
take the place of SqueezeNet in ``without others``, trees learn from the segments of ``plain``.

Recipes keep the names of their lines in ``docs/recipes.csv``: ``others`` are auxiliary classes,
``partly named`` are partial labels, ``fine bands`` is a stride of 1 in the stem, ``taught`` is
distilled. That table also has lines of recipes that are gone with what they changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import recipe_baselines as baselines
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.models.model_config import ModelConfig
from birdsong.learning.training.distillation_config import DistillationConfig
from birdsong.learning.training.loss_config import LossConfig
from birdsong.learning.training.optimizer_config import OptimizerConfig
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.loading.augmentation_config import AugmentationConfig
from birdsong.preprocessing.preprocess_recording import PreprocessConfig
from birdsong.sound.spectrogram import SpectrogramConfig

METRICS = ("top1", "top5", "macro_recall", "mean_average_precision", "top1_genus", "top1_order")
"""What is measured of each, by recording."""

MIN_RECORDINGS = 6
"""Of a label."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is done otherwise than by default: fields of the config that each is named after.

    With `first_epochs` it is pretrained, for so many epochs, on the species that have too few
    recordings for a label.
    """

    spectrogram: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    optimizer: Mapping[str, Any] = field(default_factory=dict)
    loss: Mapping[str, Any] = field(default_factory=dict)
    distillation: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    first_epochs: int = 0

    def and_then(self, **settings: Mapping[str, Any]) -> Recipe:
        """Change more: fields by the name of their config."""
        changed: dict[str, Any] = {
            name: {**getattr(self, name), **settings[name]} for name in settings
        }
        return replace(self, **changed)

    def preprocess_config(self) -> PreprocessConfig:
        """Return how its images are made."""
        spectrogram = SpectrogramConfig(**self.spectrogram)
        return PreprocessConfig(spectrogram=spectrogram, **self.preprocessing)

    def training_config(self, epochs: int) -> TrainingConfig:
        """Return how it is trained where the folds are all that is held out."""
        dataset = DatasetConfig(
            min_recordings=MIN_RECORDINGS,
            validation_share=0.0,
            calibration_share=0.0,
            test_share=0.0,
        )
        return TrainingConfig(
            dataset=replace(dataset, **self.dataset),
            model=ModelConfig(**self.model),
            optimizer=OptimizerConfig(**self.optimizer),
            loss=LossConfig(**self.loss),
            distillation=DistillationConfig(**self.distillation),
            augmentation=AugmentationConfig(**self.augmentation),
            epochs=epochs,
            **self.training,
        )


_PLAIN = Recipe(
    spectrogram={"n_fft": 1024, "hop_length": 360, "background_share": 1.0},
    preprocessing={"step_s": 1.5},
    loss={"name": "cross-entropy"},
)
_TREE = _PLAIN.and_then(loss={"name": "hierarchical"})
_OTHERS = _TREE.and_then(
    training={"mixed_precision": True, "batch_size": 32}, dataset={"auxiliary_classes": True}
)
_SHORT = _OTHERS.and_then(spectrogram={"hop_length": 240}, preprocessing={"step_s": 1.0})
_AUGMENTED = _SHORT.and_then(augmentation=asdict(AugmentationConfig.strong()))
_FINE = _AUGMENTED.and_then(model={"stem_freq_stride": 1})
_SHARP = _FINE.and_then(spectrogram={"n_fft": 512})
_HALF = _SHARP.and_then(spectrogram={"background_share": 0.5})
_ALONE = _HALF.and_then(dataset={"auxiliary_classes": False})
_HEADS = _ALONE.and_then(loss={"name": "auxiliary"})

RECIPES: Mapping[str, Recipe] = {
    "plain": _PLAIN,
    "auxiliary": _PLAIN.and_then(loss={"name": "auxiliary"}),
    "hierarchical": _TREE,
    "partly named": _TREE.and_then(dataset={"partial_labels": True}),
    "others": _OTHERS,
    "2 s": _SHORT,
    "augmented": _AUGMENTED,
    "fine bands": _FINE,
    "window of 21 ms": _SHARP,
    "coarse bands": _SHARP.and_then(model={"stem_freq_stride": 2}),
    "log": _SHARP.and_then(spectrogram={"background_share": 0.0}),
    "half subtracted": _HALF,
    "half subtracted, 16 ms": _HALF.and_then(spectrogram={"n_fft": 384}),
    "half subtracted, 60 dB": _HALF.and_then(spectrogram={"brightest_db": 60.0}),
    "without others": _ALONE,
    "without others, auxiliary": _HEADS,
    "others first, auxiliary": replace(_HEADS, first_epochs=20),
    "half subtracted, auxiliary": _HALF.and_then(loss={"name": "auxiliary"}),
    "half subtracted, cross-entropy": _HALF.and_then(loss={"name": "cross-entropy"}),
    "sessions balanced": _HALF.and_then(training={"sampling": "session-balanced"}),
    "EMA": _HALF.and_then(optimizer={"ema_momentum": 0.99}),
    "wide": _HALF.and_then(model={"width": 1.5}),
    "tilted": _HALF.and_then(augmentation={"max_tilt_db": 6.0}),
    "twice the rate": _HALF.and_then(optimizer={"learning_rate": 2e-3}),
    "less dropout": _HALF.and_then(model={"dropout": 0.2}),
    "taught by one": _HALF.and_then(distillation={"n_teachers": 1}),
    "taught by two": _HALF.and_then(distillation={"n_teachers": 2}),
    **{
        name: replace(_ALONE, model={"name": network})
        for name, network in baselines.NETWORKS.items()
    },
    **dict.fromkeys(baselines.FORESTS, _PLAIN),
}


def run_folder(work: Path, name: str, fold: int, epochs: int) -> Path:
    """Where a recipe's training without a fold is kept."""
    return work / f"{name.replace(', ', '-').replace(' ', '-')}-{epochs}" / str(fold)
