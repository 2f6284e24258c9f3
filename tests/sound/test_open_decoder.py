"""What phones record: the containers that libsndfile does not read."""

import io

import av
import numpy as np
import pytest
import soundfile

from birdsong.errors import AudioError
from birdsong.sound import open_decoder
from birdsong.sound.audio_reader import AudioReader, read_samples
from birdsong.sound.mp4_files import mp4_files
from tests.odd_files import base

RATE = 24_000
ENDINGS = {
    # ending: container, codec, rate
    "m4a": ("ipod", "aac", 44_100),
    "mp4": ("mp4", "aac", 48_000),
    "aac": ("adts", "aac", 44_100),
    "webm": ("webm", "libopus", 48_000),
    "3gp": ("3gp", "aac", 16_000),
}


def tone(rate_hz, seconds, hz=1000.0):
    times_s = np.arange(int(rate_hz * seconds)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)


def encoded(ending, seconds=6.0, n_channels=1):
    """A tone as a phone would write it; bytes."""
    container_format, codec, rate_hz = ENDINGS[ending]
    content = io.BytesIO()
    with av.open(content, "w", format=container_format) as container:
        layout = {1: "mono", 2: "stereo"}[n_channels]
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        samples = np.repeat(tone(rate_hz, seconds)[np.newaxis], n_channels, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(
            stream.codec_context.format, layout, rate_hz, stream.codec_context.frame_size
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return content.getvalue()


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_phones_record_sounds_as_it_was(tmp_path, ending, n_channels):
    content = encoded(ending, n_channels=n_channels)
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.SoundFile(io.BytesIO(content))
    path = tmp_path / f"phone.{ending}"
    path.write_bytes(content)
    samples = read_samples(path, RATE)
    assert len(samples) / RATE == pytest.approx(6, abs=0.1)
    inner = samples[RATE : 5 * RATE]
    power = np.abs(np.fft.rfft(inner * np.hanning(len(inner)))) ** 2
    assert np.fft.rfftfreq(len(inner), 1 / RATE)[power.argmax()] == pytest.approx(1000, abs=1)
    assert np.sqrt((inner**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    np.testing.assert_array_equal(samples, read_samples(content, RATE))


def test_header_fields(tmp_path):
    with AudioReader(encoded("m4a", n_channels=2), RATE) as reader:
        assert (reader.info.sample_rate_hz, reader.info.n_channels) == (44_100, 2)
        assert reader.info.declared_s == pytest.approx(6, abs=0.1)
        assert sum(map(len, reader.blocks())) / RATE == pytest.approx(reader.duration_s, abs=0.01)
        assert reader.warnings(highest_hz=11_000) == []


@pytest.mark.parametrize("ending", ["aac", "webm"])
def test_half_a_file_gives_what_is_there(ending):
    content = encoded(ending, seconds=20)
    samples = read_samples(content[: len(content) // 2], RATE)
    assert 5 < len(samples) / RATE < 15


def test_m4a_without_its_table_of_contents_is_refused():
    """The box that says where the sound lies comes last: cut off, nothing can be found."""
    content = encoded("m4a")
    with pytest.raises(AudioError, match=r"cut\.m4a: not audio in a format that can be read"):
        AudioReader(content[: len(content) // 2], RATE, name="cut.m4a")


def test_a_film_without_sound():
    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height = 32, 32
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match="expected WAV, FLAC, Ogg, Opus, MP3"):
        AudioReader(content.getvalue(), RATE, name="film.mp4")


def test_a_playlist_is_never_followed(tmp_path):
    """FFmpeg would open the files and addresses that it names."""
    soundfile.write(tmp_path / "secret.wav", tone(RATE, 5), RATE)
    for name, text in {
        "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nsecret.wav\n#EXT-X-ENDLIST\n",
        "list.ffconcat": "ffconcat version 1.0\nfile secret.wav\n",
        "list.m4a": "#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/secret.wav\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(AudioError, match="not audio in a format that can be read"):
            AudioReader(tmp_path / name, RATE)


def test_a_name_that_looks_like_an_address_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from pathlib import Path

    Path("concat:a|b.m4a").write_bytes(encoded("m4a"))
    assert len(read_samples(Path("concat:a|b.m4a"), RATE)) > 5 * RATE


def test_damage_ends_in_a_sentence_or_in_what_is_there():
    generator = np.random.default_rng(0)
    said = []
    whole = {ending: encoded(ending) for ending in ("m4a", "webm", "aac")}
    for i in range(60):
        content = bytearray(whole[("m4a", "webm", "aac")[i % 3]])
        for place in generator.integers(0, len(content), 20):
            content[place] = generator.integers(256)
        try:
            samples = read_samples(bytes(content), RATE)
        except AudioError as error:
            said.append(str(error))
        else:
            assert samples.dtype == np.float32
            assert len(samples) < 60 * RATE
    assert said
    assert not any("\n" in sentence for sentence in said)


@pytest.mark.parametrize(("container", "codec"), [("adts", "aac"), ("ac3", "ac3")])
def test_damage_without_a_declared_length_is_reported(container, codec):
    content = bytearray(base.encoded(tone(48_000, 8), 48_000, codec, container))
    middle = len(content) // 2
    content[middle : middle + 4000] = np.random.default_rng(0).bytes(4000)
    with AudioReader(bytes(content), RATE) as reader:
        n = sum(map(len, reader.blocks()))
        assert 3 < n / RATE < 7.5
        (warning,) = reader.warnings(highest_hz=11_000)
    assert "the rest cannot be decoded" in warning


@pytest.mark.parametrize("ending", ["m4a", "mp4", "3gp"])
def test_joined_files_of_phones_are_read_whole(ending):
    both = encoded(ending) + encoded("mp4", n_channels=2)
    with AudioReader(both, RATE) as reader:
        samples = np.concatenate(list(reader.blocks()))
        (warning, *more) = reader.warnings(highest_hz=7_000)
    assert len(samples) / RATE == pytest.approx(12, abs=0.2)
    assert np.abs(samples[-2 * RATE :]).max() == pytest.approx(0.5, abs=0.1)
    assert warning == "2 recordings were joined in this file: they are read as one"
    assert more == []


def test_a_joined_file_of_which_the_last_is_cut():
    content = encoded("m4a")
    with AudioReader(content + content[: len(content) // 2], RATE) as reader:
        assert sum(map(len, reader.blocks())) / RATE == pytest.approx(6, abs=0.1)
        warnings = reader.warnings(highest_hz=11_000)
    assert warnings[1:] == ["part 2 of 2 cannot be read (Invalid data found when processing input)"]


def test_boxes_of_no_size_and_bytes_behind_them_end_the_search():
    content = encoded("m4a")
    for behind in (bytes(5000), b"\0\0\0\4free", b"\0\0\0\1mdat" + b"\xff" * 8, b"junk" * 999):
        assert mp4_files(io.BytesIO(content + behind)) == [(0, len(content + behind))]


def wma(seconds=8.0):
    return base.encoded(tone(48_000, seconds), 48_000, "wmav2", "asf")


def decode(content):
    """The seconds heard, what is declared, and the warnings."""
    with AudioReader(content, RATE) as reader:
        decoded_s = sum(map(len, reader.blocks())) / RATE
        return decoded_s, reader.info.declared_s, reader.warnings(highest_hz=7_000)


def test_a_wma_declares_what_its_header_says():
    decoded_s, declared_s, warnings = decode(wma())
    assert decoded_s == pytest.approx(8, abs=0.1)
    assert declared_s == pytest.approx(8, abs=0.1)
    assert warnings == []


def test_a_wma_that_was_cut():
    decoded_s, declared_s, warnings = decode(wma()[:30_000])
    assert declared_s == pytest.approx(8, abs=0.1)
    assert warnings == [f"ends early: {decoded_s:.1f} s of the 8.0 s that its header declares"]


def test_a_wma_whose_length_nobody_filled_in():
    content = bytearray(wma())
    at = content.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    content[at + 40 : at + 48] = bytes(8)  # the size of the file
    content[at + 64 : at + 72] = bytes(8)  # its duration
    content[at + 88] |= 1
    decoded_s, declared_s, warnings = decode(bytes(content))
    assert decoded_s == pytest.approx(8, abs=0.1)
    assert declared_s is None
    assert warnings == []


def test_joined_wma_is_read_whole():
    decoded_s, _, warnings = decode(wma() + wma(4.0))
    assert decoded_s == pytest.approx(12, abs=0.1)
    assert warnings == ["2 recordings were joined in this file: they are read as one"]


def test_alac_in_caf_whose_last_packet_is_part_empty():
    decoded_s, declared_s, warnings = decode(base.encoded(tone(48_000, 8), 48_000, "alac", "caf"))
    assert decoded_s == pytest.approx(8, abs=0.09)
    assert declared_s is None
    assert warnings == []


@pytest.mark.parametrize("container_format", ["matroska", "avi"])
def test_a_film_that_is_longer_than_its_sound(container_format):
    content = io.BytesIO()
    with av.open(content, "w", format=container_format) as container:
        film = container.add_stream("mpeg4", rate=10, width=32, height=32)
        sound = container.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for packet in base.packets(sound, tone(48_000, 4)[np.newaxis], 48_000, "mono"):
            container.mux(packet)
        for _ in range(60):
            container.mux(film.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(film.encode(None))
    decoded_s, _, warnings = decode(content.getvalue())
    assert decoded_s == pytest.approx(4, abs=0.01)
    assert warnings == []


def test_a_sound_track_of_a_codec_that_nobody_knows():
    """Found by fuzzing: FFmpeg opens the container, and has no decoder to offer."""
    content = encoded("webm")
    assert b"A_OPUS" in content
    with pytest.raises(AudioError, match="not audio in a format that can be read"):
        AudioReader(content.replace(b"A_OPUS", b"A_OPES"), RATE)


@pytest.mark.parametrize("n_bytes", range(30, 60, 3))
def test_a_container_that_ends_after_its_first_words(n_bytes):
    """Found by fuzzing: FFmpeg then says that the file is over, in an error of its own kind."""
    with pytest.raises(AudioError, match="not audio in a format that can be read"):
        AudioReader(encoded("webm")[:n_bytes], RATE)


@pytest.mark.parametrize("n_channels", [65, 1000])
def test_more_channels_than_anybody_records(n_channels):
    """A second of what 20 frames claim to be would take gigabytes."""
    content = io.BytesIO()
    soundfile.write(content, np.zeros((20, n_channels), np.float32), 384_000, format="WAV")
    with pytest.raises(AudioError, match=f"declares {n_channels} channels, expected 1 to 64"):
        AudioReader(content.getvalue(), RATE)


def test_no_channel_at_all():
    """Found by fuzzing."""
    content = encoded("webm")
    assert b"OpusHead\x01\x01" in content  # its version, and how many channels there are
    with pytest.raises(AudioError, match="declares 0 channels, expected 1 to 64"):
        AudioReader(content.replace(b"OpusHead\x01\x01", b"OpusHead\x01\x00"), RATE)


def test_an_mp3_of_few_bits_sounds_the_same_in_blocks(tmp_path):
    """soundfile 0.14 seeks after each read; libmpg123 then lacks bits of earlier frames."""
    times_s = np.arange(20 * 44_100) / 44_100
    chirp = (0.3 * np.sin(2 * np.pi * (500 + 150 * times_s) * times_s)).astype(np.float32)
    path = tmp_path / "few.mp3"
    soundfile.write(path, chirp, 44_100, bitrate_mode="VARIABLE", compression_level=0.9)
    whole, _ = soundfile.read(path, dtype="float32")
    in_blocks = read_samples(path, 44_100)
    np.testing.assert_array_equal(in_blocks, whole)
    assert np.sqrt((in_blocks[44_100:-44_100] ** 2).mean()) == pytest.approx(0.3 / 2**0.5, rel=0.05)


def test_a_chunk_that_claims_gigabytes_claims_no_memory(monkeypatch):
    """Found by fuzzing: FFmpeg makes room for what the size of a LIST chunk says."""
    content = io.BytesIO()
    soundfile.write(content, tone(RATE, 1), RATE, format="WAV")
    whole = content.getvalue()
    listed = whole[:36] + b"LIST" + (0xFFFF01B4).to_bytes(4, "little") + b"INFO" + bytes(400)

    def refuse(*args, **options):
        raise AssertionError("sent to FFmpeg")

    monkeypatch.setattr(open_decoder, "FfmpegDecoder", refuse)
    with pytest.raises(AudioError, match="not audio in a format that can be read"):
        AudioReader(listed, RATE)
