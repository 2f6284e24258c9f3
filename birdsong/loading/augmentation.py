"""Images changed as draws say, whole batches at a time, in numpy.

`augmentation_config` says what may change, `augmentation_parameters` draws how much;
here it is done. `benchmarks.augmentation_layer` does the same on the device that learns.

Every step is a copy of slices, a look-up or a sum in whole numbers: the same draws give the same
bytes on any machine. Steps work through a batch a few images at a time, which stay in the
processor's cache.
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
    whole_levels,
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

_AT_A_TIME = 8  # images; their look-up indices fill 800 kB in the default shape
_DIFFERENCES = 2 * BRIGHTEST + 1


def apply_augmentation(
    images: ImageArray,
    targets: FloatArray,
    draws: AugmentationParameters,
    config: AugmentationConfig,
    backgrounds: ImageArray | None = None,
    *,
    grey_db: float = GREY_DB,
) -> tuple[ImageArray, FloatArray]:
    """Change each image of a batch, and what it teaches, as was drawn for it.

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
    changed = augment_images(images, draws, config, backgrounds, grey_db=grey_db)
    return changed, _mixed_targets(targets, draws) if config.mixup_alpha > 0 else targets


def augment_images(
    images: ImageArray,
    draws: AugmentationParameters,
    config: AugmentationConfig,
    backgrounds: ImageArray | None = None,
    *,
    grey_db: float = GREY_DB,
) -> ImageArray:
    """Change each image of a batch as was drawn for it.

    Tempo and time, pitch, gain and tilt, background, masks, mixup: in that order, so that what lies
    under a song does not move with it, and a mask covers everything.

    Parameters
    ----------
    images : uint8, shape (n, n_mels, n_frames)
    draws : AugmentationParameters
        Of `n` images, drawn for the same config.
    config : AugmentationConfig
        A kind that it switches off is left out, whatever the draws say.
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
        changed = _in_another_tempo(images, time_table(draws, n_frames))
    else:
        changed = _rolled(images, draws.shift_frames)
    if config.max_pitch_bands > 0:
        _change_pitch(changed, draws.pitch_bands)
    if config.max_gain_db > 0 or config.max_tilt_db > 0:
        _amplify(changed, gains_db(draws, config, n_bands), grey_db)
    if config.background_share > 0:
        if backgrounds is None:
            raise ValueError("the config mixes backgrounds in, but none are given")
        _mix_backgrounds_in(changed, draws, backgrounds, grey_db)
    if config.n_time_masks > 0:
        changed *= _kept(draws.time_mask_starts, draws.time_mask_ends, n_frames)[:, np.newaxis]
    if config.n_frequency_masks > 0:
        kept = _kept(draws.frequency_mask_starts, draws.frequency_mask_ends, n_bands)
        changed *= kept[:, :, np.newaxis]
    return _mixed(changed, draws) if config.mixup_alpha > 0 else changed


def time_table(draws: AugmentationParameters, n_frames: int) -> IntArray:
    """Tell which frame of an image each frame of the changed one shows.

    The nearest one, not a mean of two: frames overlap and are much alike, and a mean in grey levels
    would dull the onsets of a trill. Frames beyond an edge are those from the other
    edge, as when rolling.

    Returns
    -------
    int, shape (n, n_frames), values in 0..n_frames-1
    """
    middle = np.float32((n_frames - 1) / 2)
    from_middle = np.arange(n_frames, dtype=np.float32) - middle
    nearest = np.floor(draws.tempo[:, np.newaxis] * from_middle + (middle + np.float32(0.5)))
    table: IntArray = (nearest.astype(np.int64) - draws.shift_frames[:, np.newaxis]) % n_frames
    return table


def gains_db(draws: AugmentationParameters, config: AugmentationConfig, n_bands: int) -> FloatArray:
    """Tell how much louder each band of each image becomes, the highest band first.

    Returns
    -------
    float32, shape (n, n_bands), or (n, 1) where all bands become so
    """
    gains: FloatArray = (draws.gain_db if config.max_gain_db > 0 else 0 * draws.gain_db)[:, None]
    if config.max_tilt_db == 0:
        return gains
    return gains + draws.tilt_db[:, None] * np.linspace(0.5, -0.5, n_bands, dtype=np.float32)


def _parts(n: int) -> Iterator[slice]:
    for first in range(0, n, _AT_A_TIME):
        yield slice(first, min(first + _AT_A_TIME, n))


def _rolled(images: ImageArray, shifts: IntArray) -> ImageArray:
    changed = np.empty_like(images)
    n_frames = images.shape[2]
    for image, rolled, shift in zip(images, changed, shifts % n_frames, strict=True):
        rolled[:, shift:] = image[:, : n_frames - shift]
        rolled[:, :shift] = image[:, n_frames - shift :]
    return changed


def _in_another_tempo(images: ImageArray, table: IntArray) -> ImageArray:
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
    """Move by whole bands: a whistle is one or two bands thick, and half of it would be lost."""
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
    firsts = (BRIGHTEST + 1) * _row(whole_levels(gains, grey_db))[..., np.newaxis]
    places = np.empty((_AT_A_TIME, *images.shape[1:]), np.intp)
    for part in _parts(len(images)):
        own = images[part]
        place = places[: len(own)]
        place[...] = own
        place += firsts[part]
        np.take(table, place, out=own, mode="clip")  # "raise" copies `out`


def _mix_backgrounds_in(
    images: ImageArray, draws: AugmentationParameters, backgrounds: ImageArray, grey_db: float
) -> None:
    chosen = np.flatnonzero(draws.backgrounds >= 0)
    loudest = images.max(axis=(1, 2)).astype(np.int64)
    above = loudest - whole_levels(draws.background_snr_db, grey_db)
    tables = mixing_table(grey_db)[_row(above)[chosen]]
    differences = np.empty((_AT_A_TIME, *images.shape[1:]), np.int16)
    places = np.empty((_AT_A_TIME, *images.shape[1:]), np.intp)
    firsts = BRIGHTEST + _DIFFERENCES * np.arange(_AT_A_TIME)[:, np.newaxis, np.newaxis]
    firsts = firsts.astype(np.int16)
    for part in _parts(len(chosen)):
        own: ImageArray = images[chosen[part]]
        difference, place = differences[: len(own)], places[: len(own)]
        difference[...] = backgrounds[draws.backgrounds[chosen[part]]]
        difference -= own
        difference += firsts[: len(own)]
        place[...] = difference
        change = np.take(tables[part].ravel(), place, mode="clip")
        images[chosen[part]] = own + change  # in 8 bits, as the table is made for


def _row(levels: IntArray) -> IntArray:
    """Tell which row of a table is for so many grey levels, or for the most that it knows."""
    return BRIGHTEST + np.clip(levels, -BRIGHTEST, BRIGHTEST)


def _kept(starts: IntArray, ends: IntArray, size: int) -> ImageArray:
    """Tell where no mask lies, uint8 (n, size): 1 to multiply with, 0 where one does."""
    places = np.arange(size)
    covered = (places >= starts[..., np.newaxis]) & (places < ends[..., np.newaxis])
    return np.asarray(~covered.any(axis=1), np.uint8)


def _mixed(images: ImageArray, draws: AugmentationParameters) -> ImageArray:
    weights = np.rint(draws.own_weights * MIXUP_STEPS).astype(np.uint16)[:, np.newaxis, np.newaxis]
    mixed = np.empty_like(images)
    is_mixed = draws.own_weights < 1
    mixed[~is_mixed] = images[~is_mixed]
    chosen = np.flatnonzero(is_mixed)
    for part in _parts(len(chosen)):
        items = chosen[part]
        total = images[items] * weights[items]
        total += images[draws.partners[items]] * (MIXUP_STEPS - weights[items])
        total += MIXUP_STEPS // 2
        total >>= 8
        mixed[items] = total
    return mixed


def _mixed_targets(targets: FloatArray, draws: AugmentationParameters) -> FloatArray:
    own = draws.own_weights[:, np.newaxis]
    mixed: FloatArray = own * targets + (1 - own) * targets[draws.partners]
    return mixed
