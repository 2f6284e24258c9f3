"""Samples in memory take the path that a file takes, and are scaled as a file's are."""

import io
import pickle

import numpy as np
import pytest
import soundfile

from birdsong.errors import AudioError, ConfigError
from birdsong.sound.audio_reader import AudioReader
from birdsong.sound.waveform import Waveform

RATE_HZ = 24_000


def read(source) -> tuple[np.ndarray, AudioReader]:
    with AudioReader(source, RATE_HZ) as reader:
        return np.concatenate(list(reader.blocks())), reader


def noise(seconds: float, rate_hz: int, n_channels: int = 1) -> np.ndarray:
    samples = np.random.default_rng(1).uniform(-0.9, 0.9, (round(seconds * rate_hz), n_channels))
    return samples.astype(np.float32)


@pytest.mark.parametrize(
    ("subtype", "dtype"),
    [("PCM_16", "int16"), ("PCM_32", "int32"), ("FLOAT", "float32"), ("DOUBLE", "float64")],
)
@pytest.mark.parametrize(("rate_hz", "n_channels"), [(24_000, 1), (44_100, 1), (32_000, 3)])
def test_samples_are_what_the_file_is(subtype, dtype, rate_hz, n_channels):
    content = io.BytesIO()
    soundfile.write(content, noise(2.5, rate_hz, n_channels), rate_hz, subtype, format="WAV")
    content.seek(0)
    samples, _ = soundfile.read(content, dtype=dtype)
    of_file, file = read(content.getvalue())
    of_array, array = read(Waveform(samples, rate_hz))
    np.testing.assert_array_equal(of_array, of_file)
    assert array.info == file.info
    assert array.channel == file.channel
    assert array.warnings(highest_hz=11_000) == file.warnings(highest_hz=11_000)


def test_unsigned_integers_have_their_zero_in_the_middle():
    eight = Waveform(np.array([0, 128, 255], np.uint8), RATE_HZ)
    assert eight.frames(0, 3)[:, 0].tolist() == [-1, 0, 127 / 128]
    sixteen = Waveform(np.array([0, 32_768, 49_152], np.uint16), RATE_HZ)
    assert sixteen.frames(0, 3)[:, 0].tolist() == [-1, 0, 0.5]


def test_a_channel_that_cancels_the_other_is_left_out():
    """The reader begins anew when the mean of the channels was wrong, also from an array."""
    song = noise(90, RATE_HZ)[:, 0]
    mono, reader = read(Waveform(np.stack([song, -song], axis=1), RATE_HZ))
    assert reader.channel == "channel 1 of 2"
    np.testing.assert_array_equal(mono, song)


def test_blocks_do_not_change_the_samples_of_the_caller():
    samples = noise(1, RATE_HZ)
    before = samples.copy()
    read(Waveform(samples, RATE_HZ))
    np.testing.assert_array_equal(samples, before)


def test_a_waveform_pickles():
    again = pickle.loads(pickle.dumps(Waveform(noise(1, RATE_HZ), RATE_HZ)))
    np.testing.assert_array_equal(read(again)[0], noise(1, RATE_HZ)[:, 0])


@pytest.mark.parametrize(
    ("samples", "rate_hz", "error", "message"),
    [
        (np.zeros(9, bool), RATE_HZ, TypeError, "or integers, got an array of bool"),
        (np.zeros(9, complex), RATE_HZ, TypeError, "got an array of complex128"),
        (np.array(["a"]), RATE_HZ, TypeError, "got an array of <U1"),
        (np.zeros(9, np.int64), RATE_HZ, ConfigError, r"int64 have no range .*astype\('int16'\)"),
        (np.float32(0.5), RATE_HZ, ConfigError, r"\(n, n_channels\), got \(\)"),
        (np.zeros((9, 2, 1)), RATE_HZ, ConfigError, r"got \(9, 2, 1\)"),
        (np.zeros((2, 9000)), RATE_HZ, ConfigError, r"1 to 64 channels, got shape \(2, 9000\); tr"),
        (np.zeros((9, 0)), RATE_HZ, ConfigError, "1 to 64 channels"),
        (np.zeros(9), 0, ConfigError, "whole number of at least 1, got 0"),
        (np.zeros(9), 22_050.5, ConfigError, "whole number of at least 1, got 22050.5"),
        (np.zeros(9), "24 kHz", ConfigError, "whole number of at least 1, got '24 kHz'"),
        (np.zeros(9), True, ConfigError, "whole number of at least 1, got True"),
    ],
)
def test_what_is_no_waveform_is_refused(samples, rate_hz, error, message):
    with pytest.raises(error, match=message):
        Waveform(np.asarray(samples), rate_hz)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(0), "holds no samples"),
        (np.array([0, np.nan]), "is nan, expected a number between -1 and 1"),
        (np.array([0, 32_000.0]), "is 32000.0, expected a number between -1 and 1"),
        (np.array([0, 1e300]), "is inf, expected a number between -1 and 1"),
    ],
)
def test_samples_that_are_no_sound_are_refused(samples, message):
    with pytest.raises(AudioError, match=message):
        read(Waveform(samples, RATE_HZ))
