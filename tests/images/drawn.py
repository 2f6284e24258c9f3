"""AugmentationParameters and configs for tests: one kind of augmentation alone, and by how much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from birdsong.loading.augmentation import (
    AugmentationConfig,
    AugmentationParameters,
    draw_augmentation,
)

NOTHING = AugmentationConfig(
    max_shift_frames=0, n_time_masks=0, n_frequency_masks=0, mixup_alpha=0.0
)

KINDS = {
    "nothing": NOTHING,
    "shift": replace(NOTHING, max_shift_frames=60),
    "time masks": replace(NOTHING, n_time_masks=2, max_time_mask_frames=30),
    "frequency masks": replace(NOTHING, n_frequency_masks=2, max_frequency_mask_bands=8),
    "mixup": replace(NOTHING, mixup_alpha=1.0),
    "gain": replace(NOTHING, max_gain_db=12.0),
    "tilt": replace(NOTHING, max_tilt_db=12.0),
    "pitch": replace(NOTHING, max_pitch_bands=3),
    "tempo": replace(NOTHING, max_tempo_change=0.2),
    "background": replace(NOTHING, background_share=0.7, min_background_snr_db=0.0),
    "defaults": AugmentationConfig(),
    "everything": AugmentationConfig.full(),
}


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def draws_of(n: int, **values: object) -> AugmentationParameters:
    """Parameters that change nothing but what `values` say; a single number is for all images."""
    nothing = draw_augmentation(generator(), n, NOTHING)
    arrays = {name: np.asarray(each, getattr(nothing, name).dtype) for name, each in values.items()}
    return replace(
        nothing,
        **{name: np.resize(each, n) if each.ndim == 0 else each for name, each in arrays.items()},
    )


def one_hot(n: int) -> np.ndarray:
    return np.eye(n, dtype=np.float32)
