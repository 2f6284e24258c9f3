"""Files to raw sample frames: which decoder reads a file, and whether it reads all of it.

libsndfile reads what recorders and catalogues write, FFmpeg (by PyAV) what phones and cameras do.
Neither reads everything that a file holds where its header is wrong, or where files were joined; so
the bytes are looked at first. All decoders hand out the same thing, and nothing above this module
knows which one is at work.
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
from birdsong.sound.audiomoth_gaps import GapDecoder, has_gaps
from birdsong.sound.decoder import MOST_CHANNELS, RATES_HZ, Decoder
from birdsong.sound.ffmpeg_decoder import FfmpegDecoder
from birdsong.sound.file_window import FileWindow
from birdsong.sound.flac_streams import FlacStream, flac_streams
from birdsong.sound.joined_decoder import JoinedDecoder
from birdsong.sound.mp4_files import mp4_files
from birdsong.sound.mpeg_frames import after_id3_tags, walk_frames
from birdsong.sound.ogg_links import ogg_links
from birdsong.sound.pcm_containers import (
    MOST_PARTS,
    PcmPart,
    has_sound_chunk,
    other_kind_behind,
    pcm_parts,
)
from birdsong.sound.soundfile_decoder import OPENING_FAILS, SoundfileDecoder, cause

_GAPLESS_FRAMES = 3  # what an MP3's decoder takes away at both ends, at most
_NOTED_BYTES = 1024  # of damage: no more than the sound of a fraction of a second
_LEADING_BYTES = 64  # zeros, before the frames of some MP3s


def open_decoder(source: Path | bytes, name: str) -> Decoder:
    """Open a recording with the decoder that reads it.

    Parameters
    ----------
    source : Path or bytes
        A file, or the content of one.
    name : str
        What errors call it.

    Raises
    ------
    AudioError
        If the file is missing, empty, in no format that either reads, or declares a rate
        or a number of channels that nobody records.
    """
    n_bytes = len(source) if isinstance(source, bytes) else _file_size(source, name)
    if n_bytes == 0:
        raise AudioError(f"{name}: is empty (0 bytes)")
    decoder: Decoder
    try:
        decoder = _by_its_bytes(source) or _by_soundfile(source)
    except OSError as error:
        raise AudioError(f"{name}: cannot be opened ({error})") from error
    except (ValueError, *OPENING_FAILS) as error:
        try:
            decoder = _by_ffmpeg(source, name)
        except (OSError, ValueError) as nor_this:
            raise AudioError(
                f"{name}: not audio in a format that can be read ({cause(error)}); expected "
                f"{SUPPORTED_FORMATS}"
            ) from nor_this
    if decoder.sample_rate_hz not in RATES_HZ:
        decoder.close()
        raise AudioError(
            f"{name}: its header declares {decoder.sample_rate_hz} samples a second, expected "
            f"{RATES_HZ[0]} to {RATES_HZ[-1]}"
        )
    if not 0 < decoder.n_channels <= MOST_CHANNELS:
        decoder.close()
        raise AudioError(
            f"{name}: its header declares {decoder.n_channels} channels, expected 1 to "
            f"{MOST_CHANNELS}"
        )
    return decoder


def _by_its_bytes(source: Path | bytes) -> Decoder | None:
    """Open a file whose header does not say what its bytes hold; None where libsndfile may."""
    with _opened(source) as file:
        file.seek(after_id3_tags(file))  # some programs put them before a FLAC, too
        begins = file.read(8)
        if begins.startswith(b"OggS"):
            return _ogg(source, ogg_links(file))
        if begins.startswith(b"fLaC"):
            return _flac(source, flac_streams(file))
        if begins.endswith(b"ftyp"):
            return _mp4(source, mp4_files(file))
        return _asf(source, asf_files(file)) or _pcm(source, file, pcm_parts(file))


def _ogg(source: Path | bytes, links: Sequence[tuple[int, int]]) -> Decoder | None:
    if len(links) < 2:
        return None
    openers = [partial(_window, source, start, end) for start, end in links]
    return JoinedDecoder(openers, most=MOST_PARTS)


def _window(source: Path | bytes, start: int, end: int) -> Decoder:
    """Open a part of a file with libsndfile, or else with FFmpeg."""
    try:
        return SoundfileDecoder(FileWindow(_opened(source), start, end))
    except OPENING_FAILS:
        return FfmpegDecoder(FileWindow(_opened(source), start, end))


def _mp4(source: Path | bytes, files: Sequence[tuple[int, int]]) -> Decoder | None:
    def opened(start: int, end: int) -> Decoder:
        return FfmpegDecoder(FileWindow(_opened(source), start, end))

    if len(files) < 2:
        return None
    return JoinedDecoder([partial(opened, *each) for each in files], most=MOST_PARTS)


def _asf(source: Path | bytes, files: Sequence[AsfFile]) -> Decoder | None:
    def opened(each: AsfFile) -> Decoder:
        decoder = FfmpegDecoder(FileWindow(_opened(source), each.start, each.end))
        decoder.declared_s, decoder.is_estimate = each.declared_s, False
        return decoder

    if len(files) < 2:
        return opened(files[0]) if files else None
    return JoinedDecoder([partial(opened, each) for each in files], most=MOST_PARTS)


def _flac(source: Path | bytes, streams: Sequence[FlacStream]) -> Decoder | None:
    def opened(stream: FlacStream) -> Decoder:
        is_short = (stream.n_present or 0) > (stream.n_declared or 0) > 0
        head = stream.open_ended if is_short else b""
        window = FileWindow(_opened(source), stream.start + len(head), stream.end, head=head)
        decoder = SoundfileDecoder(window)
        decoder.declared_s, decoder.present_s = _seconds(stream)
        return decoder

    if not streams:
        return None
    (first, *more) = streams
    if more:
        return JoinedDecoder([partial(opened, each) for each in streams], most=MOST_PARTS)
    if first.n_declared is not None and (first.n_present or 0) <= first.n_declared:
        return None
    return opened(first)


def _seconds(stream: FlacStream) -> tuple[float | None, float | None]:
    rate_hz = stream.sample_rate_hz
    declared, present = (
        None if n is None or not rate_hz else n / rate_hz
        for n in (stream.n_declared, stream.n_present)
    )
    return declared, present


def _pcm(source: Path | bytes, file: BinaryIO, parts: Sequence[PcmPart]) -> Decoder | None:
    def opened(part: PcmPart) -> Decoder:
        raw = _opened(source)
        if has_gaps(raw, part):
            return GapDecoder(raw, part)
        if part.subtype == "COMPRESSED":
            return _compressed(raw, part)
        decoder = SoundfileDecoder(FileWindow(raw, part.start, part.end), part=part)
        decoder.declared_s, decoder.present_s = part.declared_s, part.seconds
        return decoder

    if not parts:
        return None
    first = parts[0]
    openers: list[Callable[[], Decoder]] = [partial(opened, each) for each in parts]
    if (place := other_kind_behind(file, parts[-1])) is not None:
        openers.append(partial(_window, source, place, file.seek(0, 2)))
    if len(openers) > 1:
        return JoinedDecoder(openers, most=MOST_PARTS)
    if has_gaps(file, first):
        return opened(first)
    if first.subtype == "COMPRESSED":
        return None if first.declared_s == first.seconds else opened(first)
    try:
        decoder = SoundfileDecoder(source)
    except OPENING_FAILS:
        return opened(first)
    if decoder.n_frames != first.n_frames or decoder.sample_rate_hz != first.sample_rate_hz:
        decoder.close()
        return opened(first)
    decoder.declared_s, decoder.present_s = first.declared_s, first.seconds
    return decoder


def _compressed(raw: BinaryIO, part: PcmPart) -> Decoder:
    """Open a WAV of compressed sound, with the size of its sound put right."""
    start, n_bytes = part.header[0], min(part.end - part.start, 0xFFFF_FFFF)
    raw.seek(start)
    head = raw.read(part.start - start - 4)
    head += n_bytes.to_bytes(4, "little" if part.endian == "LITTLE" else "big")
    decoder = SoundfileDecoder(FileWindow(raw, part.start, part.end, head=head))
    decoder.present_s = decoder.declared_s
    if part.declared_s is None:
        decoder.declared_s = None
    elif decoder.present_s is not None and part.seconds:
        decoder.declared_s = decoder.present_s * (part.declared_s / part.seconds)
    return decoder


def _by_soundfile(source: Path | bytes) -> Decoder:
    decoder = SoundfileDecoder(source)
    if decoder.format == "MP3":
        return _whole_mp3(source, decoder)
    if decoder.format == "OGG" and not decoder.n_frames:  # cut before the end of its first page
        try:
            return FfmpegDecoder(source)
        except (OSError, ValueError):
            pass
    return decoder


def _by_ffmpeg(source: Path | bytes, name: str) -> Decoder:
    """Open what libsndfile does not; an MP3 that begins with something else by its frames."""
    with _opened(source) as file:
        if file.read(12).endswith(b"WAVE") and not has_sound_chunk(file):
            raise ValueError("a WAV without sound")  # FFmpeg would claim memory for its chunks
        file.seek(0)
        is_mp3 = name.lower().endswith(".mp3") or not file.read(_LEADING_BYTES).strip(b"\0")
        frames = walk_frames(file) if is_mp3 else None
    if frames is None:
        return FfmpegDecoder(source)
    decoder = FfmpegDecoder(source, only_mp3=True)
    decoder.declared_s, decoder.present_s = frames.counted_s, frames.seconds
    decoder.is_estimate = False
    return decoder


def _whole_mp3(source: Path | bytes, decoder: SoundfileDecoder) -> Decoder:
    """Return FFmpeg's decoder for an MP3 that libsndfile would misjudge, else the one given."""
    with _opened(source) as file:
        frames = walk_frames(file)
    if frames is None:
        return decoder
    expected_s = (decoder.n_frames or 0) / decoder.sample_rate_hz
    decoder.declared_s, decoder.present_s = frames.counted_s, frames.seconds
    gapless_s = _GAPLESS_FRAMES * 1152 / decoder.sample_rate_hz
    is_whole = frames.n_kinds < 2 and not frames.n_lost_bytes
    if is_whole and expected_s >= frames.seconds - gapless_s:
        return decoder
    try:
        whole = FfmpegDecoder(source, only_mp3=True)
    except (OSError, ValueError):
        return decoder
    decoder.close()
    whole.declared_s, whole.present_s = frames.counted_s, frames.seconds
    whole.is_estimate = False
    if frames.n_kinds > 1:
        whole.notes += (
            "recordings of other rates or channels were joined in this file: they are heard as one",
        )
    if frames.n_lost_bytes >= _NOTED_BYTES:
        whole.notes += (
            f"about {frames.lost_s:.1f} s in the middle are damaged: what follows is heard that "
            "much too early",
        )
    return whole


def _opened(source: Path | bytes) -> BinaryIO:
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
