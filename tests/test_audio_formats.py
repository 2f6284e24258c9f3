"""The table of audio formats: each format is decoded, detected and accepted as an upload."""

import io
from contextlib import closing

import av
import numpy as np
import pytest
import soundfile

from birdsong.audio_formats import (
    AUDIO_FORMATS,
    AUDIO_SUFFIXES,
    FFMPEG_DEMUXERS,
    N_FIRST_BYTES,
    SUPPORTED_FORMATS,
    UPLOAD_SUFFIXES,
    detect_suffix,
    mime_type,
)
from birdsong.sound.ffmpeg_decoder import FfmpegDecoder
from birdsong.sound.open_decoder import open_decoder
from birdsong.sound.soundfile_decoder import SoundfileDecoder

RATE_HZ = 48_000
SECONDS = 2.0
N_SAMPLES = int(SECONDS * RATE_HZ)


def tone(rate_hz=RATE_HZ):
    time_s = np.arange(int(SECONDS * rate_hz)) / rate_hz
    return (0.3 * np.sin(2 * np.pi * 1000 * time_s)).astype(np.float32)


def by_soundfile(format, subtype, **options):
    def content():
        file = io.BytesIO()
        soundfile.write(file, tone(), RATE_HZ, format=format, subtype=subtype, **options)
        return file.getvalue()

    return content


def by_ffmpeg(muxer, codec, *, rate_hz=RATE_HZ, layout="mono", bit_rate=None):
    def content():
        file = io.BytesIO()
        with av.open(file, "w", format=muxer) as container:
            stream = container.add_stream(codec, rate=rate_hz, layout=layout)
            if bit_rate:
                stream.bit_rate = bit_rate
            stream.codec_context.open(strict=False)
            resampler = av.AudioResampler(
                stream.codec_context.format.name,
                layout,
                rate_hz,
                frame_size=stream.codec_context.frame_size or 1024,
            )
            frame = av.AudioFrame.from_ndarray(tone(rate_hz)[None, :], "fltp", "mono")
            frame.sample_rate = rate_hz
            n = 0
            for part in resampler.resample(frame) + resampler.resample(None):
                part.pts, n = n, n + part.samples
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
        return file.getvalue()

    return content


def amr_wide_band():
    return b"#!AMR-WB\n" + (b"\x04" + bytes(17)) * int(SECONDS * 50)


def renamed(content, first_bytes):
    return lambda: first_bytes + content()[len(first_bytes) :]


def with_times():
    content = by_ffmpeg("mpegts", "ac3")()
    packets = [content[start : start + 188] for start in range(0, len(content), 188)]
    return b"".join(bytes(4) + packet for packet in packets)


def old_quicktime():
    content = by_ffmpeg("mov", "pcm_s16le")()
    return content[int.from_bytes(content[:4]) :]  # without "ftyp", which came with MP4


def dsd():
    """A DSF of one channel: a header, and blocks of 4,096 bytes of a silent pattern."""
    n_bytes = int(SECONDS * 352_800)
    n_blocks = -(-n_bytes // 4096)
    little = [1, 0, 1, 1, 2_822_400, 1]  # version, DSD raw, mono, one channel, rate, bits
    fmt = b"fmt " + (52).to_bytes(8, "little")
    fmt += b"".join(value.to_bytes(4, "little") for value in little)
    fmt += (8 * n_bytes).to_bytes(8, "little") + (4096).to_bytes(4, "little") + bytes(4)
    data = b"data" + (12 + 4096 * n_blocks).to_bytes(8, "little") + b"\x69" * (4096 * n_blocks)
    whole = 28 + len(fmt) + len(data)
    return b"DSD " + b"".join(n.to_bytes(8, "little") for n in (28, whole, 0)) + fmt + data


MADE = {
    # what it is: suffixes it goes by, the suffix it is recognised as, its maker
    "WAV": ([".wav", ".wave", ".bwf"], ".wav", by_soundfile("WAV", "PCM_16")),
    "WAV, big-endian": ([], ".wav", by_soundfile("WAV", "PCM_16", endian="BIG")),
    "WAV, extensible": ([], ".wav", by_soundfile("WAVEX", "PCM_24")),
    "WAV, ADPCM": ([], ".wav", by_ffmpeg("wav", "adpcm_ms")),
    "RF64": ([".rf64"], ".wav", by_soundfile("RF64", "PCM_16")),
    "BW64": ([], ".wav", renamed(by_soundfile("RF64", "PCM_16"), b"BW64")),
    "FLAC": ([".flac"], ".flac", by_soundfile("FLAC", "PCM_16")),
    "Ogg Vorbis": ([".ogg"], ".ogg", by_soundfile("OGG", "VORBIS")),
    "Ogg FLAC": ([".oga"], ".ogg", by_ffmpeg("ogg", "flac")),
    "Opus": ([".opus"], ".opus", by_soundfile("OGG", "OPUS")),
    "MP3": ([".mp3"], ".mp3", by_soundfile("MP3", "MPEG_LAYER_III")),
    "MP3 behind a tag": ([], ".mp3", by_ffmpeg("mp3", "libmp3lame")),
    "MP2": ([".mp2"], ".mp2", by_ffmpeg("mp2", "mp2")),
    "AIFF": ([".aif", ".aiff"], ".aiff", by_soundfile("AIFF", "PCM_16")),
    "AIFC": ([".aifc"], ".aiff", by_soundfile("AIFF", "PCM_16", endian="LITTLE")),
    "W64": ([".w64"], ".w64", by_soundfile("W64", "PCM_24")),
    "CAF": ([".caf"], ".caf", by_soundfile("CAF", "PCM_24")),
    "CAF, ALAC": ([], ".caf", by_ffmpeg("caf", "alac")),
    "AU": ([".au", ".snd"], ".au", by_soundfile("AU", "FLOAT")),
    "M4A": ([".m4a", ".m4b"], ".m4a", by_ffmpeg("ipod", "aac")),
    "M4A, ALAC": ([], ".m4a", by_ffmpeg("ipod", "alac")),
    "MP4": ([".mp4", ".m4v"], ".m4a", by_ffmpeg("mp4", "aac")),
    "MOV": ([".mov"], ".mov", by_ffmpeg("mov", "pcm_s16le")),
    "MOV without a type": ([".qt"], ".mov", old_quicktime),
    "3GP": (
        [".3gp", ".3gpp"],
        ".3gp",
        by_ffmpeg("3gp", "libopencore_amrnb", rate_hz=8000, bit_rate=12_200),
    ),
    "3G2": ([".3g2"], ".3g2", by_ffmpeg("3g2", "aac")),
    "AAC": ([".aac"], ".aac", by_ffmpeg("adts", "aac")),
    "WebM": ([".webm", ".weba"], ".webm", by_ffmpeg("webm", "libopus")),
    "Matroska": ([".mka", ".mkv"], ".mka", by_ffmpeg("matroska", "flac")),
    "WMA": (
        [".wma", ".asf", ".wmv"],
        ".wma",
        by_ffmpeg("asf", "wmav2", rate_hz=44_100, layout="stereo", bit_rate=128_000),
    ),
    "AVI": ([".avi"], ".avi", by_ffmpeg("avi", "pcm_s16le")),
    "MPEG-TS": ([".mts"], ".mts", by_ffmpeg("mpegts", "ac3")),
    "MPEG-TS with times": ([".m2ts"], ".m2ts", with_times),
    "MPEG-PS": ([".mpg", ".mpeg"], ".mpg", by_ffmpeg("mpeg", "mp2")),
    "VOB": ([".vob"], ".mpg", by_ffmpeg("vob", "ac3")),
    "AMR": ([".amr"], ".amr", by_ffmpeg("amr", "libopencore_amrnb", rate_hz=8000, bit_rate=12_200)),
    "AMR-WB": ([".awb"], ".awb", amr_wide_band),
    "AC-3": ([".ac3"], ".ac3", by_ffmpeg("ac3", "ac3")),
    "E-AC-3": ([".eac3"], ".eac3", by_ffmpeg("eac3", "eac3")),
    "WavPack": ([".wv"], ".wv", by_ffmpeg("wv", "wavpack")),
    "TTA": ([".tta"], ".tta", by_ffmpeg("tta", "tta")),
    "DSF": ([".dsf"], ".dsf", dsd),
}
NO_ENCODER = {".ape", ".spx", ".tak"}  # tried with files of others


def decoded_duration_s(content):
    """Seconds in a file, counted by the library that the table names first or second."""
    try:
        samples, rate_hz = soundfile.read(io.BytesIO(content), always_2d=True)
    except soundfile.LibsndfileError:
        n, rate_hz = 0, 0
        options = {"format_whitelist": FFMPEG_DEMUXERS}
        with av.open(io.BytesIO(content), "r", options=options) as container:
            for frame in container.decode(container.streams.audio[0]):
                n, rate_hz = n + frame.samples, frame.sample_rate
        return n / rate_hz
    return len(samples) / rate_hz


@pytest.fixture(scope="module", params=MADE, ids=str)
def made(request):
    suffixes, recognised, make = MADE[request.param]
    return suffixes, recognised, make()


def test_each_format_is_decoded(made):
    assert decoded_duration_s(made[2]) == pytest.approx(
        SECONDS, abs=0.06
    )  # frames of AAC and ADPCM


@pytest.mark.parametrize("name", MADE)
def test_the_table_names_the_decoder_that_opens_a_format(name):
    _, suffix, make = MADE[name]
    (named,) = (each.decoder for each in AUDIO_FORMATS if suffix in each.suffixes)
    with closing(open_decoder(make(), name)) as opened:
        if name in ("CAF, ALAC", "Ogg FLAC"):  # libsndfile comes first, but does not read these
            assert (named, type(opened)) == ("libsndfile", FfmpegDecoder)
            return
        expected = {"libsndfile": SoundfileDecoder, "ffmpeg": FfmpegDecoder}[named]
        assert type(opened) is expected


def test_each_format_is_recognised_by_its_first_bytes(made):
    suffixes, recognised, content = made
    assert detect_suffix(content[:N_FIRST_BYTES]) == recognised
    assert {*suffixes, recognised} <= AUDIO_SUFFIXES


def test_every_suffix_of_the_table_was_tried():
    tried = {suffix for suffixes, _, _ in MADE.values() for suffix in suffixes}
    assert tried | NO_ENCODER == AUDIO_SUFFIXES


@pytest.mark.parametrize(
    "first_bytes",
    [
        b"", b"R", b"\xff", b"<!DOCTYPE html><html>", b"%PDF-1.7", b"PK\x03\x04",
        b"RIFF\x10\0\0\0WEBPVP8 ", b"FORM\0\0\0\x10ILBM", b"\x89PNG\r\n\x1a\n", b"GIF89a",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        b"#EXTM3U\n#EXTINF:1,\n", b"ffconcat version 1.0\n", b"\0" * 400, b"\xff" * 400,
        b"\xff\xff\xff\xff\xff\xff", "G\xe9".encode("utf-16"), b"G" * 50,
    ],
)  # fmt: skip
def test_what_is_no_sound_is_not_recognised(first_bytes):
    assert detect_suffix(first_bytes) is None


def test_ffmpeg_opens_nothing_that_names_other_files():
    demuxers = set(FFMPEG_DEMUXERS.split(","))
    assert not demuxers & {"hls", "dash", "concat", "sdp", "rtsp", "image2", "data", "mp3", "lavfi"}
    for demuxer in demuxers:
        assert av.format.ContainerFormat(demuxer, "r").is_input


def test_the_lists_agree():
    suffixes = [suffix for each in AUDIO_FORMATS for suffix in each.suffixes]
    assert len(suffixes) == len(set(suffixes)) == len(AUDIO_SUFFIXES)
    assert {f".{suffix}" for suffix in UPLOAD_SUFFIXES} == AUDIO_SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)
    assert SUPPORTED_FORMATS.startswith("WAV, FLAC, Ogg, Opus, MP3, ")
    names = {each.name for each in AUDIO_FORMATS}
    assert set(SUPPORTED_FORMATS.partition(" or ")[0].split(", ")) <= names
    assert SUPPORTED_FORMATS.endswith(f" or another of {len(AUDIO_FORMATS)} formats")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.WAV", "audio/wav"),
        ("a.opus", "audio/ogg"),
        ("a.m4a", "audio/mp4"),
        ("clip.mov", "video/quicktime"),
        ("page.html", "audio/wav"),
        ("noending", "audio/wav"),
    ],
)
def test_mime_types_are_audio_or_video_and_never_html(name, expected):
    assert mime_type(name) == expected
    assert expected.split("/")[0] in ("audio", "video")
