"""Soundscapes have songs at the stated times and levels."""

import numpy as np
import pytest

from birdsong.synthetic.backgrounds import band_power
from birdsong.synthetic.soundscapes import SOUNDSCAPES, render_soundscape


def test_songs_have_the_stated_times_and_levels():
    # The same generator draws both, and at -60 dB the background is all there is.
    bird, background = (render_soundscape(2, snr_db=snr_db) for snr_db in (60, -60))
    assert bird.songs == background.songs
    rate_hz = bird.sample_rate_hz
    sings = np.zeros(len(bird.samples), bool)
    for start_s, end_s in bird.songs:
        sings[round(start_s * rate_hz) : round(end_s * rate_hz)] = True
    song, pauses = (band_power(bird.samples[part], rate_hz) for part in (sings, ~sings))
    assert 10 * np.log10(song / pauses) == pytest.approx(60, abs=1)


def test_it_pauses_most_of_the_time():
    for number in range(len(SOUNDSCAPES)):
        soundscape = render_soundscape(number, snr_db=10)
        assert soundscape.background == ", ".join(SOUNDSCAPES[number])
        starts_s, ends_s = np.transpose(soundscape.songs)
        assert np.all(starts_s[1:] - ends_s[:-1] >= 2)
        assert 0.03 < (ends_s - starts_s).sum() / 45 < 0.3
        assert np.abs(soundscape.samples).max() == pytest.approx(0.5)


def test_each_is_the_same_whatever_else_is_made():
    first, again, other = (render_soundscape(n, snr_db=0, duration_s=15) for n in (1, 1, 5))
    np.testing.assert_array_equal(first.samples, again.samples)
    assert first.songs != other.songs


def test_a_too_short_soundscape_is_an_error():
    with pytest.raises(ValueError, match=r"must leave room for a song, at least 15, got 2$"):
        render_soundscape(0, snr_db=0, duration_s=2)
