"""Open a file with the decoder that reads all of it.

libsndfile reads the formats of recorders and catalogues, FFmpeg (by PyAV) those of phones and
cameras. Neither reads everything if the header is wrong or if files were joined, so the content is
inspected first. All decoders have one interface, and no other module knows which one is in use.

To add a decoder, write a module with a `Decoder`, open it here by what the content begins with, and
add its formats to `audio_formats`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from birdsong.audio_formats import SUPPORTED_FORMATS
from birdsong.errors import AudioError
from birdsong.sound.asf_files import AsfFile, asf_files
from birdsong.sound.audiomoth_decoder import AudioMothDecoder, is_triggered_audiomoth
from birdsong.sound.decoder import MAX_CHANNELS, RATES_HZ, Decoder
from birdsong.sound.ffmpeg_decoder import FfmpegDecoder
from birdsong.sound.file_slice import FileSlice
from birdsong.sound.flac_streams import FlacStream, flac_streams
from birdsong.sound.joined_decoder import JoinedDecoder
from birdsong.sound.mp4_files import mp4_files
from birdsong.sound.mpeg_frames import after_id3_tags, scan_frames
from birdsong.sound.ogg_links import ogg_links
from birdsong.sound.pcm_parts import (
    MAX_PARTS,
    PcmPart,
    find_pcm_parts,
    has_data_chunk,
    other_format_after,
)
from birdsong.sound.soundfile_decoder import OPEN_ERRORS, SoundfileDecoder, error_message

_MAX_TRIMMED_FRAMES = 3  # that an MP3 decoder trims at both ends together
_MIN_REPORTED_BYTES = 1024  # of damage; less is a fraction of a second
_MAX_LEADING_ZEROS = 64  # bytes before the first frame of some MP3s


def open_decoder(source: Path | bytes, name: str) -> Decoder:
    """Open a recording with the decoder that reads it.

    Parameters
    ----------
    source : Path or bytes
        A file, or the content of one.
    name : str
        The file's name in error messages.

    Raises
    ------
    AudioError
        If the file is missing, empty, in an unsupported format, or declares an impossible sample
        rate or number of channels.
    """
    n_bytes = len(source) if isinstance(source, bytes) else _file_size(source, name)
    if n_bytes == 0:
        raise AudioError(f"{name}: is empty (0 bytes)")
    decoder: Decoder
    try:
        decoder = _open_by_content(source) or _open_with_soundfile(source)
    except OSError as error:
        raise AudioError(f"{name}: cannot be opened ({error})") from error
    except (ValueError, *OPEN_ERRORS) as error:
        try:
            decoder = _open_with_ffmpeg(source, name)
        except (OSError, ValueError) as ffmpeg_error:
            raise AudioError(
                f"{name}: not audio in a format that can be read ({error_message(error)}); "
                f"expected {SUPPORTED_FORMATS}"
            ) from ffmpeg_error
    if decoder.sample_rate_hz not in RATES_HZ:
        decoder.close()
        raise AudioError(
            f"{name}: its header declares {decoder.sample_rate_hz} samples a second, expected "
            f"{RATES_HZ[0]} to {RATES_HZ[-1]}"
        )
    if not 0 < decoder.n_channels <= MAX_CHANNELS:
        decoder.close()
        raise AudioError(
            f"{name}: its header declares {decoder.n_channels} channels, expected 1 to "
            f"{MAX_CHANNELS}"
        )
    return decoder


def _open_by_content(source: Path | bytes) -> Decoder | None:
    """Open a file whose header does not match its content; None if libsndfile can read it."""
    with _open_file(source) as file:
        file.seek(after_id3_tags(file))  # some programs write ID3 tags before a FLAC as well
        signature = file.read(8)
        if signature.startswith(b"OggS"):
            return _open_ogg(source, ogg_links(file))
        if signature.startswith(b"fLaC"):
            return _open_flac(source, flac_streams(file))
        if signature.endswith(b"ftyp"):
            return _open_mp4(source, mp4_files(file))
        return _open_asf(source, asf_files(file)) or _open_pcm(source, file, find_pcm_parts(file))


def _open_ogg(source: Path | bytes, links: Sequence[tuple[int, int]]) -> Decoder | None:
    if len(links) < 2:
        return None
    openers = [partial(_open_slice, source, start, end) for start, end in links]
    return JoinedDecoder(openers, max_parts=MAX_PARTS)


def _open_slice(source: Path | bytes, start: int, end: int) -> Decoder:
    """Open part of a file with libsndfile, or with FFmpeg if that fails."""
    try:
        return SoundfileDecoder(FileSlice(_open_file(source), start, end))
    except OPEN_ERRORS:
        return FfmpegDecoder(FileSlice(_open_file(source), start, end))


def _open_mp4(source: Path | bytes, files: Sequence[tuple[int, int]]) -> Decoder | None:
    def open_part(start: int, end: int) -> Decoder:
        return FfmpegDecoder(FileSlice(_open_file(source), start, end))

    if len(files) < 2:
        return None
    return JoinedDecoder([partial(open_part, *each) for each in files], max_parts=MAX_PARTS)


def _open_asf(source: Path | bytes, files: Sequence[AsfFile]) -> Decoder | None:
    def open_part(each: AsfFile) -> Decoder:
        decoder = FfmpegDecoder(FileSlice(_open_file(source), each.start, each.end))
        decoder.declared_s, decoder.is_estimate = each.declared_s, False
        return decoder

    if len(files) < 2:
        return open_part(files[0]) if files else None
    return JoinedDecoder([partial(open_part, each) for each in files], max_parts=MAX_PARTS)


def _open_flac(source: Path | bytes, streams: Sequence[FlacStream]) -> Decoder | None:
    def open_part(stream: FlacStream) -> Decoder:
        is_short = (stream.n_present or 0) > (stream.n_declared or 0) > 0
        prefix = stream.header_without_length if is_short else b""
        file_slice = FileSlice(
            _open_file(source), stream.start + len(prefix), stream.end, prefix=prefix
        )
        decoder = SoundfileDecoder(file_slice)
        decoder.declared_s, decoder.present_s = _stream_lengths_s(stream)
        return decoder

    if not streams:
        return None
    (first, *more) = streams
    if more:
        return JoinedDecoder([partial(open_part, each) for each in streams], max_parts=MAX_PARTS)
    if first.n_declared is not None and (first.n_present or 0) <= first.n_declared:
        return None
    return open_part(first)


def _stream_lengths_s(stream: FlacStream) -> tuple[float | None, float | None]:
    rate_hz = stream.sample_rate_hz
    declared, present = (
        None if n is None or not rate_hz else n / rate_hz
        for n in (stream.n_declared, stream.n_present)
    )
    return declared, present


def _open_pcm(source: Path | bytes, file: BinaryIO, parts: Sequence[PcmPart]) -> Decoder | None:
    def open_part(part: PcmPart) -> Decoder:
        raw = _open_file(source)
        if is_triggered_audiomoth(raw, part):
            return AudioMothDecoder(raw, part)
        if part.subtype == "COMPRESSED":
            return _open_compressed(raw, part)
        decoder = SoundfileDecoder(FileSlice(raw, part.start, part.end), part=part)
        decoder.declared_s, decoder.present_s = part.declared_s, part.seconds
        return decoder

    if not parts:
        return None
    first = parts[0]
    openers: list[Callable[[], Decoder]] = [partial(open_part, each) for each in parts]
    if (start := other_format_after(file, parts[-1])) is not None:
        openers.append(partial(_open_slice, source, start, file.seek(0, 2)))
    if len(openers) > 1:
        return JoinedDecoder(openers, max_parts=MAX_PARTS)
    if is_triggered_audiomoth(file, first):
        return open_part(first)
    if first.subtype == "COMPRESSED":
        return None if first.declared_s == first.seconds else open_part(first)
    try:
        decoder = SoundfileDecoder(source)
    except OPEN_ERRORS:
        return open_part(first)
    if decoder.n_frames != first.n_frames or decoder.sample_rate_hz != first.sample_rate_hz:
        decoder.close()
        return open_part(first)
    decoder.declared_s, decoder.present_s = first.declared_s, first.seconds
    return decoder


def _open_compressed(raw: BinaryIO, part: PcmPart) -> Decoder:
    """Open a WAV of compressed audio, with the size of its data chunk corrected."""
    start, n_bytes = part.header[0], min(part.end - part.start, 0xFFFF_FFFF)
    raw.seek(start)
    prefix = raw.read(part.start - start - 4)
    prefix += n_bytes.to_bytes(4, "little" if part.endian == "LITTLE" else "big")
    decoder = SoundfileDecoder(FileSlice(raw, part.start, part.end, prefix=prefix))
    decoder.present_s = decoder.declared_s
    if part.declared_s is None:
        decoder.declared_s = None
    elif decoder.present_s is not None and part.seconds:
        decoder.declared_s = decoder.present_s * (part.declared_s / part.seconds)
    return decoder


def _open_with_soundfile(source: Path | bytes) -> Decoder:
    decoder = SoundfileDecoder(source)
    if decoder.format == "MP3":
        return _open_whole_mp3(source, decoder)
    if decoder.format == "OGG" and not decoder.n_frames:  # cut before the end of its first page
        try:
            return FfmpegDecoder(source)
        except (OSError, ValueError):
            pass
    return decoder


def _open_with_ffmpeg(source: Path | bytes, name: str) -> Decoder:
    """Open with FFmpeg; also an MP3 that begins with other bytes, by its frames."""
    with _open_file(source) as file:
        if file.read(12).endswith(b"WAVE") and not has_data_chunk(file):
            raise ValueError("a WAV without a data chunk")  # FFmpeg would allocate its chunks
        file.seek(0)
        is_mp3 = name.lower().endswith(".mp3") or not file.read(_MAX_LEADING_ZEROS).strip(b"\0")
        frames = scan_frames(file) if is_mp3 else None
    if frames is None:
        return FfmpegDecoder(source)
    decoder = FfmpegDecoder(source, only_mp3=True)
    decoder.declared_s, decoder.present_s = frames.declared_s, frames.seconds
    decoder.is_estimate = False
    return decoder


def _open_whole_mp3(source: Path | bytes, decoder: SoundfileDecoder) -> Decoder:
    """Return FFmpeg's decoder for an MP3 that libsndfile would not read whole, else `decoder`."""
    with _open_file(source) as file:
        frames = scan_frames(file)
    if frames is None:
        return decoder
    expected_s = (decoder.n_frames or 0) / decoder.sample_rate_hz
    decoder.declared_s, decoder.present_s = frames.declared_s, frames.seconds
    gapless_s = _MAX_TRIMMED_FRAMES * 1152 / decoder.sample_rate_hz
    is_whole = frames.n_formats < 2 and not frames.n_damaged_bytes
    if is_whole and expected_s >= frames.seconds - gapless_s:
        return decoder
    try:
        whole = FfmpegDecoder(source, only_mp3=True)
    except (OSError, ValueError):
        return decoder
    decoder.close()
    whole.declared_s, whole.present_s = frames.declared_s, frames.seconds
    whole.is_estimate = False
    if frames.n_formats > 1:
        whole.warnings += (
            "recordings of different rates or channels were joined in this file: they are read as "
            "one",
        )
    if frames.n_damaged_bytes >= _MIN_REPORTED_BYTES:
        whole.warnings += (
            f"about {frames.damaged_s:.1f} s in the middle are damaged: all later times are too "
            "early by that much",
        )
    return whole


def _open_file(source: Path | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _file_size(path: Path, name: str) -> int:
    try:
        if path.is_dir():
            raise AudioError(f"{name}: is a folder, expected a recording")
        return path.stat().st_size
    except FileNotFoundError as error:
        raise AudioError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{name}: cannot be opened ({error})") from error
