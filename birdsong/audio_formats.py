"""The audio formats: their file extensions, first bytes, decoders and MIME types.

This is the only list of formats. Every entry was tested with files, on libsndfile 1.2.2 and the
FFmpeg 8.1 of PyAV 18.1. Formats without a header (raw PCM) are left out: their sample rate is
unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

N_FIRST_BYTES = 400
"""Number of bytes at the start of a file that `detect_suffix` needs."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One kind of audio file.

    Attributes
    ----------
    name : str
        Name of the format in error messages.
    suffixes : tuple of str
        File extensions in lower case, such as ``.wav``; the usual one first.
    decoder : {"libsndfile", "ffmpeg"}
        The library that is tried first.
    ffmpeg_demuxers : tuple of str
        FFmpeg's names of the containers, also if FFmpeg is only tried second.
    mime_type : str
        MIME type for a browser.
    """

    name: str
    suffixes: tuple[str, ...]
    decoder: Literal["libsndfile", "ffmpeg"]
    ffmpeg_demuxers: tuple[str, ...]
    mime_type: str


AUDIO_FORMATS = (
    AudioFormat("WAV", (".wav", ".wave", ".bwf", ".rf64"), "libsndfile", ("wav",), "audio/wav"),
    AudioFormat("FLAC", (".flac",), "libsndfile", ("flac",), "audio/flac"),
    # libsndfile reads no Speex, and not every FLAC in Ogg; FFmpeg reads both.
    AudioFormat("Ogg", (".ogg", ".oga", ".spx"), "libsndfile", ("ogg",), "audio/ogg"),
    AudioFormat("Opus", (".opus",), "libsndfile", ("ogg",), "audio/ogg"),
    AudioFormat("MP3", (".mp3",), "libsndfile", ("mp3",), "audio/mpeg"),
    AudioFormat("MP2", (".mp2",), "libsndfile", ("mp3",), "audio/mpeg"),
    AudioFormat("AIFF", (".aiff", ".aif", ".aifc"), "libsndfile", ("aiff",), "audio/aiff"),
    AudioFormat("W64", (".w64",), "libsndfile", ("w64",), "audio/x-w64"),
    AudioFormat("CAF", (".caf",), "libsndfile", ("caf",), "audio/x-caf"),
    AudioFormat("AU", (".au", ".snd"), "libsndfile", ("au",), "audio/basic"),
    AudioFormat("M4A", (".m4a", ".m4b"), "ffmpeg", ("mov",), "audio/mp4"),
    AudioFormat("MP4", (".mp4", ".m4v"), "ffmpeg", ("mov",), "audio/mp4"),
    AudioFormat("MOV", (".mov", ".qt"), "ffmpeg", ("mov",), "video/quicktime"),
    AudioFormat("3GP", (".3gp", ".3gpp"), "ffmpeg", ("mov",), "audio/3gpp"),
    AudioFormat("3G2", (".3g2",), "ffmpeg", ("mov",), "audio/3gpp2"),
    AudioFormat("AAC", (".aac",), "ffmpeg", ("aac",), "audio/aac"),
    AudioFormat("WebM", (".webm", ".weba"), "ffmpeg", ("matroska",), "audio/webm"),
    AudioFormat("Matroska", (".mka", ".mkv"), "ffmpeg", ("matroska",), "audio/x-matroska"),
    AudioFormat("WMA", (".wma", ".asf", ".wmv"), "ffmpeg", ("asf",), "audio/x-ms-wma"),
    AudioFormat("AVI", (".avi",), "ffmpeg", ("avi",), "video/x-msvideo"),
    # Without ".ts": such a file is usually TypeScript source code.
    AudioFormat("MPEG-TS", (".mts", ".m2ts"), "ffmpeg", ("mpegts",), "video/mp2t"),
    AudioFormat("MPEG-PS", (".mpg", ".mpeg", ".vob"), "ffmpeg", ("mpeg",), "video/mpeg"),
    AudioFormat("AMR", (".amr", ".awb"), "ffmpeg", ("amr",), "audio/amr"),
    AudioFormat("AC-3", (".ac3", ".eac3"), "ffmpeg", ("ac3", "eac3"), "audio/ac3"),
    AudioFormat("WavPack", (".wv",), "ffmpeg", ("wv",), "audio/x-wavpack"),
    AudioFormat("TTA", (".tta",), "ffmpeg", ("tta",), "audio/x-tta"),
    AudioFormat("TAK", (".tak",), "ffmpeg", ("tak",), "audio/x-tak"),
    AudioFormat("APE", (".ape",), "ffmpeg", ("ape",), "audio/x-ape"),
    AudioFormat("DSF", (".dsf",), "ffmpeg", ("dsf",), "audio/x-dsf"),
)
"""All formats, the most common first."""

_FORMAT_BY_SUFFIX = {suffix: each for each in AUDIO_FORMATS for suffix in each.suffixes}

AUDIO_SUFFIXES = frozenset(_FORMAT_BY_SUFFIX)
"""File extensions, in lower case, of the files that count as recordings."""

UPLOAD_SUFFIXES = tuple(suffix.removeprefix(".") for suffix in _FORMAT_BY_SUFFIX)
"""File extensions that an upload may have, without the dot: all that can be decoded."""

SUPPORTED_FORMATS = (
    f"WAV, FLAC, Ogg, Opus, MP3, M4A, WebM or another of {len(AUDIO_FORMATS)} formats"
)
"""The supported formats in error messages: the most common ones by name."""

FFMPEG_MP3 = "mp3"
"""FFmpeg's demuxer for MP3. It accepts many other files too: allow it for known MP3s only."""

FFMPEG_DEMUXERS = ",".join(
    dict.fromkeys(
        demuxer
        for each in AUDIO_FORMATS
        for demuxer in each.ffmpeg_demuxers
        if demuxer != FFMPEG_MP3
    )
)
"""FFmpeg's `format_whitelist`. It holds no playlist formats: these make FFmpeg open other files."""


def mime_type(name: str) -> str:
    """Return the MIME type of a recording by its file extension.

    The type that an uploader states is not used: it could be that of an HTML page.
    """
    known = _FORMAT_BY_SUFFIX.get(PurePath(name).suffix.lower())
    return known.mime_type if known else AUDIO_FORMATS[0].mime_type


# (offset, bytes) pairs that all must match, and the file extension; the first match wins.
_MAGIC: tuple[tuple[tuple[tuple[int, bytes], ...], str], ...] = (
    (((0, b"RIFF"), (8, b"AVI ")), ".avi"),
    (((0, b"RIFF"), (8, b"WAVE")), ".wav"),
    (((0, b"RF64"),), ".wav"),
    (((0, b"BW64"),), ".wav"),
    (((0, b"RIFX"),), ".wav"),
    (((0, b"riff\x2e\x91\xcf\x11"),), ".w64"),
    (((0, b"fLaC"),), ".flac"),
    (((0, b"OggS"), (28, b"OpusHead")), ".opus"),
    (((0, b"OggS"),), ".ogg"),
    (((0, b"FORM"), (8, b"AIF")), ".aiff"),
    (((0, b"caff"),), ".caf"),
    (((0, b".snd"),), ".au"),
    (((4, b"ftypqt  "),), ".mov"),
    (((4, b"ftyp3gp"),), ".3gp"),
    (((4, b"ftyp3g2"),), ".3g2"),
    (((4, b"ftypM4A "),), ".m4a"),
    (((4, b"ftypM4B "),), ".m4b"),
    (((4, b"ftyp"),), ".m4a"),
    (((4, b"moov"),), ".mov"),
    (((4, b"mdat"),), ".mov"),
    (((4, b"wide"),), ".mov"),
    (((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),), ".wma"),
    (((0, b"\x00\x00\x01\xba"),), ".mpg"),
    (((0, b"G"), (188, b"G")), ".mts"),
    (((4, b"G"), (196, b"G")), ".m2ts"),
    (((0, b"#!AMR-WB"),), ".awb"),
    (((0, b"#!AMR"),), ".amr"),
    (((0, b"wvpk"),), ".wv"),
    (((0, b"TTA1"),), ".tta"),
    (((0, b"tBaK"),), ".tak"),
    (((0, b"MAC "),), ".ape"),
    (((0, b"DSD "),), ".dsf"),
    (((0, b"ID3"),), ".mp3"),
)


def detect_suffix(first_bytes: bytes) -> str | None:
    """Detect the audio format from the first bytes of a file.

    Parameters
    ----------
    first_bytes : bytes
        The first `N_FIRST_BYTES` of a file, or all of a shorter one.

    Returns
    -------
    str or None
        File extension of the format, such as ``.mp3``; None if no format matches.
    """
    for parts, suffix in _MAGIC:
        if all(first_bytes.startswith(magic, offset) for offset, magic in parts):
            return suffix
    if first_bytes.startswith(b"\x1a\x45\xdf\xa3"):
        return ".webm" if b"webm" in first_bytes[:64] else ".mka"
    return _suffix_of_frame(first_bytes)


def _suffix_of_frame(first_bytes: bytes) -> str | None:
    """Detect a stream of frames without a header: MPEG audio, ADTS or AC-3."""
    if len(first_bytes) < 6:
        return None
    if first_bytes.startswith(b"\x0b\x77"):
        version = first_bytes[5] >> 3
        return ".ac3" if version <= 10 else ".eac3" if version <= 16 else None
    if first_bytes[0] != 0xFF:
        return None
    if first_bytes[1] & 0xF6 == 0xF0:
        return ".aac"
    sync, version, layer = first_bytes[1] & 0xE0, first_bytes[1] >> 3 & 3, first_bytes[1] >> 1 & 3
    bit_rate, rate = first_bytes[2] >> 4, first_bytes[2] >> 2 & 3
    if sync != 0xE0 or version == 1 or bit_rate == 15 or rate == 3:
        return None
    # Layer I (3) is left out: it is not in use, and UTF-16 text begins with the same bytes.
    return {1: ".mp3", 2: ".mp2"}.get(layer)
