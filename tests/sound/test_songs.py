"""Where something sings: found in rain, gusts and insects, cut so that little else is kept."""

import re

import numpy as np
import pytest

from birdsong.errors import ConfigError
from birdsong.recordings.synthetic_backgrounds import band_power, render_background
from birdsong.recordings.synthetic_songs import individual_song, render_strophe
from birdsong.recordings.synthetic_species import SPECIES
from birdsong.sound.activity import prominence
from birdsong.sound.audio import read_samples
from birdsong.sound.filters import mel_filters
from birdsong.sound.songs import STRETCH_S, SongRules, find_segments, place_segments
from birdsong.sound.spectrogram import SpectrogramConfig, mel_power_db

CONFIG = SpectrogramConfig()
RATE = CONFIG.sample_rate_hz
FILTERS = mel_filters(CONFIG)
RULES = SongRules()
BACKGROUNDS = (("rain",), ("wind",), ("insect",), ("rain", "wind", "insect"))


def scene(number, snr_db, duration_s=45.0):
    """A bird that sings now and then: float32 samples, and the songs' (start_s, end_s)."""
    generator = np.random.default_rng((11, number))
    species = SPECIES[5 * number % len(SPECIES)]
    song = individual_song(
        species.song, generator, pitch_deviation_octaves=0.1, tempo_deviation_octaves=0.12
    )
    bird = np.zeros(round(duration_s * RATE), np.float32)
    songs, sung, start_s = [], [], generator.uniform(2, 10)
    while True:
        strophe = generator.uniform(0.8, 1) * render_strophe(song, RATE, generator)
        first, end = round(start_s * RATE), round(start_s * RATE) + len(strophe)
        if end > len(bird):
            break
        bird[first:end] = strophe
        sung.append(strophe)
        songs.append((first / RATE, end / RATE))
        start_s = end / RATE + generator.uniform(2, 20)
    background = sum(
        render_background(kind, duration_s=duration_s, sample_rate_hz=RATE, generator=generator)
        for kind in BACKGROUNDS[number % len(BACKGROUNDS)]
    )
    background /= np.sqrt(band_power(background, RATE))
    bird *= np.sqrt(10 ** (snr_db / 10) / band_power(np.concatenate(sung), RATE))
    mixed = bird + background
    return (0.5 / np.abs(mixed).max() * mixed).astype(np.float32), songs


def found(samples, rules=RULES, step_s=1.5):
    return list(find_segments([samples], CONFIG, FILTERS, rules, step_s=step_s))


def kept_starts_s(samples):
    return [segment.start_s for segment, kind in found(samples) if kind == "bird"]


@pytest.mark.parametrize(
    ("snr_db", "least_found", "most_empty"),
    [(10, 0.95, 0.10), (0, 0.85, 0.20)],
)
def test_songs_are_found_and_little_else(snr_db, least_found, most_empty):
    sung_s = found_s = kept_s = 0.0
    n_empty = n_kept = 0
    for number in range(len(BACKGROUNDS)):
        samples, songs = scene(number, snr_db)
        times_s = np.arange(0, len(samples) / RATE, 0.01)
        sings = np.any([(times_s >= start) & (times_s < end) for start, end in songs], axis=0)
        kept = np.zeros(len(times_s), bool)
        for start_s in kept_starts_s(samples):
            inside = (times_s >= start_s) & (times_s < start_s + CONFIG.segment_s)
            kept |= inside
            n_kept += 1
            n_empty += not (inside & sings).any()
        sung_s += 0.01 * sings.sum()
        found_s += 0.01 * (sings & kept).sum()
        kept_s += 0.01 * kept.sum()
    assert found_s / sung_s >= least_found
    assert n_empty / n_kept <= most_empty
    assert kept_s / sung_s <= 2.5


def test_every_labelled_song_of_a_real_soundscape_is_found(real_recordings):
    soundscape = real_recordings.parent / "soundscapes" / "spinetail"
    starts_s = kept_starts_s(read_samples(soundscape.with_suffix(".wav"), RATE))
    lines = soundscape.with_suffix(".txt").read_text().splitlines()
    labels = [line.split("\t") for line in lines if not line.startswith("\\")]
    assert labels
    for start, end, name in labels:
        middle_s = (float(start) + float(end)) / 2
        assert any(s <= middle_s <= s + CONFIG.segment_s for s in starts_s), (start, name)


def test_what_goes_on_all_the_time_does_not_stand_out():
    hiss = 0.01 * np.random.default_rng(0).standard_normal(20 * RATE).astype(np.float32)
    times_s = np.arange(len(hiss)) / RATE
    hum = (0.1 * np.sin(2 * np.pi * 4000 * times_s)).astype(np.float32)
    click = np.zeros_like(hiss)
    click[10 * RATE : 10 * RATE + 100] = 0.5
    song = np.where(np.abs(times_s - 10) < 0.2, hum, 0).astype(np.float32)

    def highest(samples):
        return prominence(mel_power_db(samples, CONFIG, FILTERS), CONFIG).max()

    assert highest(hiss + song) > 2 * RULES.song_level
    for samples in (hiss, hiss + hum, hiss + click):
        assert highest(samples) < RULES.song_level


def test_digital_silence_is_never_kept():
    hiss = 0.01 * np.random.default_rng(0).standard_normal(8 * RATE).astype(np.float32)
    silence = np.zeros(8 * RATE, np.float32)
    assert found(silence) == []
    for segment, _ in found(np.concatenate([silence, hiss, silence])):
        assert not segment.silent


def test_of_a_recording_without_song_the_most_prominent_segment_is_kept():
    hiss = 0.01 * np.random.default_rng(0).standard_normal(12 * RATE).astype(np.float32)
    kinds = [kind for _, kind in found(hiss)]
    assert kinds.count("bird") == 1
    assert 1 <= kinds.count("background") <= RULES.max_background


def test_blocks_do_not_matter_and_no_length_is_too_much():
    samples, _ = scene(0, 10, duration_s=3.3 * STRETCH_S)
    whole = found(samples)
    parts = list(find_segments(np.array_split(samples, 50), CONFIG, FILTERS, RULES, step_s=1.5))
    assert [(s.start_s, kind) for s, kind in whole] == [(s.start_s, kind) for s, kind in parts]
    assert max(s.start_s for s, kind in whole if kind == "bird") > 2 * STRETCH_S


@pytest.mark.parametrize(
    ("songs", "starts"),
    [
        ([], []),
        ([(450, 550)], [400]),  # in the middle
        ([(10, 60)], [0]),  # as far as there is sound
        ([(940, 1000)], [800]),
        ([(400, 450), (500, 600)], [400]),  # together
        ([(400, 450), (550, 650)], [325, 500]),  # too far apart
        ([(300, 600)], [300, 400]),  # a long song, at even distances
        ([(300, 601)], [300, 350, 401]),
        ([(0, 1000)], [0, 100, 200, 300, 400, 500, 600, 700, 800]),
    ],
)
def test_placing(songs, starts):
    singing = np.zeros(1000, bool)
    for first, end in songs:
        singing[first:end] = True
    assert place_segments(singing, 200, 100) == starts


def test_a_recording_shorter_than_a_segment_is_one():
    assert place_segments(np.ones(30, bool), 200, 100) == [0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quiet_level": 7.0}, "quiet_level must be in 0..song_level, 6, got 7"),
        ({"max_background": -1}, "max_background must be at least 0, got -1"),
    ],
)
def test_rules_out_of_range_are_named(changes, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        SongRules(**changes)
