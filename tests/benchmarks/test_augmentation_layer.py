"""The device does what numpy does, given the same draws; and draws as numpy does."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import asdict, fields

import numpy as np
import pytest

from birdsong.loading.augmentation import (
    AugmentationConfig,
    AugmentationParameters,
    apply_augmentation,
    draw_augmentation,
)
from tests.images.drawn import KINDS, generator, one_hot
from tests.images.small_store import random_images

N = 7
BACKGROUNDS = random_images(3, seed=1) // 4
FIELDS = [field.name for field in fields(AugmentationParameters)]


@pytest.fixture(scope="module")
def device(tensorflow):
    """The module, imported when a test needs it."""
    from benchmarks import augmentation_layer

    return augmentation_layer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compiled", [False, True])
def test_the_device_is_held_to_numpy(device, tensorflow, kind, compiled):
    config = KINDS[kind]
    draws = draw_augmentation(generator(3), N, config, n_backgrounds=3)
    expected, expected_targets = apply_augmentation(
        random_images(N), one_hot(N), draws, config, BACKGROUNDS
    )

    def apply(images, targets, backgrounds, *arrays):
        draws = AugmentationParameters(**dict(zip(FIELDS, arrays, strict=True)))
        return device.augment_on_device(images, targets, draws, config, backgrounds)

    if compiled:
        apply = tensorflow.function(apply, jit_compile=True)
    arrays = [getattr(draws, name) for name in FIELDS]
    changed, targets = apply(random_images(N), one_hot(N), BACKGROUNDS, *arrays)
    changed = np.asarray(changed)
    assert (changed.shape, changed.dtype) == (expected.shape, np.uint8)
    np.testing.assert_allclose(changed.astype(int), expected.astype(int), atol=1)
    np.testing.assert_allclose(targets, expected_targets, atol=1e-6)


def test_backgrounds_that_are_wanted_must_be_given(device):
    config = KINDS["background"]
    draws = draw_augmentation(generator(), N, config, n_backgrounds=3)
    with pytest.raises(ValueError, match="mixes backgrounds in, but none are given"):
        device.augment_on_device(random_images(N), one_hot(N), draws, config)
    with pytest.raises(ValueError, match="mixes backgrounds in, but none are given"):
        device.AugmentationLayer(config)


def test_the_device_draws_from_the_same_distributions(device):
    import keras

    config, n = AugmentationConfig.full(), 3000
    ours = asdict(draw_augmentation(generator(), n, config, n_backgrounds=20))
    seeds = keras.random.SeedGenerator(1)
    theirs = asdict(device.draw_on_device(seeds, n, config, n_backgrounds=20))
    for name, values in ours.items():
        found = np.asarray(theirs[name])
        assert found.shape == values.shape
        np.testing.assert_allclose(
            np.quantile(found, [0, 0.25, 0.5, 0.75, 1]),
            np.quantile(values, [0, 0.25, 0.5, 0.75, 1]),
            atol=0.06 * np.ptp(values),
            err_msg=name,
        )
    assert sorted(np.asarray(theirs["partners"])) == list(range(n))


def test_the_layer_changes_batches_of_any_size_in_a_pipeline(device, tensorflow):
    layer = device.AugmentationLayer(KINDS["everything"], backgrounds=BACKGROUNDS, seed=1)
    pairs = (random_images(N)[..., np.newaxis], one_hot(N))
    batches = tensorflow.data.Dataset.from_tensor_slices(pairs).batch(4)
    both = [list(batches.map(lambda p, t: layer(p, t, training=True))) for _ in range(2)]
    assert [tuple(images.shape) for images, _ in both[0]] == [(4, 64, 200, 1), (3, 64, 200, 1)]
    first, second = (np.concatenate([images for images, _ in each]) for each in both)
    assert (first != second).any(axis=(1, 2, 3)).all(), "each pass draws anew"
    targets = np.concatenate([targets for _, targets in both[0]])
    np.testing.assert_allclose(targets.sum(axis=1), 1)


def test_the_layer_works_in_a_model_and_rests_outside_of_training(device):
    import keras

    images, targets = keras.Input((64, 200, 1), dtype="uint8"), keras.Input((N,))
    layer = device.AugmentationLayer(AugmentationConfig(), seed=1)
    model = keras.Model([images, targets], layer(images, targets))
    given = [random_images(N)[..., np.newaxis], one_hot(N)]
    for unchanged, expected in zip(model.predict(given, verbose=0), given, strict=True):
        np.testing.assert_array_equal(unchanged, expected)
    changed, _ = model(given, training=True)
    assert (np.asarray(changed) != given[0]).any()


ON_JAX = """
import jax, numpy as np
from birdsong.loading.augmentation import apply_augmentation, draw_augmentation
from birdsong.loading.augmentation_parameters import AugmentationParameters
from benchmarks.augmentation_layer import augment_on_device
from tests.images.drawn import KINDS, generator, one_hot
from tests.images.small_store import random_images

for kind, config in KINDS.items():
    draws = draw_augmentation(generator(3), 7, config, n_backgrounds=3)
    names = list(AugmentationParameters.__dataclass_fields__)
    def apply(images, targets, backgrounds, *arrays):
        draws = AugmentationParameters(**dict(zip(names, arrays)))
        return augment_on_device(images, targets, draws, config, backgrounds)
    given = random_images(7), one_hot(7), random_images(3, seed=1) // 4
    changed, targets = jax.jit(apply)(*given, *(getattr(draws, name) for name in names))
    expected, expected_targets = apply_augmentation(*given[:2], draws, config, given[2])
    apart = np.abs(np.asarray(changed).astype(int) - expected.astype(int)).max()
    assert apart <= 1, (kind, apart)
    np.testing.assert_allclose(targets, expected_targets, atol=1e-6)
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_jax_compiles_it_and_is_held_to_numpy():
    finished = subprocess.run(
        [sys.executable, "-c", ON_JAX],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
