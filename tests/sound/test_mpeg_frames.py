"""MP3s that are longer than libsndfile takes them to be, and those that are not."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from birdsong.errors import AudioError
from birdsong.sound import open_decoder
from birdsong.sound.audio_reader import AudioReader, read_samples
from birdsong.sound.mpeg_frames import scan_frames

RATE = 44_100
MONO_COUNTS_AT = 21  # of the header that says how much follows, in a first frame of MPEG-1


def mp3(seconds, *, rate_hz=RATE, mode="CONSTANT", level=0.5, n_channels=1):
    """A tone, over noise from its second quarter on: what varies, varies here; bytes."""
    times_s = np.arange(int(rate_hz * seconds)) / rate_hz
    samples = 0.3 * np.sin(2 * np.pi * 1000 * times_s)
    loud = times_s > seconds / 4
    samples[loud] += 0.2 * np.random.default_rng(0).standard_normal(loud.sum())
    content = io.BytesIO()
    soundfile.write(
        content, np.repeat(samples[:, np.newaxis], n_channels, axis=1), rate_hz,
        format="MP3", bitrate_mode=mode, compression_level=level,
    )  # fmt: skip
    return content.getvalue()


def headless(content):
    """The same without its first frame, which counts the others."""
    return content[content.index(content[:2], 4) :]


def tag(n_bytes):
    """An ID3v2 tag as it stands in front of a file."""
    return b"ID3\x04\x00\x00" + bytes(n_bytes >> i & 0x7F for i in (21, 14, 7, 0)) + bytes(n_bytes)


CONSTANT, VARIABLE = mp3(10), mp3(30, mode="VARIABLE")
LONGER = {
    # what: content, seconds
    "a variable rate": (headless(VARIABLE), 30),
    "a variable rate behind a tag": (tag(70_000) + headless(VARIABLE), 30),
    "a variable rate in stereo": (headless(mp3(20, mode="VARIABLE", n_channels=2)), 20),
    "a variable rate in MPEG-2": (headless(mp3(20, mode="VARIABLE", rate_hz=22_050)), 20),
    "two joined": (CONSTANT + CONSTANT, 20),
    "two joined with their tags": (
        (tag(3000) + CONSTANT + b"TAG" + bytes(125)) + (tag(50_000) + CONSTANT),
        20,
    ),
    "three joined of variable rate": (VARIABLE + VARIABLE + VARIABLE, 90),
    "a constant rate, then another": (headless(CONSTANT) + headless(mp3(10, level=0.8)), 20),
    "a first frame with padding": (headless(mp3(20, rate_hz=22_050, level=0.99)), 20),
}
AS_LONG = {
    "a constant rate": headless(CONSTANT),
    "a constant rate behind a tag": tag(9000) + headless(CONSTANT),
    "a constant rate in MPEG-2": headless(mp3(10, rate_hz=24_000)),
    "a constant rate and its count": CONSTANT,
    "a variable rate and its count": VARIABLE,
    "a cut one": VARIABLE[: len(VARIABLE) // 2],
    "an ID3v1 tag at the end": VARIABLE + b"TAG" + bytes(125),
    "an APE tag at the end": VARIABLE + b"APETAGEX" + bytes(5000) + b"TAG" + bytes(125),
    "noise at the end": CONSTANT + np.random.default_rng(1).bytes(6000),
}


@pytest.mark.parametrize("what", LONGER)
def test_what_libsndfile_would_lose_is_decoded(tmp_path, what):
    content, seconds = LONGER[what]
    damaged_s = seconds - soundfile.info(io.BytesIO(content)).duration
    assert damaged_s > 0.5, "else there is nothing to see here"
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    with AudioReader(path, 24_000) as reader:
        samples = np.concatenate(list(reader.blocks()))
        assert reader.duration_s == pytest.approx(seconds, abs=0.2)
        assert reader.info.present_s == pytest.approx(seconds, abs=0.2)
        assert not any("ends early" in warning for warning in reader.warnings(highest_hz=11_000))
    np.testing.assert_array_equal(samples, read_samples(content, 24_000))
    end = samples[-24_000:-6_000]
    assert np.sqrt((end**2).mean()) == pytest.approx(np.sqrt(0.3**2 / 2 + 0.2**2), rel=0.4)


@pytest.mark.parametrize("what", AS_LONG)
def test_what_libsndfile_reads_whole_needs_no_ffmpeg(monkeypatch, what):
    def refuse(*args, **options):
        raise AssertionError("sent to FFmpeg")

    monkeypatch.setattr(open_decoder, "FfmpegDecoder", refuse)
    with AudioReader(AS_LONG[what], 24_000) as reader:
        assert reader.info.estimate_s is None
        assert sum(map(len, reader.blocks())) > 0


@pytest.mark.parametrize(("n_counted", "declared_s"), [(0, None), (100, 100 * 1152 / RATE)])
def test_what_the_first_frame_counts_and_what_there_is(n_counted, declared_s):
    content = bytearray(VARIABLE)
    assert content[MONO_COUNTS_AT : MONO_COUNTS_AT + 4] == b"Xing"
    content[MONO_COUNTS_AT + 8 : MONO_COUNTS_AT + 12] = n_counted.to_bytes(4)
    frames = scan_frames(io.BytesIO(content))
    assert frames.declared_s == (None if declared_s is None else pytest.approx(declared_s))
    assert frames.seconds == pytest.approx(30, abs=0.1)


def test_two_kinds_are_two():
    joined = headless(CONSTANT) + mp3(3, rate_hz=22_050)
    assert scan_frames(io.BytesIO(joined)).n_formats == 2
    assert scan_frames(io.BytesIO(joined)).seconds == pytest.approx(13, abs=0.2)
    assert scan_frames(io.BytesIO(VARIABLE)).n_formats == 1


def test_what_ffmpeg_refuses_is_left_to_libsndfile(monkeypatch):
    def refuse(*args, **options):
        raise ValueError("no sound track")

    monkeypatch.setattr(open_decoder, "FfmpegDecoder", refuse)
    assert len(read_samples(CONSTANT + CONSTANT, 24_000)) == 10 * 24_000


def test_a_playlist_that_begins_like_an_mp3_is_not_followed(tmp_path):
    soundfile.write(tmp_path / "secret.wav", np.zeros(5 * RATE), RATE)
    text = b"#EXTM3U\n#EXTINF:5,\nsecret.wav\n"
    for content in (text + CONSTANT * 2, tag(0) + text + headless(VARIABLE)):
        (tmp_path / "list.mp3").write_bytes(content)
        try:
            samples = read_samples(tmp_path / "list.mp3", 24_000)
        except AudioError:
            continue
        assert np.abs(samples).max() > 0.1


@given(
    st.binary(max_size=2000),
    st.sampled_from([b"", b"ID3\x04\x00\x10", headless(CONSTANT)[:3000], VARIABLE[:5000]]),
    st.integers(0, 60),
)
def test_any_bytes_are_walked_through(before, content, n_times):
    frames = scan_frames(io.BytesIO(before + content * n_times))
    assert frames is None or frames.seconds > 0


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"\xff" * 300_000, b"\xff\xfb\x90\x00" * 100_000, b"ID3" * 100_000, bytes(10)],
)
def test_what_only_looks_like_frames(content):
    assert scan_frames(io.BytesIO(content)) is None


def test_random_bytes_hold_next_to_nothing():
    frames = scan_frames(io.BytesIO(np.random.default_rng(2).bytes(300_000)))
    assert frames is None or frames.seconds < 0.5


@pytest.mark.parametrize("n_skipped", [0, 1, 700_000, 2**20 - 2, 2**20])
def test_frames_are_counted_across_the_blocks_that_are_read(n_skipped):
    content = tag(n_skipped) + headless(CONSTANT) * 20
    frames = scan_frames(io.BytesIO(content))
    assert frames.seconds == pytest.approx(20 * scan_frames(io.BytesIO(headless(CONSTANT))).seconds)


def test_damage_ends_in_a_sentence_or_in_what_is_there():
    generator = np.random.default_rng(0)
    whole = [content for content, _ in LONGER.values()]
    said = []
    for i in range(40):
        content = bytearray(whole[i % len(whole)])
        for place in generator.integers(0, len(content), 40):
            content[place] = generator.integers(256)
        if i % 2:
            start = generator.integers(len(content))
            content[start : start + 20_000] = b""
        try:
            samples = read_samples(bytes(content), 24_000)
        except AudioError as error:
            said.append(str(error))
        else:
            assert 0 < len(samples) < 200 * 24_000
    assert not any("\n" in sentence for sentence in said)


@pytest.mark.parametrize("damage", [bytes(20_000), np.random.default_rng(3).bytes(20_000)])
def test_a_hole_is_reported_and_the_rest_decoded(damage):
    content = headless(mp3(10))
    middle = len(content) // 2
    content = content[:middle] + damage + content[middle + len(damage) :]
    with AudioReader(content, 24_000) as reader:
        decoded_s = sum(map(len, reader.blocks())) / 24_000
        (warning,) = reader.warnings(highest_hz=11_000)
    found = scan_frames(io.BytesIO(content))
    assert decoded_s == pytest.approx(found.seconds, abs=0.1)
    assert decoded_s + found.damaged_s == pytest.approx(10, abs=0.2)
    assert warning == (
        f"about {found.damaged_s:.1f} s in the middle are damaged: all later times are too early "
        "by that much"
    )


def test_tags_between_joined_files_are_no_damage():
    joined = CONSTANT + b"TAG" + bytes(125) + tag(50_000) + CONSTANT[:-100] + tag(200) + CONSTANT
    assert scan_frames(io.BytesIO(joined)).n_damaged_bytes == 0
