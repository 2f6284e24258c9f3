"""A stretch is kept in a form that holds it: its rate, its bits, and what lies over full scale."""

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from birdsong.errors import AudioError, WriteError
from birdsong.sound import audio_writer
from birdsong.sound.audio_reader import AudioReader, read_samples
from birdsong.sound.audio_writer import FormatError
from birdsong.sound.clips import write_clip

RATES_HZ = [100, 8000, 22_050, 65_535, 65_536, 88_201, 96_000, 250_000, 256_000, 384_000, 384_002]
RATES_HZ += [500_000, 655_349, 655_350, 655_351, 768_000, 1_000_000]


def integers(bits, n=20_000, seed=0):
    """Every size of number, both limits among them; int32, aligned to the left."""
    generator = np.random.default_rng(seed)
    numbers = generator.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), n) >> generator.integers(
        0, bits - 1, n
    )
    numbers[:2] = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return (numbers << (32 - bits)).astype(np.int32)


def as_stored(samples, subtype):
    """Integers as they are, or as fractions of full scale."""
    return (samples / 2**31).astype(np.float32) if subtype == "FLOAT" else samples


def kept(folder, path, start_s=0.0, duration_s=1e9, **options):
    written, lasts_s = write_clip(path, folder / "kept.part", start_s, duration_s, **options)
    return written, lasts_s, soundfile.info(written)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_any_rate_is_kept_to_the_bit(tmp_path, rate_hz):
    samples = integers(16)
    soundfile.write(tmp_path / "a.wav", samples, rate_hz, "PCM_16")
    written, lasts_s, info = kept(tmp_path, tmp_path / "a.wav")
    np.testing.assert_array_equal(soundfile.read(written, dtype="int32")[0], samples)
    assert (info.samplerate, info.subtype) == (rate_hz, "PCM_16")
    assert lasts_s == pytest.approx(len(samples) / rate_hz)
    flac = rate_hz <= 65_535 or (rate_hz <= 655_350 and rate_hz % 10 == 0)
    assert (written.name, info.format) == (("kept.flac", "FLAC") if flac else ("kept.wav", "WAV"))
    assert {path.name for path in tmp_path.iterdir()} == {"a.wav", written.name}


def test_the_rates_are_those_that_libsndfile_takes(tmp_path):
    """Where a new libsndfile takes other rates, the table in `audio_writer` can follow."""
    for rate_hz in RATES_HZ:
        try:
            soundfile.write(tmp_path / "a.flac", np.zeros(100), rate_hz)
            taken = True
        except soundfile.LibsndfileError:
            taken = False
        assert audio_writer._flac_supports(rate_hz) == taken, rate_hz


@pytest.mark.parametrize(
    ("subtype", "bits", "kept_as"),
    [
        ("PCM_U8", 8, ("FLAC", "PCM_16")),
        ("PCM_16", 16, ("FLAC", "PCM_16")),
        ("PCM_24", 24, ("FLAC", "PCM_24")),
    ],
)
def test_no_bit_is_lost(tmp_path, subtype, bits, kept_as):
    samples = integers(bits)
    soundfile.write(tmp_path / "a.wav", samples, 48_000, subtype)
    written, _, info = kept(tmp_path, tmp_path / "a.wav")
    assert (info.format, info.subtype) == kept_as
    np.testing.assert_array_equal(soundfile.read(written, dtype="int32")[0], samples)


def test_32_bits_become_floating_point(tmp_path):
    quiet = integers(16) >> 16  # they fit into the 24 bits that floating point has, 32 do not
    soundfile.write(tmp_path / "a.wav", quiet, 48_000, "PCM_32")
    written, _, info = kept(tmp_path, tmp_path / "a.wav")
    assert (info.format, info.subtype) == ("WAV", "FLOAT")
    np.testing.assert_array_equal(soundfile.read(written)[0], quiet / 2**31)


@pytest.mark.parametrize("gain", [0.5, 4.0, 500.0])
def test_floating_point_is_kept_as_it_is(tmp_path, gain):
    samples = (gain * np.random.default_rng(0).uniform(-1, 1, 150_000)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 48_000, "FLOAT")
    written, lasts_s, info = kept(tmp_path, tmp_path / "a.wav", 1, 2)
    assert (info.format, info.subtype, lasts_s) == ("WAV", "FLOAT", 2)
    np.testing.assert_array_equal(
        soundfile.read(written, dtype="float32")[0], samples[48_000:144_000]
    )


@pytest.mark.parametrize(("gain", "form"), [(0.5, "FLAC"), (1.5, "WAV")])
def test_a_lossy_recording_over_full_scale_is_not_clipped(tmp_path, gain, form):
    times_s = np.arange(5 * 48_000) / 48_000
    loud = gain * (times_s > 3)  # found only when part of it was written
    soundfile.write(tmp_path / "a.ogg", loud * np.sin(4000 * times_s), 48_000)
    written, lasts_s, info = kept(tmp_path, tmp_path / "a.ogg")
    assert info.format == form
    assert lasts_s == pytest.approx(5)
    np.testing.assert_allclose(
        soundfile.read(written, dtype="float32")[0],
        read_samples(tmp_path / "a.ogg", 48_000),
        atol=2**-16 if form == "FLAC" else 0,
    )
    assert {path.name for path in tmp_path.iterdir()} == {"a.ogg", written.name}


def test_a_clip_has_the_channel_that_is_used(tmp_path):
    left = (0.3 * np.sin(np.arange(4 * 24_000) / 3)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", np.stack([left, -left], axis=1), 24_000, "PCM_16")
    written, _, _ = kept(tmp_path, tmp_path / "a.wav", 1, 2)
    decoded = read_samples(tmp_path / "a.wav", 24_000)[24_000 : 3 * 24_000]
    np.testing.assert_array_equal(soundfile.read(written, dtype="float32")[0], decoded)
    assert np.abs(decoded).max() > 0.29


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_what_a_wav_cannot_count_becomes_rf64(tmp_path, monkeypatch, subtype):
    monkeypatch.setattr(audio_writer, "WAV_BYTES", 150_000)
    samples = as_stored(integers(16, 200_000), subtype)
    soundfile.write(tmp_path / "a.wav", samples, 384_002, subtype)
    written, _, info = kept(tmp_path, tmp_path / "a.wav", 0.1)
    assert (written.name, info.format, info.subtype) == ("kept.wav", "RF64", subtype)
    assert info.frames == 200_000 - 38_400
    again, _ = soundfile.read(written, dtype=samples.dtype.name)
    np.testing.assert_array_equal(again, samples[38_400:])
    with AudioReader(written, 24_000) as reader:
        for _ in reader.blocks():
            pass
        assert reader.duration_s == pytest.approx(info.duration)
    _, _, info = kept(tmp_path, tmp_path / "a.wav", 0.1, 0.05)
    assert info.format == "WAV"


@pytest.mark.parametrize(
    ("subtype", "rate_hz", "gain", "why"),
    [
        ("PCM_16", 768_000, 0.5, "FLAC does not support 768000 samples a second"),
        ("FLOAT", 48_000, 0.5, "its samples are floating point"),
        ("PCM_32", 48_000, 0.5, "its samples have 32 bits, FLAC supports 24"),
        ("VORBIS", 48_000, 1.5, "it holds samples over full scale"),
    ],
)
def test_flac_alone_does_not_do(tmp_path, subtype, rate_hz, gain, why):
    path = tmp_path / ("a.ogg" if subtype == "VORBIS" else "a.wav")
    samples = gain * np.sin(np.arange(48_000) / 5)
    soundfile.write(path, samples, rate_hz, subtype)
    with pytest.raises(FormatError, match=f"cannot be stored as FLAC: {why}"):
        kept(tmp_path, path, suffix=".flac")
    assert list(tmp_path.iterdir()) == [path]
    written, _, _ = kept(tmp_path, path, suffix=".wav")
    assert written.suffix == ".wav"


def test_a_stretch_that_is_to_be_a_wav_has_its_bits(tmp_path):
    soundfile.write(tmp_path / "a.flac", integers(24), 48_000, "PCM_24")
    _, _, info = kept(tmp_path, tmp_path / "a.flac", suffix=".wav")
    assert (info.format, info.subtype) == ("WAV", "PCM_24")


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_beyond_the_end(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", as_stored(integers(16), subtype), 48_000, subtype)
    with pytest.raises(AudioError, match=r"a\.wav: ends before 20 s, where the clip begins"):
        kept(tmp_path, tmp_path / "a.wav", 20)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_folder_that_is_not_there(tmp_path):
    soundfile.write(tmp_path / "a.wav", integers(16), 48_000, "PCM_16")
    with pytest.raises(WriteError, match=r"cannot be written as FLAC \(System error\); check"):
        write_clip(tmp_path / "a.wav", tmp_path / "none" / "kept", 0, 1)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from birdsong.errors import WriteError
from birdsong.sound.clips import write_clip

source, out = map(Path, sys.argv[1:3])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for n_bytes in map(int, sys.argv[3:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, resource.RLIM_INFINITY))
    try:
        write_clip(source, out, 0, 100)
        print("kept", n_bytes)
    except WriteError as error:
        assert "cannot be written as" in str(error), error
    assert list(out.parent.iterdir()) == [], n_bytes
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not limit files")
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_a_full_disk_is_an_error_wherever_it_happens(tmp_path, subtype):
    """The last bytes of a FLAC included, whose loss libsndfile does not tell."""
    samples = as_stored(integers(16, 100_000), subtype)
    soundfile.write(tmp_path / "a.wav", samples, 48_000, subtype)
    written, _, _ = kept(tmp_path, tmp_path / "a.wav")
    n_bytes = written.stat().st_size
    limits = [0, 20, 100, 5_000, n_bytes // 2, n_bytes - 9000, n_bytes - 3000, n_bytes - 1]
    folder = tmp_path / "folder"
    folder.mkdir()
    finished = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path / "a.wav", folder / "kept", *map(str, limits)],
        capture_output=True, text=True, check=False, timeout=60, env=os.environ,
    )  # fmt: skip
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
