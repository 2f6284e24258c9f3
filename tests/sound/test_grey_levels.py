"""How loud a song is, told from its picture."""

import numpy as np
import pytest

from birdsong.sound.grey_levels import song_db
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE, SpectrogramConfig

CONFIG = SpectrogramConfig()


def test_it_is_the_distance_from_the_middle_to_the_brightest_hundredth():
    pictures = np.random.default_rng(1).integers(0, 256, (5, *SPECTROGRAM_SHAPE)).astype(np.uint8)
    pictures[1] //= 3
    pictures[2] = np.where(pictures[2] > 200, pictures[2], 7)
    flat = np.sort(pictures.reshape(5, -1).astype(float), axis=1)
    expected = (flat[:, 12_672] - flat[:, 6_400]) * CONFIG.grey_db
    np.testing.assert_allclose(song_db(pictures, CONFIG), expected, rtol=1e-6)
    assert song_db(pictures, CONFIG).dtype == np.float32


@pytest.mark.parametrize(
    ("n_frames", "level", "expected_db"),
    [(200, 102, 20.0), (100, 102, 20.0), (60, 102, 0.0), (0, 0, 0.0)],
)
def test_a_note_counts_as_loud_as_it_is_if_it_lasts(n_frames, level, expected_db):
    picture = np.zeros((1, *SPECTROGRAM_SHAPE), np.uint8)
    picture[0, 30:32, :n_frames] = level
    assert song_db(picture, CONFIG)[0] == pytest.approx(expected_db, abs=0.01)


def test_nothing_is_no_song():
    assert song_db(np.empty((0, *SPECTROGRAM_SHAPE), np.uint8), CONFIG).shape == (0,)
