"""``(batch, generators) -> batch``: what may change in a picture without changing its bird.

A song may start earlier or later, a stretch of time or a range of frequencies may be covered, and
two birds may sing at once. Flips and rotations are absent: a song played backwards or upside down
is another song.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdsong.arrays import FloatArray, ImageArray
from birdsong.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig:
    """How much a picture is changed.

    Attributes
    ----------
    max_shift_frames : int
        Pictures are rolled in time by up to this many frames either way.
    n_time_masks, max_time_mask_frames : int
        Stretches of time set to background, and how wide each is at most.
    n_frequency_masks, max_frequency_mask_bands : int
        Ranges of mel bands set to background, and how high each is at most.
    mixup_alpha : float
        Each picture is laid over another of its batch, weighted by a draw from
        ``Beta(mixup_alpha, mixup_alpha)``; 0 for none.

    References
    ----------
    .. [1] Park et al. (2019), SpecAugment, Interspeech.
    .. [2] Zhang, Cisse, Dauphin & Lopez-Paz (2018), mixup: beyond empirical risk minimization.
    """

    max_shift_frames: int = 60
    n_time_masks: int = 1
    max_time_mask_frames: int = 30
    n_frequency_masks: int = 1
    max_frequency_mask_bands: int = 8
    mixup_alpha: float = 0.2

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < 0:
                raise ConfigError(
                    f"AugmentConfig.{name} must be at least 0, got {getattr(self, name)!r}"
                )


def augment(
    pictures: ImageArray,
    targets: FloatArray,
    generators: Sequence[np.random.Generator],
    config: AugmentConfig,
) -> tuple[ImageArray, FloatArray]:
    """Change each picture of a batch by draws from its own generator.

    Parameters
    ----------
    pictures : uint8, shape (n, 64, 200)
    targets : float32, shape (n, n_labels)
    generators : sequence of numpy Generator, length n
        One for each picture, so that a batch does not depend on who made it.
    config : AugmentConfig

    Returns
    -------
    pictures : uint8, shape (n, 64, 200)
    targets : float32, shape (n, n_labels)
        Mixed in the same proportions as the pictures.
    """
    n, n_bands, n_frames = pictures.shape
    changed = np.empty_like(pictures)
    weights = np.ones(n, np.float32)
    for i, generator in enumerate(generators):
        shift = generator.integers(-config.max_shift_frames, config.max_shift_frames + 1)
        changed[i] = np.roll(pictures[i], shift, axis=1)
        for _ in range(config.n_time_masks):
            changed[i, :, _stretch(generator, config.max_time_mask_frames, n_frames)] = 0
        for _ in range(config.n_frequency_masks):
            changed[i, _stretch(generator, config.max_frequency_mask_bands, n_bands)] = 0
        if config.mixup_alpha > 0:
            share = generator.beta(config.mixup_alpha, config.mixup_alpha)
            weights[i] = max(share, 1 - share)
    if config.mixup_alpha == 0 or n == 1:
        return changed, targets
    own = weights[:, np.newaxis]
    targets = own * targets + (1 - own) * np.roll(targets, 1, axis=0)
    own = own[:, np.newaxis]
    mixed = own * changed + (1 - own) * np.roll(changed, 1, axis=0)
    return np.rint(mixed).astype(np.uint8), targets


def _stretch(generator: np.random.Generator, max_length: int, size: int) -> slice:
    """Draw a stretch of up to `max_length` that lies within `size`."""
    length = int(generator.integers(0, min(max_length, size) + 1))
    first = int(generator.integers(0, size - length + 1))
    return slice(first, first + length)
