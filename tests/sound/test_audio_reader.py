"""One decode, one downmix, one resample path; and what bad files get."""

import numpy as np
import pytest
import soundfile

from birdsong.errors import AudioError
from birdsong.sound.audio_reader import AudioReader, read_samples

RATE = 24_000


def tone(rate: int, seconds: float, hz: float = 1000.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("n_channels", [1, 2, 8])
def test_every_rate_and_channel_count_becomes_the_same_tone(tmp_path, rate, n_channels):
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.repeat(tone(rate, 9.5)[:, np.newaxis], n_channels, axis=1), rate)
    samples = read_samples(path, RATE)
    assert samples.dtype == np.float32
    assert abs(len(samples) - 9.5 * RATE) <= 2
    inner = slice(RATE, 8 * RATE)  # the resampler's ends aside
    np.testing.assert_allclose(samples[inner], tone(RATE, 9.5)[inner], atol=2e-3)


def test_channels_are_averaged(tmp_path):
    left, right = tone(RATE, 1), 0.25 * tone(RATE, 1, 3000)
    soundfile.write(tmp_path / "two.wav", np.stack([left, right], axis=1), RATE, subtype="FLOAT")
    np.testing.assert_allclose(
        read_samples(tmp_path / "two.wav", RATE), (left + right) / 2, atol=1e-6
    )


@pytest.mark.parametrize(("suffix", "format"), [("mp3", "MP3"), ("ogg", "OGG"), ("flac", "FLAC")])
def test_formats_and_bytes(tmp_path, suffix, format):
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(44_100, 3), 44_100, format=format)
    from_path = read_samples(path, RATE)
    assert len(from_path) / RATE == pytest.approx(3, abs=0.06)
    np.testing.assert_array_equal(from_path, read_samples(path.read_bytes(), RATE))


def test_reader_info(tmp_path):
    soundfile.write(tmp_path / "low.wav", tone(8_000, 2), 8_000)
    with AudioReader(tmp_path / "low.wav", RATE) as reader:
        assert (reader.info.sample_rate_hz, reader.info.n_channels) == (8_000, 1)
        assert reader.info.declared_s == pytest.approx(2)
        for _ in reader.blocks():
            pass
        assert reader.duration_s == pytest.approx(2)
        assert reader.warnings(highest_hz=4_000) == []
        assert reader.warnings(highest_hz=11_000) == ["recorded at 8000 Hz: nothing above 4000 Hz"]


def test_truncated_mp3_gives_what_is_there(tmp_path):
    soundfile.write(tmp_path / "whole.mp3", tone(44_100, 20), 44_100)
    content = (tmp_path / "whole.mp3").read_bytes()
    (tmp_path / "cut.mp3").write_bytes(content[: len(content) // 3])
    with AudioReader(tmp_path / "cut.mp3", RATE) as reader:
        n_samples = sum(len(block) for block in reader.blocks())
    assert 4 < n_samples / RATE < 9


def test_truncated_wav_says_that_it_ends_early(tmp_path):
    soundfile.write(tmp_path / "whole.flac", 0.1 * tone(RATE, 20), RATE)
    content = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
    with AudioReader(tmp_path / "cut.flac", RATE) as reader:
        n_samples = sum(len(block) for block in reader.blocks())
        (warning,) = reader.warnings(highest_hz=11_000)
    assert 5 < n_samples / RATE < 15
    assert warning.startswith("ends early: ")
    assert warning.endswith("of the 20.0 s that its header declares")


def write_float(path, values):
    soundfile.write(path, np.asarray(values, np.float32), RATE, subtype="FLOAT")


@pytest.mark.parametrize(
    ("wrong", "shown"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (32_000, "32000")]
)
def test_samples_that_are_no_sound_are_placed(tmp_path, wrong, shown):
    samples = tone(RATE, 6)
    samples[5 * RATE] = wrong
    write_float(tmp_path / "wrong.wav", samples)
    with pytest.raises(AudioError, match=rf"wrong\.wav: sample at 5\.000 s is {shown}"):
        read_samples(tmp_path / "wrong.wav", RATE)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp3", b"", r"empty\.mp3: is empty \(0 bytes\)"),
        ("text.mp3", b"this is a letter, not a song\n" * 200, r"text\.mp3: not audio"),
        ("text.wav", b"this is a letter, not a song\n" * 200, r"text\.wav: not audio"),
        ("noise.mp3", bytes(range(256)) * 40, r"noise\.mp3: not audio .*\(no audio found in it\)"),
        ("header.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ", r"header\.wav: "),
    ],
)
def test_what_is_no_recording_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AudioError, match=message):
        read_samples(tmp_path / name, RATE)


def test_header_without_samples(tmp_path):
    write_float(tmp_path / "none.wav", [])
    with pytest.raises(AudioError, match=r"none\.wav: holds no samples, only a header"):
        read_samples(tmp_path / "none.wav", RATE)


def test_no_such_file_and_folders(tmp_path):
    with pytest.raises(AudioError, match=r"absent\.mp3: no such file"):
        read_samples(tmp_path / "absent.mp3", RATE)
    with pytest.raises(AudioError, match="is a folder, expected a recording"):
        read_samples(tmp_path, RATE)
