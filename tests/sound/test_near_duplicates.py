"""The same sound, found again; different birds, not."""

import io

import numpy as np
import pytest
import soundfile

from birdsong.sound.near_duplicates import audio_fingerprint, find_near_duplicates

RATE_HZ = 32_000


def songs(seed, seconds=8.0):
    """Whistles that wander, over noise."""
    generator = np.random.default_rng(seed)
    n = round(seconds * RATE_HZ)
    steps = np.repeat(generator.normal(0, 500, round(seconds * 10) + 1), RATE_HZ // 10)[:n]
    frequency_hz = 3000 + np.cumsum(steps) / RATE_HZ * 4
    song = 0.2 * np.sin(2 * np.pi * np.cumsum(np.clip(frequency_hz, 1000, 7000)) / RATE_HZ)
    return song + 0.01 * generator.standard_normal(n)


def wav(samples):
    content = io.BytesIO()
    soundfile.write(content, np.clip(samples, -1, 1), RATE_HZ, format="WAV")
    return content.getvalue()


def mp3(samples):
    content = io.BytesIO()
    soundfile.write(content, np.clip(samples, -1, 1), RATE_HZ, format="MP3")
    return content.getvalue()


@pytest.mark.parametrize(
    ("change", "lag_s"),
    [
        (lambda s: s, 0),
        (lambda s: 0.2 * s, 0),
        (lambda s: s[2 * RATE_HZ :], 2),
        (lambda s: np.concatenate([songs(99, 3.0), s]), -3),
        (lambda s: s[RATE_HZ : 5 * RATE_HZ], 1),
    ],
)
@pytest.mark.parametrize("encode", [wav, mp3])
def test_a_copy_is_found(change, lag_s, encode):
    original, other = songs(1), songs(2)
    described = [audio_fingerprint(wav(each)) for each in (other, original)]
    described.append(audio_fingerprint(encode(change(original))))
    (alike,) = find_near_duplicates(described)
    assert (alike.first, alike.second) == (1, 2)
    assert alike.lag_s == pytest.approx(lag_s, abs=0.1)
    assert alike.bit_error_rate < 0.2


def test_different_songs_and_silence_are_not_alike():
    described = [audio_fingerprint(wav(songs(seed))) for seed in range(8)]
    described += [audio_fingerprint(wav(np.zeros(5 * RATE_HZ)))] * 2
    described += [np.empty(0, np.uint32), audio_fingerprint(wav(np.zeros(100)))]
    assert find_near_duplicates(described) == []
    assert find_near_duplicates([]) == []


def test_real_recordings_differ(real_recordings):
    paths = sorted(real_recordings.glob("*.ogg"))[:150]
    alike = find_near_duplicates([audio_fingerprint(path) for path in paths])
    assert {(paths[each.first].stem, paths[each.second].stem) for each in alike} <= {
        # Published twice, one of them cut; and one bird's song, maybe.
        ("XC143501", "XC171916"), ("XC146102", "XC172207"), ("XC115976", "XC124332"),
    }  # fmt: skip
