"""Where something sings: found in rain, gusts and insects, cut so that little else is kept."""

import re

import numpy as np
import pytest

from benchmarks.activity import Score, score
from birdsong.errors import ConfigError
from birdsong.sound.activity import prominence
from birdsong.sound.audio_reader import read_samples
from birdsong.sound.mel_filters import mel_filters
from birdsong.sound.segment_proposal import (
    EXCERPT_S,
    ProposalConfig,
    cover_segments,
    find_segments,
    place_segments,
)
from birdsong.sound.spectrogram import SpectrogramConfig, mel_power_db
from birdsong.synthetic.soundscapes import SOUNDSCAPES, render_soundscape

CONFIG = SpectrogramConfig()
RATE = CONFIG.sample_rate_hz
FILTERS = mel_filters(CONFIG)
RULES = ProposalConfig()
SEED = 11


def found(samples, rules=RULES, step_s=1.0):
    return list(find_segments([samples], CONFIG, FILTERS, rules, step_s=step_s))


def kept_starts_s(samples):
    return [segment.start_s for segment, kind in found(samples) if kind == "bird"]


@pytest.mark.parametrize(
    ("snr_db", "least_found", "most_empty"),
    [(10, 0.95, 0.10), (0, 0.85, 0.20)],
)
def test_songs_are_found_and_little_else(snr_db, least_found, most_empty):
    total = Score()
    for number in range(len(SOUNDSCAPES)):
        recording = render_soundscape(number, snr_db=snr_db, seed=SEED)
        total += score(recording, kept_starts_s(recording.samples))
    assert total.found_share >= least_found
    assert total.empty_share <= most_empty
    assert total.cover <= 2.5


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
    samples = render_soundscape(0, snr_db=10, duration_s=3.3 * EXCERPT_S, seed=SEED).samples
    whole = found(samples)
    parts = list(find_segments(np.array_split(samples, 50), CONFIG, FILTERS, RULES, step_s=1.0))
    assert [(s.start_s, kind) for s, kind in whole] == [(s.start_s, kind) for s, kind in parts]
    assert max(s.start_s for s, kind in whole if kind == "bird") > 2 * EXCERPT_S


def covering(blocks):
    return list(cover_segments(blocks, CONFIG, FILTERS, RULES, step_s=1.0))


@pytest.mark.parametrize("number", [0, 3])
def test_covering_shows_each_song_as_it_is_found_and_leaves_nothing_out(number):
    samples = render_soundscape(number, snr_db=10, duration_s=2.4 * EXCERPT_S, seed=SEED).samples
    cover = covering(np.array_split(samples, 50))
    starts_s = [segment.start_s for segment in cover]
    assert starts_s == sorted(set(starts_s))
    shown = {segment.start_s: segment.image for segment in cover}
    songs = [segment for segment, kind in found(samples) if kind == "bird"]
    for segment in songs:
        np.testing.assert_array_equal(shown[segment.start_s], segment.image)
    gaps_s = np.diff([-CONFIG.segment_s, *starts_s, len(samples) / RATE]) - CONFIG.segment_s
    assert gaps_s.max() <= 0.35
    assert len(songs) < len(cover) < len(songs) + len(samples) / RATE / CONFIG.segment_s


@pytest.mark.parametrize(
    ("seconds", "starts_s"),
    [(0.3, [0]), (1.0, [0]), (2.1, [0]), (3.0, [0, 1.0]), (5.0, [0, 2.0, 3.0])],
)
def test_where_nothing_sings_segments_lie_side_by_side(seconds, starts_s):
    hiss = 0.01 * np.random.default_rng(2).standard_normal(round(seconds * RATE) + 300)
    found_s = [segment.start_s for segment in covering([hiss.astype(np.float32)])]
    assert found_s == pytest.approx(starts_s, abs=0.03)


def test_silence_is_covered_and_silent():
    assert [segment.silent for segment in covering([np.zeros(5 * RATE, np.float32)])] == 3 * [True]


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
        ProposalConfig(**changes)
