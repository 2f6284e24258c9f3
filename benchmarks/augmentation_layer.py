"""The augmentation of `birdsong.loading.augmentation` in ``keras.ops``, on the training device.

With the same parameters it returns the same images, from the same integer tables. Shapes are static
and no branch depends on a value, so that it compiles. Use it for a device that trains faster than
the processor can augment; otherwise use the numpy version.
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
    """Augment each image of a batch with its parameters.

    Parameters
    ----------
    images : uint8 tensor, shape (n, n_mels, n_frames)
    targets : float32 tensor, shape (n, n_labels)
    draws : AugmentationParameters
        Parameters of `n` images for the same config, as arrays or tensors.
    config : AugmentationConfig
        Kinds of augmentation that it switches off are skipped.
    backgrounds : uint8 tensor, shape (n_backgrounds, n_mels, n_frames), optional
        Needed if the config mixes in backgrounds.
    grey_db : float
        Decibels per grey level.

    Returns
    -------
    images : uint8 tensor, shape (n, n_mels, n_frames)
    targets : float32 tensor, shape (n, n_labels)

    Raises
    ------
    ValueError
        If the config mixes in backgrounds and none are given.
    """
    n_bands, n_frames = images.shape[1:]
    levels = ops.cast(images, "int32")
    if config.max_shift_frames > 0 or config.max_tempo_change > 0:
        levels = _gather(levels, _time_table(draws, n_frames)[:, np.newaxis, :], axis=2)
    if config.max_pitch_bands > 0:
        levels = _pitch_changed(levels, _to_int(draws.pitch_bands))
    if config.max_gain_db > 0 or config.max_tilt_db > 0:
        table = ops.convert_to_tensor(gain_table(grey_db).astype(np.int32).ravel())
        rows = _table_row(_whole_levels(gains_db(draws, config, n_bands), grey_db))
        levels = ops.take(table, rows[..., np.newaxis] * (BRIGHTEST + 1) + levels)
    if config.background_share > 0:
        if backgrounds is None:
            raise ValueError("the config mixes backgrounds in, but none are given")
        levels = _backgrounds_mixed_in(levels, draws, backgrounds, grey_db)
    if config.n_time_masks > 0:
        kept = _unmasked(draws.time_mask_starts, draws.time_mask_ends, n_frames)
        levels = levels * kept[:, np.newaxis, :]
    if config.n_frequency_masks > 0:
        kept = _unmasked(draws.frequency_mask_starts, draws.frequency_mask_ends, n_bands)
        levels = levels * kept[:, :, np.newaxis]
    if config.mixup_alpha > 0:
        own = ops.cast(draws.own_weights, "float32")
        partners = _to_int(draws.partners)
        weights = _per_image(ops.cast(ops.round(own * MIXUP_STEPS), "int32"))
        partner_levels = (MIXUP_STEPS - weights) * ops.take(levels, partners, axis=0)
        levels = (weights * levels + partner_levels + MIXUP_STEPS // 2) // MIXUP_STEPS
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

    The distributions are the same, the random numbers differ.

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

    def draw_masks(count: int, longest: int, size: int) -> tuple[Any, Any]:
        lengths = whole(0, min(longest, size) + 1, (n, count))
        room = size - lengths
        places = keras.random.uniform((n, count), dtype="float32", seed=seeds)
        starts = ops.cast(ops.floor(places * ops.cast(room + 1, "float32")), "int32")
        starts = ops.minimum(starts, room)  # a product just below a whole number may round to it
        return starts, starts + lengths

    n_bands, n_frames = shape
    tempo_steps = round(config.max_tempo_change * TEMPO_STEPS)
    time_masks = draw_masks(config.n_time_masks, config.max_time_mask_frames, n_frames)
    frequency_masks = draw_masks(config.n_frequency_masks, config.max_frequency_mask_bands, n_bands)
    backgrounds = whole(0, max(n_backgrounds, 1))
    own_weights = ops.ones((n,), "float32")
    if config.mixup_alpha > 0:
        cumulative = ops.convert_to_tensor(_cumulative_probabilities(config.mixup_alpha))
        passed = ops.sum(_to_int(uniform(0, 1)[:, np.newaxis] >= cumulative), axis=1)
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


class AugmentationLayer(keras.layers.Layer):  # type: ignore[misc]
    """Layer that augments images and targets in training.

    It is for models and pipelines that are not saved.

    Parameters
    ----------
    config : AugmentationConfig
    backgrounds : uint8, shape (n_backgrounds, n_mels, n_frames), optional
        Needed if the config mixes in backgrounds.
    grey_db : float
        Decibels per grey level.
    seed : int

    Raises
    ------
    ValueError
        If the config mixes in backgrounds and none are given.

    Notes
    -----
    Input: images, uint8 ``(n, n_mels, n_frames, 1)``, and targets, float32 ``(n, n_labels)``.
    Output: the same two; outside of training they are unchanged.

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
        """Draw parameters and augment the images."""
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
        """Return the input shapes and types."""
        return (
            keras.KerasTensor(images.shape, dtype="uint8"),
            keras.KerasTensor(targets.shape, dtype="float32"),
        )


def _cumulative_probabilities(alpha: float) -> FloatArray:
    """Cumulative probabilities of the weights 128, 129, ... 255 of 256, shape (128,).

    They turn a uniform draw into a weight: XLA on TensorFlow cannot draw from a Beta distribution.
    """
    edges = (np.arange(MIXUP_STEPS // 2, MIXUP_STEPS) + 0.5) / MIXUP_STEPS
    cumulative: FloatArray = (2 * betainc(alpha, alpha, edges) - 1).astype(np.float32)
    return cumulative


def _to_int(draws: Any) -> Any:
    return ops.cast(draws, "int32")


def _whole_levels(decibels: Any, grey_db: float) -> Any:
    return _to_int(ops.round(ops.cast(decibels, "float32") / grey_db))


def _table_row(levels: Any) -> Any:
    """Row of a table for a number of grey levels, clipped to its range."""
    return BRIGHTEST + ops.clip(levels, -BRIGHTEST, BRIGHTEST)


def _per_image(values: Any) -> Any:
    """Shape one value for each image to broadcast over its pixels."""
    return values[:, np.newaxis, np.newaxis]


def _gather(levels: Any, table: Any, axis: int) -> Any:
    return ops.take_along_axis(levels, ops.broadcast_to(table, ops.shape(levels)), axis=axis)


def _time_table(draws: AugmentationParameters, n_frames: int) -> Any:
    """As `birdsong.loading.augmentation.time_table`; exact, as a tempo has few binary places."""
    middle = (n_frames - 1) / 2
    from_middle = ops.arange(n_frames, dtype="float32") - middle
    tempo = ops.cast(draws.tempo, "float32")[:, np.newaxis]
    nearest = _to_int(ops.floor(tempo * from_middle + (middle + 0.5)))
    return ops.mod(nearest - _to_int(draws.shift_frames)[:, np.newaxis], n_frames)


def _pitch_changed(levels: Any, bands: Any) -> Any:
    n_bands = levels.shape[1]
    rows = ops.arange(n_bands, dtype="int32") + bands[:, np.newaxis]
    there = _to_int(ops.logical_and(rows >= 0, rows < n_bands))
    nearest = ops.clip(rows, 0, n_bands - 1)
    return _gather(levels, nearest[:, :, np.newaxis], axis=1) * there[:, :, np.newaxis]


def _backgrounds_mixed_in(
    levels: Any, draws: AugmentationParameters, backgrounds: Any, grey_db: float
) -> Any:
    table = ops.convert_to_tensor(mixing_table(grey_db).astype(np.int32).ravel())
    above = ops.max(levels, axis=(1, 2)) - _whole_levels(draws.background_snr_db, grey_db)
    chosen = _to_int(draws.backgrounds)
    background_levels = ops.take(ops.convert_to_tensor(backgrounds), ops.maximum(chosen, 0), axis=0)
    columns = BRIGHTEST + _to_int(background_levels) - levels
    change = ops.take(table, _per_image(_table_row(above)) * (2 * BRIGHTEST + 1) + columns)
    mixed = ops.mod(levels + change, BRIGHTEST + 1)
    return ops.where(_per_image(chosen >= 0), mixed, levels)


def _unmasked(starts: Any, ends: Any, size: int) -> Any:
    """1 outside of masks, 0 within, int32 (n, size)."""
    places = ops.arange(size, dtype="int32")
    starts, ends = _to_int(starts)[..., np.newaxis], _to_int(ends)[..., np.newaxis]
    covered = ops.logical_and(places >= starts, places < ends)
    return 1 - _to_int(ops.any(covered, axis=1))
