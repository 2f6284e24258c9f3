"""Odd files: everything in them is decoded or reported missing, without false warnings."""

from __future__ import annotations

import re

import numpy as np
import pytest

from birdsong.errors import AudioError
from birdsong.sound import open_decoder, pcm_parts
from birdsong.sound.audio_reader import AudioReader
from tests.odd_files import CASES, make
from tests.odd_files.base import encoded, tone, written
from tests.odd_files.recorders import gap
from tests.odd_files.wav import pcm, wav

RATE_HZ = 24_000
HIGHEST_HZ = 11_000


def dominant_hz(samples: np.ndarray, at_s: float, seconds: float = 0.5) -> float:
    """The loudest frequency around a moment."""
    start = round((at_s - seconds / 2) * RATE_HZ)
    part = samples[start : start + round(seconds * RATE_HZ)]
    power = np.abs(np.fft.rfft(part * np.hanning(len(part))))
    return float(np.argmax(power) * RATE_HZ / len(part))


@pytest.fixture(scope="module", params=CASES)
def odd(request):
    return make(request.param)


@pytest.mark.parametrize("how", ["path", "bytes"])
def test_everything_is_decoded_or_reported(odd, how, tmp_path):
    source = odd.content
    if how == "path":
        source = tmp_path / f"20240513_043000{odd.suffix}"
        source.write_bytes(odd.content)
    with AudioReader(source, RATE_HZ, name=f"20240513_043000{odd.suffix}") as reader:
        samples = np.concatenate(list(reader.blocks()))
        warnings = reader.warnings(highest_hz=HIGHEST_HZ)
        duration_s, missing_s, info = reader.duration_s, reader.missing_s, reader.info

    decoded = f"decoded {duration_s:.4f} s of {odd.present_s:.4f} s, missing {missing_s:.4f} s"
    if odd.all_decoded:
        assert duration_s == pytest.approx(odd.present_s, abs=odd.tolerance_s), decoded
    else:
        assert duration_s + missing_s >= odd.present_s - odd.tolerance_s, decoded
        assert duration_s <= odd.present_s + odd.tolerance_s, decoded
    assert len(samples) / RATE_HZ == pytest.approx(duration_s, abs=0.01)  # all is handed out
    if odd.declared_s is not None:
        if info.estimate_s is None:
            assert info.declared_s == pytest.approx(odd.declared_s, abs=0.06)
        absent_s = max(0.0, odd.declared_s - odd.present_s)
        assert missing_s == pytest.approx(absent_s, abs=max(0.1, odd.tolerance_s)), decoded

    for words in odd.expected_warnings:
        assert any(re.search(words, warning) for warning in warnings), (words, warnings)
    for words in odd.forbidden_warnings:
        assert not any(re.search(words, warning) for warning in warnings), (words, warnings)
    if odd.n_warnings is not None:
        assert len(warnings) == odd.n_warnings, warnings
    for at_s, hz in odd.tones:
        assert dominant_hz(samples, at_s) == pytest.approx(hz, rel=0.02), f"at {at_s} s"


@pytest.mark.parametrize(
    "name",
    [
        "wav: no size", "wav: a size of 0xFFFFFFFF", "wav: a size of 0x7FFFF000",
        "flac: unknown length", "iff: .caf, an unknown size", "iff: .au, an unknown size",
    ],
)  # fmt: skip
def test_an_unknown_length_is_unknown(name):
    with AudioReader(make(name).content, RATE_HZ) as reader:
        assert reader.info.declared_s is None


def test_too_many_parts_are_reported(monkeypatch):
    monkeypatch.setattr(open_decoder, "MAX_PARTS", 3)
    monkeypatch.setattr(pcm_parts, "MAX_PARTS", 3)
    content = wav(tone(1000, 1.0)) * 5
    with AudioReader(content, RATE_HZ) as reader:
        assert sum(map(len, reader.blocks())) == 3 * RATE_HZ
        (warning,) = reader.warnings(highest_hz=HIGHEST_HZ)
    assert warning == (
        "more than 3 recordings were joined in this file: only the first 3 are read; split "
        "the file to read the rest"
    )


def test_many_parts_with_a_note_each_are_counted():
    flac = written(tone(1000, 1.0), 48_000, "FLAC", "PCM_16")
    half = flac[: len(flac) // 2]
    with AudioReader(half * 30, RATE_HZ) as reader:
        list(reader.blocks())
        warnings = reader.warnings(highest_hz=HIGHEST_HZ)
    assert len(warnings) == 12
    assert "more such warnings about its parts" in warnings[-1]


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "AU", "mp4", "matroska", "asf"])
@pytest.mark.parametrize("n_odd", [0, 1])
def test_a_file_of_another_kind_behind_a_wav_is_no_noise(kind, n_odd):
    sound = tone(3000, 2.0)
    if kind.isupper():
        behind = written(sound, 48_000, kind, "VORBIS" if kind == "OGG" else "PCM_16")
    else:
        codec = {"mp4": "aac", "matroska": "flac", "asf": "wmav2"}[kind]
        behind = encoded(sound, 48_000, codec, kind)
    first = pcm(tone(1000, 2.0), "PCM_U8")[n_odd:]
    content = wav(tone(1000, 2.0), coding="PCM_U8", data=first) + behind
    with AudioReader(content, RATE_HZ) as reader:
        samples = np.concatenate(list(reader.blocks()))
        (warning,) = reader.warnings(highest_hz=HIGHEST_HZ)
    assert len(samples) / RATE_HZ == pytest.approx(4.0, abs=0.1)
    assert dominant_hz(samples, 3.0) == pytest.approx(3000, rel=0.02)
    assert warning == "2 recordings were joined in this file: they are read as one"


@pytest.mark.parametrize("n_channels", [65, 2**16, 0xFF00_0001, 2**32 - 1])
def test_an_au_of_more_channels_than_there_are_numbers_for(n_channels):
    content = bytearray(make("iff: .au, honest").content)
    content[20:24] = n_channels.to_bytes(4)
    with pytest.raises(AudioError, match=r"^[^\n]+$"):
        AudioReader(bytes(content), RATE_HZ)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("n", [44, 52])
def test_bytes_that_send_libsndfile_before_their_start_print_no_traceback(n):
    content = make("iff: AIFF, honest").content[:n]
    with AudioReader(content, RATE_HZ) as reader, pytest.raises(AudioError, match="no samples"):
        list(reader.blocks())


@pytest.mark.parametrize("rate_hz", [1, 99, 10_000_001, 2_000_000_000])
def test_a_rate_at_which_nothing_sings(rate_hz):
    with pytest.raises(AudioError, match=f"declares {rate_hz} samples a second, expected 100 to"):
        AudioReader(wav(tone(10, 0.1), rate_hz=rate_hz), RATE_HZ)


def test_gaps_of_more_than_a_day_are_sound():
    odd = make("recorders: AudioMoth, triggered")
    days = gap(2**24 - 1) * 100
    at = odd.content.index(b"data") + 8
    with AudioReader(odd.content[:at] + days, RATE_HZ) as reader:
        assert sum(map(len, reader.blocks())) / RATE_HZ < 1


def test_none_of_the_parts_can_be_read():
    with pytest.raises(AudioError, match=r"\(part 1 of 30 cannot be read \("):
        AudioReader((b"\0\0\0\x08ftyp" + b"\0\0\0\x08moov") * 30, RATE_HZ)


@pytest.mark.slow
def test_a_night_whose_size_went_round(tmp_path):
    """A file of more than 4 GiB, whose header counts its bytes modulo 2^32."""
    rate_hz, declared_s = 48_000, 12
    n_bytes = 2**32 + 2 * rate_hz * declared_s
    end = pcm(tone(3000, 2, rate_hz), "PCM_16")
    path = tmp_path / "night.wav"
    start = pcm(tone(1000, 2, rate_hz), "PCM_16")
    size = n_bytes % 2**32
    with path.open("wb") as file:
        file.write(wav(tone(1000, 0.1)[:0], data_size=size, riff_size=size + 36, data=start))
        file.truncate(44 + n_bytes - len(end))  # zeros that take no room
        file.seek(0, 2)
        file.write(end)
    assert path.stat().st_size == 44 + n_bytes
    loud_s = []
    with AudioReader(path, rate_hz) as reader:
        n_before = 0
        for block in reader.blocks():
            if np.abs(block).max(initial=0) > 0.1:
                loud_s.append(n_before / rate_hz)
            n_before += len(block)
        (warning,) = reader.warnings(highest_hz=HIGHEST_HZ)
    assert reader.duration_s == pytest.approx(n_bytes / 2 / rate_hz)
    assert reader.missing_s == 0
    assert re.search(r"header declares 12\.0 s", warning)
    assert loud_s[0] < 2
    assert loud_s[-1] > n_bytes / 2 / rate_hz - 3
