"""Files to raw sample frames: libsndfile for what it reads, FFmpeg (by PyAV) for the rest.

Phones and messengers record m4a, aac, webm and 3gp, which libsndfile does not read; and of an MP3
whose length it misjudges it does not read the end. Both decoders hand out the same thing, so that
nothing above this module knows which one is at work.
"""

from __future__ import annotations

import io
import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import soundfile

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError
from birdsong.sound.mpeg_frames import misjudged_length_s

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

HIGHEST_RATE_HZ = 1_000_000
MOST_CHANNELS = 64
"""Arrays of microphones have as many; headers that claim more would claim memory."""
READABLE = "WAV, FLAC, Ogg, Opus, MP3, AIFF, M4A, AAC, WebM, MP4 or 3GP"

# The only containers that FFmpeg may open: never a playlist, which names other files to fetch.
_FFMPEG_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,amr,asf"
# Not among them: FFmpeg finds an MP3 in much that is none. This is for what libsndfile says is one.
_FFMPEG_MP3 = "mp3"


class Decoder(Protocol):
    """A recording as a stream of sample frames at its own rate.

    Attributes
    ----------
    sample_rate_hz, n_channels : int
    declared_s : float
        Length that the header declares; 0 where it declares none.
    is_estimate : bool
        Whether `declared_s` is a rough guess instead, because the header would mislead.
    """

    sample_rate_hz: int
    n_channels: int
    declared_s: float
    is_estimate: bool

    def read(self, n_frames: int) -> FloatArray:
        """Return the next frames, float32 of shape (at most n_frames, n_channels); none at the end.

        Raises
        ------
        AudioError
            If the stream is damaged here.
        """

    def close(self) -> None:
        """Let go of the file."""


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
        decoder = _SoundfileDecoder(source)
        if decoder.is_mp3:
            decoder = _to_the_end(source, decoder)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        try:
            decoder = _FfmpegDecoder(source)
        except (OSError, ValueError) as nor_this:
            raise AudioError(
                f"{name}: not audio in a format that can be read ({_cause(error)}); expected "
                f"{READABLE}"
            ) from nor_this
    if not 0 < decoder.sample_rate_hz <= HIGHEST_RATE_HZ:
        decoder.close()
        raise AudioError(
            f"{name}: its header declares {decoder.sample_rate_hz} samples a second, expected 1 to "
            f"{HIGHEST_RATE_HZ}"
        )
    if not 0 < decoder.n_channels <= MOST_CHANNELS:
        decoder.close()
        raise AudioError(
            f"{name}: its header declares {decoder.n_channels} channels, expected 1 to "
            f"{MOST_CHANNELS}"
        )
    return decoder


class _SoundfileDecoder:
    """libsndfile's formats."""

    is_estimate = False

    def __init__(self, source: Path | bytes) -> None:
        self._file = _Stream(io.BytesIO(source) if isinstance(source, bytes) else _named(source))
        self.is_mp3 = self._file.format == "MP3"
        self.sample_rate_hz: int = self._file.samplerate
        self.n_channels: int = self._file.channels
        self.declared_s = self._file.frames / self.sample_rate_hz if self.sample_rate_hz > 0 else 0

    def read(self, n_frames: int) -> FloatArray:
        try:
            frames: FloatArray = self._file.read(n_frames, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise AudioError(_cause(error)) from error
        return frames

    def close(self) -> None:
        self._file.close()


class _Stream(soundfile.SoundFile):  # type: ignore[misc]  # it comes without types
    """A file that is only read onwards.

    soundfile seeks to where it stands after each read of a file that can seek; libmpg123 then
    decodes the frames before that place once more, with other rounding.
    """

    def seekable(self) -> bool:
        return False


class _FfmpegDecoder:
    """The first sound track of a container that FFmpeg reads.

    Parameters
    ----------
    source : Path or bytes
    mp3_s : float, optional
        The estimated length of an MP3; nothing but an MP3 is then opened.

    Raises
    ------
    ValueError
        If FFmpeg does not read it, or finds no sound track that it can decode.
    """

    def __init__(self, source: Path | bytes, *, mp3_s: float | None = None) -> None:
        import av  # only few files come this far

        # A file object, never a path: FFmpeg would take some names for addresses.
        self._source = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        try:
            containers = _FFMPEG_CONTAINERS if mp3_s is None else _FFMPEG_MP3
            self._container: InputContainer = av.open(
                self._source, "r", options={"format_whitelist": containers}
            )
            if not self._container.streams.audio:
                raise ValueError("no sound track")
            stream = self._container.streams.audio[0]
            if stream.codec_context is None:
                raise ValueError("a sound track of an unknown kind")
            self.sample_rate_hz = int(stream.codec_context.sample_rate or 0)
            self.n_channels = int(stream.codec_context.channels or 0)
            self._planar = av.AudioResampler(format="fltp")
        except BaseException as error:
            self._source.close()
            if isinstance(error, av.FFmpegError):  # of which some are of no kind that Python has
                raise ValueError(str(error)) from error
            raise
        self._errors: tuple[type[Exception], ...] = (av.FFmpegError, ValueError)
        self.declared_s = float(
            stream.duration * stream.time_base
            if stream.duration and stream.time_base
            else (self._container.duration or 0) / av.time_base
        )
        self.is_estimate = mp3_s is not None
        if mp3_s is not None:
            self.declared_s = mp3_s
        self._packets = self._frames(stream)
        self._held = np.empty((0, self.n_channels), np.float32)

    def _frames(self, stream: AudioStream) -> Generator[FloatArray, None, None]:
        for packet in self._container.demux(stream):
            try:
                frames = packet.decode()
            except self._errors:
                if not self.is_estimate:
                    raise
                continue  # a tag in the middle of an MP3: what was joined to it comes next
            for frame in frames:
                for converted in self._planar.resample(frame):
                    samples: FloatArray = np.asarray(converted.to_ndarray(), np.float32).T
                    yield samples

    def read(self, n_frames: int) -> FloatArray:
        parts, n_held = [self._held], len(self._held)
        while n_held < n_frames:
            try:
                frames = next(self._packets, None)
            except self._errors as error:
                frames = None
                if n_held == 0:
                    raise AudioError(_cause(error)) from error
            if frames is None or frames.shape[1] != self.n_channels:
                break
            parts.append(frames)
            n_held += len(frames)
        held = np.concatenate(parts)
        self._held = held[n_frames:]
        return np.ascontiguousarray(held[:n_frames])

    def close(self) -> None:
        self._packets.close()
        self._container.close()
        self._source.close()


def _to_the_end(source: Path | bytes, decoder: _SoundfileDecoder) -> Decoder:
    """Return FFmpeg's decoder for an MP3 that libsndfile would misjudge, else the one given."""
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            mp3_s = misjudged_length_s(file)
        if mp3_s is None:
            return decoder
        whole = _FfmpegDecoder(source, mp3_s=mp3_s)
    except (OSError, ValueError):
        return decoder
    decoder.close()
    return whole


def _named(path: Path) -> bytes | str:
    """A path as libsndfile's binding takes it, also where its bytes are no UTF-8."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def _file_size(path: Path, name: str) -> int:
    try:
        if path.is_dir():
            raise AudioError(f"{name}: is a folder, expected a recording")
        return path.stat().st_size
    except FileNotFoundError as error:
        raise AudioError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{name}: cannot be opened ({error})") from error


def _cause(error: Exception) -> str:
    """Return the library's own words, without the path that libsndfile puts before them."""
    words = str(getattr(error, "error_string", error)).rstrip(".")
    if words.startswith("File does not exist"):  # said of an MP3 without a single frame, too
        return "no audio found in it"
    return words
