"""The recipes that are compared: each says what it does otherwise than the defaults.

Those of the first part build on one another, a step each. Those of the second each change one thing
of a step. The last ones are what a person would otherwise pick, see `recipe_baselines`: networks
take the place of SqueezeNet in ``without others``, trees learn from the segments of ``plain``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import recipe_baselines as baselines
from birdsong.loading.augmentation_config import AugmentationConfig

METRICS = ("top1", "top5", "macro_recall", "mean_average_precision", "top1_genus", "top1_order")
"""What is measured of each, by recording."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is done otherwise than by default: fields of the configs.

    With `first_epochs` it begins with a network that learned, for so many epochs, the species that
    have too few recordings for a label.
    """

    spectrogram: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    first_epochs: int = 0

    def and_then(self, **settings: Mapping[str, Any]) -> Recipe:
        """Change more: fields by the name of their config."""
        changed: dict[str, Any] = {
            name: {**getattr(self, name), **settings[name]} for name in settings
        }
        return replace(self, **changed)


_PLAIN = Recipe(
    spectrogram={"n_fft": 1024, "hop_length": 360, "background_share": 1.0},
    preprocessing={"step_s": 1.5},
    training={"loss": "cross-entropy"},
)
_TREE = _PLAIN.and_then(training={"loss": "hierarchical"})
_OTHERS = _TREE.and_then(
    training={"mixed_precision": True, "batch_size": 32}, dataset={"others": True}
)
_SHORT = _OTHERS.and_then(spectrogram={"hop_length": 240}, preprocessing={"step_s": 1.0})
_CHANGED = _SHORT.and_then(augmentation=asdict(AugmentationConfig.strong()))
_FINE = _CHANGED.and_then(training={"fine_bands": True})
_SHARP = _FINE.and_then(spectrogram={"n_fft": 512})
_HALF = _SHARP.and_then(spectrogram={"background_share": 0.5})
_ALONE = _HALF.and_then(dataset={"others": False})
_HEADS = _ALONE.and_then(training={"loss": "auxiliary"})
_TOLD = _HALF.and_then(training={"bypass": True, "peaks": True, "frequency_channel": True})

RECIPES: Mapping[str, Recipe] = {
    "plain": _PLAIN,
    "soft labels": _PLAIN.and_then(training={"loss": "soft-labels"}),
    "auxiliary": _PLAIN.and_then(training={"loss": "auxiliary"}),
    "hierarchical": _TREE,
    "partly named": _TREE.and_then(dataset={"partly_named": True}),
    "others": _OTHERS,
    "2 s": _SHORT,
    "augmented": _CHANGED,
    "fine bands": _FINE,
    "window of 21 ms": _SHARP,
    "coarse bands": _SHARP.and_then(training={"fine_bands": False}),
    "log": _SHARP.and_then(spectrogram={"background_share": 0.0}),
    "half subtracted": _HALF,
    "half subtracted, 16 ms": _HALF.and_then(spectrogram={"n_fft": 384}),
    "half subtracted, 60 dB": _HALF.and_then(spectrogram={"brightest_db": 60.0}),
    "without others": _ALONE,
    "without others, auxiliary": _HEADS,
    "others first, auxiliary": replace(_HEADS, first_epochs=20),
    "half subtracted, auxiliary": _HALF.and_then(training={"loss": "auxiliary"}),
    "half subtracted, cross-entropy": _HALF.and_then(training={"loss": "cross-entropy"}),
    "sessions balanced": _HALF.and_then(training={"sampling": "session-balanced"}),
    "bypass and averages": _HALF.and_then(training={"bypass": True, "ema_momentum": 0.99}),
    "bypass": _HALF.and_then(training={"bypass": True}),
    "peaks": _HALF.and_then(training={"peaks": True}),
    "told the frequency": _HALF.and_then(training={"frequency_channel": True}),
    "bypass, frequency": _HALF.and_then(training={"bypass": True, "frequency_channel": True}),
    "bypass, peaks, frequency": _TOLD,
    "tilted, mixed more": _TOLD.and_then(augmentation={"max_tilt_db": 6.0, "mixup_alpha": 0.5}),
    "more decay": _TOLD.and_then(training={"weight_decay": 0.05}),
    "wide": _HALF.and_then(training={"width": 1.5}),
    "tilted": _HALF.and_then(augmentation={"max_tilt_db": 6.0}),
    "twice the rate": _HALF.and_then(training={"learning_rate": 2e-3}),
    "less dropout": _HALF.and_then(training={"dropout": 0.2}),
    "taught by one": _HALF.and_then(training={"n_teachers": 1}),
    "taught by two": _HALF.and_then(training={"n_teachers": 2}),
    **dict.fromkeys(baselines.NETWORKS, _ALONE),
    **dict.fromkeys(baselines.FORESTS, _PLAIN),
}


def run_folder(work: Path, name: str, fold: int, epochs: int) -> Path:
    """Where a recipe's training without a fold is kept."""
    return work / f"{name.replace(', ', '-').replace(' ', '-')}-{epochs}" / str(fold)
