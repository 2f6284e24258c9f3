"""Walking through a recording: the grid, its end, and independence from the rest of the file."""

import numpy as np
import pytest

from birdsong.errors import ConfigError
from birdsong.sound.mel_filters import mel_filters
from birdsong.sound.segments import grid_segments
from birdsong.sound.spectrogram import SpectrogramConfig

CONFIG = SpectrogramConfig(n_fft=1024, hop_length=360, background_share=1.0)
RATE = CONFIG.sample_rate_hz


@pytest.fixture(scope="module")
def filters():
    return mel_filters(CONFIG)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (0.01 * generator.standard_normal(round(seconds * RATE))).astype(np.float32)


@pytest.mark.parametrize(
    ("seconds", "step_s", "starts_s"),
    [
        (0.3, 1.5, [0]),
        (2.0, 1.5, [0]),
        (3.0, 1.5, [0]),
        (3.2, 1.5, [0]),  # 0.2 s more are not worth an image
        (3.5, 1.5, [0, 1.5]),
        (6.1, 3.0, [0, 3.0]),
        (16.0, 3.0, [0, 3.0, 6.0, 9.0, 12.0, 15.0]),
        (0.01, 1.5, []),
    ],
)
def test_grid(filters, seconds, step_s, starts_s):
    segments = list(grid_segments([noise(seconds)], CONFIG, filters, step_s=step_s))
    assert [s.start_s for s in segments] == pytest.approx(starts_s)


def test_a_image_depends_only_on_its_own_samples(filters):
    samples = noise(12)
    alone = samples[6 * RATE :][: CONFIG.segment_samples]
    changed = samples.copy()
    changed[: 6 * RATE] = 0.5 * np.sign(noise(6, seed=1))
    (expected,) = list(grid_segments([alone], CONFIG, filters, step_s=3.0))[:1]
    for recording in (samples, changed):
        segments = {s.start_s: s for s in grid_segments([recording], CONFIG, filters, step_s=1.5)}
        assert (segments[6.0].image == expected.image).mean() > 0.999
        difference = segments[6.0].image.astype(int) - expected.image.astype(int)
        assert np.abs(difference).max() <= 1  # of blocks that are multiplied in other sizes


def test_blocks_do_not_matter(filters):
    samples = noise(10)
    whole = list(grid_segments([samples], CONFIG, filters, step_s=1.5))
    parts = list(grid_segments(np.array_split(samples, 37), CONFIG, filters, step_s=1.5))
    assert [s.start_s for s in whole] == [s.start_s for s in parts]
    for one, other in zip(whole, parts, strict=True):
        assert np.abs(one.image.astype(int) - other.image.astype(int)).max() <= 1


def test_silent_segments_say_so(filters):
    samples = np.concatenate([np.zeros(4 * RATE, np.float32), noise(4)])
    silent = [s.silent for s in grid_segments([samples], CONFIG, filters, step_s=3.0)]
    assert silent == [True, False, False]


@pytest.mark.parametrize("step_s", [0.0, -1.0, 3.1, 1e-6])
def test_a_step_out_of_range_is_refused(filters, step_s):
    with pytest.raises(ConfigError, match="a step must be between one frame"):
        list(grid_segments([noise(4)], CONFIG, filters, step_s=step_s))
