"""Augmentation parameters: small arrays, drawn once for a batch.

Drawing is separate from applying, so that numpy and a GPU can apply the same parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from birdsong.arrays import FloatArray, IntArray
from birdsong.loading.augmentation_config import AugmentationConfig
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

TEMPO_STEPS = 1024
"""Tempos are multiples of 1/1024, so that products with frame numbers are exact in float32."""
MIXUP_STEPS = 256
"""Mixup weights are multiples of 1/256, so that mixing is exact in 16 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationParameters:
    """Augmentation parameters of the `n` images of a batch.

    Attributes
    ----------
    shift_frames : int, shape (n,)
        How far to the right each is rolled.
    tempo : float32, shape (n,)
        How much faster each is, about 1; a whole number of 1024ths.
    pitch_bands : int, shape (n,)
        How far up each is moved.
    gain_db, tilt_db : float32, shape (n,)
    time_mask_starts, time_mask_ends : int, shape (n, n_time_masks)
        First frame that is covered, and first that no longer is.
    frequency_mask_starts, frequency_mask_ends : int, shape (n, n_frequency_masks)
        The same in rows of the image, from the top.
    backgrounds : int, shape (n,)
        Which background is mixed into each; -1 for none.
    background_snr_db : float32, shape (n,)
    partners : int, shape (n,)
        Which image of the batch each is mixed with.
    own_weights : float32, shape (n,), values in [0.5, 1]
        How much of each stays its own; a whole number of 256ths.
    """

    shift_frames: IntArray
    tempo: FloatArray
    pitch_bands: IntArray
    gain_db: FloatArray
    tilt_db: FloatArray
    time_mask_starts: IntArray
    time_mask_ends: IntArray
    frequency_mask_starts: IntArray
    frequency_mask_ends: IntArray
    backgrounds: IntArray
    background_snr_db: FloatArray
    partners: IntArray
    own_weights: FloatArray


def draw_augmentation(
    generator: np.random.Generator,
    n: int,
    config: AugmentationConfig,
    *,
    n_backgrounds: int = 0,
    shape: tuple[int, int] = SPECTROGRAM_SHAPE,
) -> AugmentationParameters:
    """Draw the augmentation parameters of a batch.

    Parameters
    ----------
    generator : numpy Generator
    n : int
        Images in the batch.
    config : AugmentationConfig
    n_backgrounds : int
        Background images to choose from.
    shape : (int, int)
        Rows and columns of the images, which limit the masks.

    Returns
    -------
    AugmentationParameters

    Raises
    ------
    ValueError
        If backgrounds are wanted and there is none.
    """
    if config.background_share > 0 and n_backgrounds < 1:
        raise ValueError(
            f"background_share is {config.background_share}, so at least one background is needed, "
            f"got {n_backgrounds}"
        )
    n_bands, n_frames = shape
    tempo_steps = round(config.max_tempo_change * TEMPO_STEPS)
    time_masks = _masks(generator, (n, config.n_time_masks), config.max_time_mask_frames, n_frames)
    frequency_masks = _masks(
        generator, (n, config.n_frequency_masks), config.max_frequency_mask_bands, n_bands
    )
    gets_background = generator.random(n) < config.background_share
    backgrounds = generator.integers(0, max(n_backgrounds, 1), n)
    own_weights = np.ones(n, np.float32)
    if config.mixup_alpha > 0:
        shares = generator.beta(config.mixup_alpha, config.mixup_alpha, n)
        own_weights[:] = np.rint(np.maximum(shares, 1 - shares) * MIXUP_STEPS) / MIXUP_STEPS
    # One rotation for all: no image is its own partner, and each is a partner once.
    rotation = generator.integers(1, max(n, 2))

    def decibels(lowest: float, highest: float) -> FloatArray:
        return generator.uniform(lowest, highest, n).astype(np.float32)

    return AugmentationParameters(
        shift_frames=_either_way(generator, config.max_shift_frames, n),
        tempo=(1 + _either_way(generator, tempo_steps, n) / TEMPO_STEPS).astype(np.float32),
        pitch_bands=_either_way(generator, config.max_pitch_bands, n),
        gain_db=decibels(-config.max_gain_db, config.max_gain_db),
        time_mask_starts=time_masks[0],
        time_mask_ends=time_masks[1],
        frequency_mask_starts=frequency_masks[0],
        frequency_mask_ends=frequency_masks[1],
        backgrounds=np.where(gets_background, backgrounds, -1),
        background_snr_db=decibels(config.min_background_snr_db, config.max_background_snr_db),
        tilt_db=decibels(-config.max_tilt_db, config.max_tilt_db),
        partners=(np.arange(n) + rotation) % n,
        own_weights=own_weights,
    )


def _either_way(generator: np.random.Generator, largest: int, n: int) -> IntArray:
    return generator.integers(-largest, largest + 1, n)


def _masks(
    generator: np.random.Generator, shape: tuple[int, int], longest: int, size: int
) -> tuple[IntArray, IntArray]:
    """Draw where masks of up to `longest` that lie within `size` begin and end."""
    lengths = generator.integers(0, min(longest, size) + 1, shape)
    starts = generator.integers(0, size - lengths + 1)
    return starts, starts + lengths
