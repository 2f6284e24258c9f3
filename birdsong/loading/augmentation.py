"""Augmentation of batches of images, in numpy.

`AugmentationConfig` sets the ranges, `draw_augmentation` draws the parameters of a batch, and this
module applies them. `benchmarks.augmentation_layer` does the same on the GPU.

Every step is a copy of slices, a lookup or integer arithmetic, so the same parameters give the same
bytes on any machine. Each step processes a few images at a time, which fit in the processor's
cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from birdsong.arrays import FloatArray, ImageArray, IntArray
from birdsong.images.grey_level_tables import (
    BRIGHTEST,
    GREY_DB,
    gain_table,
    mixing_table,
    to_grey_levels,
)
from birdsong.loading.augmentation_config import AugmentationConfig
from birdsong.loading.augmentation_parameters import (
    MIXUP_STEPS,
    AugmentationParameters,
    draw_augmentation,
)

__all__ = [
    "AugmentationConfig",
    "AugmentationParameters",
    "apply_augmentation",
    "augment_images",
    "draw_augmentation",
]

_IMAGES_AT_A_TIME = 8  # images; their look-up indices fill 800 kB in the default shape
_DIFFERENCES = 2 * BRIGHTEST + 1


def apply_augmentation(
    images: ImageArray,
    targets: FloatArray,
    parameters: AugmentationParameters,
    config: AugmentationConfig,
    backgrounds: ImageArray | None = None,
    *,
    grey_db: float = GREY_DB,
) -> tuple[ImageArray, FloatArray]:
    """Augment the images of a batch, and mix their targets as their images are mixed.

    Parameters
    ----------
    images, draws, config, backgrounds, grey_db
        As in `augment_images`.
    targets : float32, shape (n, n_labels)

    Returns
    -------
    images : uint8, shape (n, n_mels, n_frames)
    targets : float32, shape (n, n_labels)
        Mixed in the same proportions as the images.

    Raises
    ------
    ValueError
        If the config wants backgrounds and none are given.
    """
    changed = augment_images(images, parameters, config, backgrounds, grey_db=grey_db)
    return changed, _mix_targets(targets, parameters) if config.mixup_alpha > 0 else targets


def augment_images(
    images: ImageArray,
    parameters: AugmentationParameters,
    config: AugmentationConfig,
    backgrounds: ImageArray | None = None,
    *,
    grey_db: float = GREY_DB,
) -> ImageArray:
    """Augment the images of a batch.

    The order is tempo and time, pitch, gain and tilt, background, masks, mixup, so that a mixed-in
    background does not move with the song, and masks cover everything.

    Parameters
    ----------
    images : uint8, shape (n, n_mels, n_frames)
    parameters : AugmentationParameters
        Of `n` images, drawn for the same config.
    config : AugmentationConfig
        Augmentations that it switches off are skipped, whatever the parameters.
    backgrounds : uint8, shape (n_backgrounds, n_mels, n_frames), optional
        Needed where the config wants backgrounds.
    grey_db : float
        Decibels of one grey level.

    Returns
    -------
    uint8, shape (n, n_mels, n_frames)

    Raises
    ------
    ValueError
        If the config wants backgrounds and none are given.
    """
    n_bands, n_frames = images.shape[1:]
    if config.max_tempo_change > 0:
        changed = _change_tempo(images, time_table(parameters, n_frames))
    else:
        changed = _roll(images, parameters.shift_frames)
    if config.max_pitch_bands > 0:
        _change_pitch(changed, parameters.pitch_bands)
    if config.max_gain_db > 0 or config.max_tilt_db > 0:
        _amplify(changed, gains_db(parameters, config, n_bands), grey_db)
    if config.background_share > 0:
        if backgrounds is None:
            raise ValueError("the config mixes backgrounds in, but none are given")
        _mix_backgrounds_in(changed, parameters, backgrounds, grey_db)
    if config.n_time_masks > 0:
        changed *= _unmasked(parameters.time_mask_starts, parameters.time_mask_ends, n_frames)[
            :, np.newaxis
        ]
    if config.n_frequency_masks > 0:
        kept = _unmasked(parameters.frequency_mask_starts, parameters.frequency_mask_ends, n_bands)
        changed *= kept[:, :, np.newaxis]
    return _mix_images(changed, parameters) if config.mixup_alpha > 0 else changed


def time_table(parameters: AugmentationParameters, n_frames: int) -> IntArray:
    """Source frame of each frame after a change of tempo and a shift.

    The nearest frame is used, not an interpolation: frames overlap, and a mean of grey levels would
    blur the onsets of a trill. Frames beyond an edge come from the other edge, as in `np.roll`.

    Returns
    -------
    int, shape (n, n_frames), values in 0..n_frames-1
    """
    middle = np.float32((n_frames - 1) / 2)
    from_middle = np.arange(n_frames, dtype=np.float32) - middle
    nearest = np.floor(parameters.tempo[:, np.newaxis] * from_middle + (middle + np.float32(0.5)))
    table: IntArray = (nearest.astype(np.int64) - parameters.shift_frames[:, np.newaxis]) % n_frames
    return table


def gains_db(
    parameters: AugmentationParameters, config: AugmentationConfig, n_bands: int
) -> FloatArray:
    """Gain of each band of each image, the highest band first.

    Returns
    -------
    float32, shape (n, n_bands), or (n, 1) if all bands have the same gain
    """
    gains: FloatArray = (parameters.gain_db if config.max_gain_db > 0 else 0 * parameters.gain_db)[
        :, None
    ]
    if config.max_tilt_db == 0:
        return gains
    return gains + parameters.tilt_db[:, None] * np.linspace(0.5, -0.5, n_bands, dtype=np.float32)


def _parts(n: int) -> Iterator[slice]:
    for first in range(0, n, _IMAGES_AT_A_TIME):
        yield slice(first, min(first + _IMAGES_AT_A_TIME, n))


def _roll(images: ImageArray, shifts: IntArray) -> ImageArray:
    changed = np.empty_like(images)
    n_frames = images.shape[2]
    for image, rolled, shift in zip(images, changed, shifts % n_frames, strict=True):
        rolled[:, shift:] = image[:, : n_frames - shift]
        rolled[:, :shift] = image[:, n_frames - shift :]
    return changed


def _change_tempo(images: ImageArray, table: IntArray) -> ImageArray:
    changed = np.empty_like(images)
    n_bands, n_frames = images.shape[1:]
    for part in _parts(len(images)):
        # With time first, a frame is 64 bytes or so in a row, copied at once.
        frames = np.ascontiguousarray(images[part].transpose(0, 2, 1)).reshape(-1, n_bands)
        firsts = np.arange(0, len(frames), n_frames)[:, np.newaxis]
        taken = np.take(frames, table[part] + firsts, axis=0)
        changed[part] = taken.transpose(0, 2, 1)
    return changed


def _change_pitch(images: ImageArray, bands: IntArray) -> None:
    """Shift by whole bands: interpolation would weaken a whistle, which fills one or two bands."""
    n_bands = images.shape[1]
    for image, up in zip(images, np.clip(bands, -n_bands, n_bands).tolist(), strict=True):
        if up > 0:
            image[: n_bands - up] = image[up:]
            image[n_bands - up :] = 0
        elif up < 0:
            image[-up:] = image[:up]
            image[:-up] = 0


def _amplify(images: ImageArray, gains: FloatArray, grey_db: float) -> None:
    table = gain_table(grey_db).ravel()
    firsts = (BRIGHTEST + 1) * _table_row(to_grey_levels(gains, grey_db))[..., np.newaxis]
    places = np.empty((_IMAGES_AT_A_TIME, *images.shape[1:]), np.intp)
    for part in _parts(len(images)):
        own = images[part]
        place = places[: len(own)]
        place[...] = own
        place += firsts[part]
        np.take(table, place, out=own, mode="clip")  # "raise" copies `out`


def _mix_backgrounds_in(
    images: ImageArray, parameters: AugmentationParameters, backgrounds: ImageArray, grey_db: float
) -> None:
    chosen = np.flatnonzero(parameters.backgrounds >= 0)
    loudest = images.max(axis=(1, 2)).astype(np.int64)
    above = loudest - to_grey_levels(parameters.background_snr_db, grey_db)
    tables = mixing_table(grey_db)[_table_row(above)[chosen]]
    differences = np.empty((_IMAGES_AT_A_TIME, *images.shape[1:]), np.int16)
    places = np.empty((_IMAGES_AT_A_TIME, *images.shape[1:]), np.intp)
    firsts = BRIGHTEST + _DIFFERENCES * np.arange(_IMAGES_AT_A_TIME)[:, np.newaxis, np.newaxis]
    firsts = firsts.astype(np.int16)
    for part in _parts(len(chosen)):
        own: ImageArray = images[chosen[part]]
        difference, place = differences[: len(own)], places[: len(own)]
        difference[...] = backgrounds[parameters.backgrounds[chosen[part]]]
        difference -= own
        difference += firsts[: len(own)]
        place[...] = difference
        change = np.take(tables[part].ravel(), place, mode="clip")
        images[chosen[part]] = own + change  # in 8 bits, as the table is made for


def _table_row(levels: IntArray) -> IntArray:
    """Return the row of a table for a difference of grey levels, clipped to its range."""
    return BRIGHTEST + np.clip(levels, -BRIGHTEST, BRIGHTEST)


def _unmasked(starts: IntArray, ends: IntArray, size: int) -> ImageArray:
    """Return 1 outside the masks and 0 inside, uint8 (n, size)."""
    places = np.arange(size)
    covered = (places >= starts[..., np.newaxis]) & (places < ends[..., np.newaxis])
    return np.asarray(~covered.any(axis=1), np.uint8)


def _mix_images(images: ImageArray, parameters: AugmentationParameters) -> ImageArray:
    weights = np.rint(parameters.own_weights * MIXUP_STEPS).astype(np.uint16)[
        :, np.newaxis, np.newaxis
    ]
    mixed = np.empty_like(images)
    is_mixed = parameters.own_weights < 1
    mixed[~is_mixed] = images[~is_mixed]
    chosen = np.flatnonzero(is_mixed)
    for part in _parts(len(chosen)):
        items = chosen[part]
        total = images[items] * weights[items]
        total += images[parameters.partners[items]] * (MIXUP_STEPS - weights[items])
        total += MIXUP_STEPS // 2
        total >>= 8
        mixed[items] = total
    return mixed


def _mix_targets(targets: FloatArray, parameters: AugmentationParameters) -> FloatArray:
    own = parameters.own_weights[:, np.newaxis]
    mixed: FloatArray = own * targets + (1 - own) * targets[parameters.partners]
    return mixed
