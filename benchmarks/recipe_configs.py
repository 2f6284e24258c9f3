"""Configs of the recipes that `recipes` compares, as changes of the defaults.

The first recipes build on each other, a change each. The following ones change one setting of
another recipe. The last are the baselines of `recipe_baselines`: other networks replace SqueezeNet
in ``without others``, and forests use the segments of ``plain``.

Recipes keep their names in ``docs/recipes.csv``: ``others`` are auxiliary classes, ``partly named``
are partial labels, ``fine bands`` is a stride of 1 in the stem, ``taught`` is distillation. That
table also has lines of recipes whose settings were removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import recipe_baselines as baselines
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.models.registry import ModelConfig
from birdsong.learning.training.distillation_config import DistillationConfig
from birdsong.learning.training.loss_config import LossConfig
from birdsong.learning.training.optimizer_config import OptimizerConfig
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.loading.augmentation_config import AugmentationConfig
from birdsong.preprocessing.preprocess_recording import PreprocessConfig
from birdsong.sound.spectrogram import SpectrogramConfig

METRICS = ("top1", "top5", "macro_recall", "mean_average_precision", "top1_genus", "top1_order")
"""Metrics of each recipe, by recording."""

MIN_RECORDINGS = 6
"""Minimum number of recordings of a label."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Changed settings, by the name of their config.

    With `first_epochs` the network is pretrained for so many epochs on the species that have too
    few recordings for a label.
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

    def with_changes(self, **settings: Mapping[str, Any]) -> Recipe:
        """Return a recipe with further changes, by the name of their config."""
        changed: dict[str, Any] = {
            name: {**getattr(self, name), **settings[name]} for name in settings
        }
        return replace(self, **changed)

    def preprocess_config(self) -> PreprocessConfig:
        """Return the config of preprocessing."""
        spectrogram = SpectrogramConfig(**self.spectrogram)
        return PreprocessConfig(spectrogram=spectrogram, **self.preprocessing)

    def training_config(self, epochs: int) -> TrainingConfig:
        """Return the config of training, with only the folds held out."""
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
_TREE = _PLAIN.with_changes(loss={"name": "hierarchical"})
_OTHERS = _TREE.with_changes(
    training={"mixed_precision": True, "batch_size": 32}, dataset={"auxiliary_classes": True}
)
_SHORT = _OTHERS.with_changes(spectrogram={"hop_length": 240}, preprocessing={"step_s": 1.0})
_AUGMENTED = _SHORT.with_changes(augmentation=asdict(AugmentationConfig.strong()))
_FINE = _AUGMENTED.with_changes(model={"stem_freq_stride": 1})
_SHARP = _FINE.with_changes(spectrogram={"n_fft": 512})
_HALF = _SHARP.with_changes(spectrogram={"background_share": 0.5})
_ALONE = _HALF.with_changes(dataset={"auxiliary_classes": False})
_HEADS = _ALONE.with_changes(loss={"name": "auxiliary"})

RECIPES: Mapping[str, Recipe] = {
    "plain": _PLAIN,
    "auxiliary": _PLAIN.with_changes(loss={"name": "auxiliary"}),
    "hierarchical": _TREE,
    "partly named": _TREE.with_changes(dataset={"partial_labels": True}),
    "others": _OTHERS,
    "2 s": _SHORT,
    "augmented": _AUGMENTED,
    "fine bands": _FINE,
    "window of 21 ms": _SHARP,
    "coarse bands": _SHARP.with_changes(model={"stem_freq_stride": 2}),
    "log": _SHARP.with_changes(spectrogram={"background_share": 0.0}),
    "half subtracted": _HALF,
    "half subtracted, 16 ms": _HALF.with_changes(spectrogram={"n_fft": 384}),
    "half subtracted, 60 dB": _HALF.with_changes(spectrogram={"brightest_db": 60.0}),
    "without others": _ALONE,
    "without others, auxiliary": _HEADS,
    "others first, auxiliary": replace(_HEADS, first_epochs=20),
    "half subtracted, auxiliary": _HALF.with_changes(loss={"name": "auxiliary"}),
    "half subtracted, cross-entropy": _HALF.with_changes(loss={"name": "cross-entropy"}),
    "sessions balanced": _HALF.with_changes(training={"sampling": "session-balanced"}),
    "EMA": _HALF.with_changes(optimizer={"ema_momentum": 0.99}),
    "wide": _HALF.with_changes(model={"width": 1.5}),
    "tilted": _HALF.with_changes(augmentation={"max_tilt_db": 6.0}),
    "twice the rate": _HALF.with_changes(optimizer={"learning_rate": 2e-3}),
    "less dropout": _HALF.with_changes(model={"dropout": 0.2}),
    "taught by one": _HALF.with_changes(distillation={"n_teachers": 1}),
    "taught by two": _HALF.with_changes(distillation={"n_teachers": 2}),
    **{
        name: replace(_ALONE, model={"name": network})
        for name, network in baselines.NETWORKS.items()
    },
    **dict.fromkeys(baselines.FORESTS, _PLAIN),
}


def run_folder(work: Path, name: str, fold: int, epochs: int) -> Path:
    """Folder of the training of a recipe for a fold."""
    return work / f"{name.replace(', ', '-').replace(' ', '-')}-{epochs}" / str(fold)
