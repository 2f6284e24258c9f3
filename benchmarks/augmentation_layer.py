"""The augmentation of `birdsong.loading.augmentation` in ``keras.ops``, on the device that learns.

Given the same draws it returns the same images: it looks up the same tables of whole numbers.
Shapes are static and nothing branches on a value, so that it compiles. Where the processor feeds
fast enough, numpy's is the one to use; this one is for a device that learns faster than that.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from scipy.special import betainc

from birdsong.arrays import FloatArray, ImageArray
from birdsong.images.grey_level_tables import BRIGHTEST, GREY_DB, gain_table, mixing_table
from birdsong.loading.augmentation import AugmentationConfig, AugmentationParameters, gains_db
from birdsong.loading.augmentation_parameters import MIXUP_STEPS, TEMPO_STEPS
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE


def augment_on_device(
    images: Any,
    targets: Any,
    draws: AugmentationParameters,
    config: AugmentationConfig,
    backgrounds: Any = None,
    *,
    grey_db: float = GREY_DB,
) -> tuple[Any, Any]:
    """Change each image of a batch as was drawn for it.

    Parameters
    ----------
    images : uint8 tensor, shape (n, n_mels, n_frames)
    targets : float32 tensor, shape (n, n_labels)
    draws : AugmentationParameters
        Of `n` images, drawn for the same config; its fields are arrays or tensors.
    config : AugmentationConfig
        A kind that it switches off is left out, whatever the draws say.
    backgrounds : uint8 tensor, shape (n_backgrounds, n_mels, n_frames), optional
        Needed where the config wants backgrounds.
    grey_db : float
        Decibels of one grey level.

    Returns
    -------
    images : uint8 tensor, shape (n, n_mels, n_frames)
    targets : float32 tensor, shape (n, n_labels)

    Raises
    ------
    ValueError
        If the config wants backgrounds and none are given.
    """
    n_bands, n_frames = images.shape[1:]
    levels = ops.cast(images, "int32")
    if config.max_shift_frames > 0 or config.max_tempo_change > 0:
        levels = _gather(levels, _time_table(draws, n_frames)[:, np.newaxis, :], axis=2)
    if config.max_pitch_bands > 0:
        levels = _pitch_changed(levels, _whole(draws.pitch_bands))
    if config.max_gain_db > 0 or config.max_tilt_db > 0:
        table = ops.convert_to_tensor(gain_table(grey_db).astype(np.int32).ravel())
        rows = _row(_whole_levels(gains_db(draws, config, n_bands), grey_db))
        levels = ops.take(table, rows[..., np.newaxis] * (BRIGHTEST + 1) + levels)
    if config.background_share > 0:
        if backgrounds is None:
            raise ValueError("the config mixes backgrounds in, but none are given")
        levels = _backgrounds_mixed_in(levels, draws, backgrounds, grey_db)
    if config.n_time_masks > 0:
        kept = _kept(draws.time_mask_starts, draws.time_mask_ends, n_frames)
        levels = levels * kept[:, np.newaxis, :]
    if config.n_frequency_masks > 0:
        kept = _kept(draws.frequency_mask_starts, draws.frequency_mask_ends, n_bands)
        levels = levels * kept[:, :, np.newaxis]
    if config.mixup_alpha > 0:
        own = ops.cast(draws.own_weights, "float32")
        partners = _whole(draws.partners)
        weights = _of_each(ops.cast(ops.round(own * MIXUP_STEPS), "int32"))
        others = (MIXUP_STEPS - weights) * ops.take(levels, partners, axis=0)
        levels = (weights * levels + others + MIXUP_STEPS // 2) // MIXUP_STEPS
        own = own[:, np.newaxis]
        targets = own * targets + (1 - own) * ops.take(targets, partners, axis=0)
    return ops.cast(levels, "uint8"), targets


def draw_on_device(
    seeds: keras.random.SeedGenerator,
    n: Any,
    config: AugmentationConfig,
    *,
    n_backgrounds: int = 0,
    shape: tuple[int, int] = SPECTROGRAM_SHAPE,
) -> AugmentationParameters:
    """Draw as `birdsong.loading.augmentation_parameters.draw_augmentation` does, on the device.

    Distributions are the same, numbers are others.

    Parameters
    ----------
    seeds : keras.random.SeedGenerator
    n : int or scalar tensor
        Images in the batch.
    config : AugmentationConfig
    n_backgrounds : int
        Background images to choose from.
    shape : (int, int)
        Rows and columns of the images: masks lie within.

    Returns
    -------
    AugmentationParameters
        Its fields are tensors.
    """

    def whole(low: int, high: Any, shape: tuple[Any, ...] = (n,)) -> Any:
        return keras.random.randint(shape, low, high, dtype="int32", seed=seeds)

    def uniform(low: float, high: float) -> Any:
        return keras.random.uniform((n,), low, high, dtype="float32", seed=seeds)

    def stretches(count: int, longest: int, size: int) -> tuple[Any, Any]:
        lengths = whole(0, min(longest, size) + 1, (n, count))
        room = size - lengths
        places = keras.random.uniform((n, count), dtype="float32", seed=seeds)
        starts = ops.cast(ops.floor(places * ops.cast(room + 1, "float32")), "int32")
        starts = ops.minimum(starts, room)  # a product just below a whole number may round to it
        return starts, starts + lengths

    n_bands, n_frames = shape
    tempo_steps = round(config.max_tempo_change * TEMPO_STEPS)
    time_masks = stretches(config.n_time_masks, config.max_time_mask_frames, n_frames)
    frequency_masks = stretches(config.n_frequency_masks, config.max_frequency_mask_bands, n_bands)
    backgrounds = whole(0, max(n_backgrounds, 1))
    own_weights = ops.ones((n,), "float32")
    if config.mixup_alpha > 0:
        chances = ops.convert_to_tensor(_chances_below(config.mixup_alpha))
        passed = ops.sum(_whole(uniform(0, 1)[:, np.newaxis] >= chances), axis=1)
        own_weights = ops.cast(MIXUP_STEPS // 2 + passed, "float32") / MIXUP_STEPS
    rotation = whole(1, ops.maximum(n, 2), ())
    return AugmentationParameters(
        shift_frames=whole(-config.max_shift_frames, config.max_shift_frames + 1),
        tempo=1 + ops.cast(whole(-tempo_steps, tempo_steps + 1), "float32") / TEMPO_STEPS,
        pitch_bands=whole(-config.max_pitch_bands, config.max_pitch_bands + 1),
        gain_db=uniform(-config.max_gain_db, config.max_gain_db),
        tilt_db=uniform(-config.max_tilt_db, config.max_tilt_db),
        time_mask_starts=time_masks[0],
        time_mask_ends=time_masks[1],
        frequency_mask_starts=frequency_masks[0],
        frequency_mask_ends=frequency_masks[1],
        backgrounds=ops.where(uniform(0, 1) < config.background_share, backgrounds, -1),
        background_snr_db=uniform(config.min_background_snr_db, config.max_background_snr_db),
        partners=(ops.arange(n, dtype="int32") + rotation) % n,
        own_weights=own_weights,
    )


class Augment(keras.layers.Layer):  # type: ignore[misc]
    """A layer that draws and changes images and targets, while training.

    For a model that is only trained with, or for a pipeline of batches; it is not meant to be
    saved.

    Parameters
    ----------
    config : AugmentationConfig
    backgrounds : uint8, shape (n_backgrounds, n_mels, n_frames), optional
        Needed where the config wants backgrounds.
    grey_db : float
        Decibels of one grey level.
    seed : int

    Raises
    ------
    ValueError
        If the config wants backgrounds and there is none.

    Notes
    -----
    Input: images, uint8 ``(n, n_mels, n_frames, 1)``, and targets, float32 ``(n, n_labels)``.
    Output: the same two. When not training, they are left as they are.

    Examples
    --------
    >>> augment = Augment(AugmentationConfig(), seed=1)
    >>> images, targets = augment(images, targets, training=True)
    """

    def __init__(
        self,
        config: AugmentationConfig,
        *,
        backgrounds: ImageArray | None = None,
        grey_db: float = GREY_DB,
        seed: int = 0,
    ) -> None:
        super().__init__(trainable=False, dtype="float32")  # targets, whatever the network takes
        if config.background_share > 0 and (backgrounds is None or len(backgrounds) == 0):
            raise ValueError("the config mixes backgrounds in, but none are given")
        self.config = config
        self.backgrounds = backgrounds
        self.grey_db = grey_db
        self.seeds = keras.random.SeedGenerator(seed)

    def call(self, images: Any, targets: Any, training: bool = True) -> tuple[Any, Any]:
        """Draw for each image and change it."""
        if not training:
            return images, targets
        draws = draw_on_device(
            self.seeds,
            ops.shape(images)[0],
            self.config,
            n_backgrounds=0 if self.backgrounds is None else len(self.backgrounds),
            shape=tuple(images.shape[1:3]),
        )
        changed, targets = augment_on_device(
            images[..., 0],
            targets,
            draws,
            self.config,
            self.backgrounds,
            grey_db=self.grey_db,
        )
        return changed[..., np.newaxis], targets

    def compute_output_spec(
        self, images: Any, targets: Any, training: bool = True
    ) -> tuple[Any, Any]:
        """Tell that shapes and types stay."""
        return (
            keras.KerasTensor(images.shape, dtype="uint8"),
            keras.KerasTensor(targets.shape, dtype="float32"),
        )


def _chances_below(alpha: float) -> FloatArray:
    """Return the chances that a weight is at most 128, 129, ... 255 of 256, shape (128,).

    With them a uniform draw becomes a weight: XLA on TensorFlow cannot draw from Beta itself.
    """
    edges = (np.arange(MIXUP_STEPS // 2, MIXUP_STEPS) + 0.5) / MIXUP_STEPS
    chances: FloatArray = (2 * betainc(alpha, alpha, edges) - 1).astype(np.float32)
    return chances


def _whole(draws: Any) -> Any:
    return ops.cast(draws, "int32")


def _whole_levels(decibels: Any, grey_db: float) -> Any:
    return _whole(ops.round(ops.cast(decibels, "float32") / grey_db))


def _row(levels: Any) -> Any:
    """Tell which row of a table is for so many grey levels, or for the most that it knows."""
    return BRIGHTEST + ops.clip(levels, -BRIGHTEST, BRIGHTEST)


def _of_each(values: Any) -> Any:
    """One value for each image, to be met by all of its pixels."""
    return values[:, np.newaxis, np.newaxis]


def _gather(levels: Any, table: Any, axis: int) -> Any:
    return ops.take_along_axis(levels, ops.broadcast_to(table, ops.shape(levels)), axis=axis)


def _time_table(draws: AugmentationParameters, n_frames: int) -> Any:
    """As `birdsong.loading.augmentation.time_table`; exact, as a tempo has few binary places."""
    middle = (n_frames - 1) / 2
    from_middle = ops.arange(n_frames, dtype="float32") - middle
    tempo = ops.cast(draws.tempo, "float32")[:, np.newaxis]
    nearest = _whole(ops.floor(tempo * from_middle + (middle + 0.5)))
    return ops.mod(nearest - _whole(draws.shift_frames)[:, np.newaxis], n_frames)


def _pitch_changed(levels: Any, bands: Any) -> Any:
    n_bands = levels.shape[1]
    rows = ops.arange(n_bands, dtype="int32") + bands[:, np.newaxis]
    there = _whole(ops.logical_and(rows >= 0, rows < n_bands))
    nearest = ops.clip(rows, 0, n_bands - 1)
    return _gather(levels, nearest[:, :, np.newaxis], axis=1) * there[:, :, np.newaxis]


def _backgrounds_mixed_in(
    levels: Any, draws: AugmentationParameters, backgrounds: Any, grey_db: float
) -> Any:
    table = ops.convert_to_tensor(mixing_table(grey_db).astype(np.int32).ravel())
    above = ops.max(levels, axis=(1, 2)) - _whole_levels(draws.background_snr_db, grey_db)
    chosen = _whole(draws.backgrounds)
    theirs = ops.take(ops.convert_to_tensor(backgrounds), ops.maximum(chosen, 0), axis=0)
    columns = BRIGHTEST + _whole(theirs) - levels
    change = ops.take(table, _of_each(_row(above)) * (2 * BRIGHTEST + 1) + columns)
    mixed = ops.mod(levels + change, BRIGHTEST + 1)
    return ops.where(_of_each(chosen >= 0), mixed, levels)


def _kept(starts: Any, ends: Any, size: int) -> Any:
    """Tell where no mask lies, int32 (n, size)."""
    places = ops.arange(size, dtype="int32")
    starts, ends = _whole(starts)[..., np.newaxis], _whole(ends)[..., np.newaxis]
    covered = ops.logical_and(places >= starts, places < ends)
    return 1 - _whole(ops.any(covered, axis=1))
