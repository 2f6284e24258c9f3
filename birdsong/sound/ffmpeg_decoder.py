"""What FFmpeg reads, by PyAV: the containers of phones, cameras and messengers, and joined MP3s."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from birdsong.arrays import FloatArray
from birdsong.audio_formats import FFMPEG_DEMUXERS, FFMPEG_MP3
from birdsong.errors import AudioError

if TYPE_CHECKING:
    import av
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_NO_LENGTH = frozenset({"aac", "mp3", "ac3", "eac3", "amr", "mpegts", "mpeg", "avi", "caf"})
"""Containers without a length: FFmpeg's is a guess from the size and the first bit rate, in AVI a
count of chunks, and in CAF of whole packets, of which the last one may be part empty."""

_LOOKED_AT_S = 60.0  # of each of several sound tracks
_SILENT_PEAK = 10 ** (-80 / 20)  # coded silence is not always zero
_BITS = {"u8": 8, "s16": 16, "s32": 32}
_LOSSLESS = ("flac", "alac", "wavpack", "tta", "tak", "ape", "wmalossless")


class FfmpegDecoder:
    """A sound track of a container: the first one, or the first that is not silent.

    Parameters
    ----------
    source : Path, bytes or file
        A file object is closed with the decoder.
    only_mp3 : bool, optional
        Whether to open nothing but an MP3, and then no other container.

    Raises
    ------
    ValueError
        If FFmpeg does not read it, or finds no sound track that it can decode.
    """

    def __init__(self, source: Path | bytes | io.RawIOBase, *, only_mp3: bool = False) -> None:
        import av  # only few files come this far

        self._av_error: type[Exception] = av.FFmpegError
        self._goes_on = only_mp3
        # A file object, never a path: FFmpeg would take some names for addresses.
        self._source: BinaryIO | io.RawIOBase = (
            io.BytesIO(source)
            if isinstance(source, bytes)
            else source.open("rb")
            if isinstance(source, Path)
            else source
        )
        self.missing_s = 0.0
        self.notes: tuple[str, ...] = ()
        try:
            demuxers = FFMPEG_MP3 if only_mp3 else FFMPEG_DEMUXERS
            number = 0
            self._container = self._opened(demuxers)
            if len(self._container.streams.audio) > 1:
                number = self._sounding_track()
                self._container.close()
                self._container = self._opened(demuxers)
            stream = self._container.streams.audio[number]
            context = stream.codec_context
            self.sample_rate_hz = int(context.sample_rate or 0)
            self.n_channels = int(context.channels or 0)
            coding = context.format.name.removesuffix("p") if context.format else ""
            name = context.name
        except BaseException as error:
            self._source.close()
            if isinstance(error, av.FFmpegError):  # of which some are of no kind that Python has
                raise ValueError(_words(error)) from error
            raise
        is_exact = name.startswith("pcm_") or name.startswith(_LOSSLESS)
        self.bits = _BITS.get(coding) if is_exact else None
        self.is_float = is_exact and coding in ("flt", "dbl")
        self.declared_s: float | None = (
            float(
                stream.duration * stream.time_base
                if stream.duration and stream.time_base
                else (self._container.duration or 0) / av.time_base
                if len(self._container.streams) == 1  # else the film's, which may be longer
                else 0
            )
            or None
        )
        self.is_estimate = bool(_NO_LENGTH & set(self._container.format.name.split(",")))
        self.present_s: float | None = None
        self._parts = self._decoded(stream)
        self._waiting: deque[tuple[int, FloatArray]] = deque()
        self._error = ""  # it is raised when what was decoded before it is handed out

    def _opened(self, demuxers: str) -> InputContainer:
        import av

        self._source.seek(0)
        container = av.open(self._source, "r", options={"format_whitelist": demuxers})
        if not container.streams.audio:
            raise ValueError("no sound track")
        if any(each.codec_context is None for each in container.streams.audio):
            raise ValueError("a sound track of an unknown kind")
        return container

    def _sounding_track(self) -> int:
        """Return which of several sound tracks to use, and note it where it is not the first."""
        tracks = self._container.streams.audio
        peaks = dict.fromkeys((track.index for track in tracks), 0.0)
        for packet in self._container.demux(*tracks):
            try:
                frames = packet.decode()
            except (self._av_error, ValueError):
                continue
            for frame in frames:
                for samples in _Planar().of(cast("AudioFrame", frame)):
                    peak = float(np.abs(samples).max(initial=0.0))
                    peaks[packet.stream.index] = max(peak, peaks[packet.stream.index])
            if max(peaks.values()) > _SILENT_PEAK and peaks[tracks[0].index] > _SILENT_PEAK:
                break
            if packet.pts and packet.time_base and packet.pts * packet.time_base > _LOOKED_AT_S:
                break
        sounding = [i for i, each in enumerate(tracks) if peaks[each.index] > _SILENT_PEAK]
        number = sounding[0] if sounding else 0
        if number:
            self.notes = (f"sound track 1 of {len(tracks)} is silent: track {number + 1} was used",)
        return number

    def _decoded(self, stream: AudioStream) -> Iterator[tuple[int, FloatArray]]:
        """Yield the rate and the samples, shape (n, n_channels), of one frame after the other."""
        planar = _Planar()
        for packet in self._container.demux(stream):
            try:
                frames = packet.decode()
            except (self._av_error, ValueError):
                if not self._goes_on:
                    raise
                continue  # a tag in the middle of an MP3: what was joined to it comes next
            for frame in frames:
                for samples in planar.of(frame):
                    yield frame.sample_rate, samples

    def read(self, n_frames: int) -> FloatArray:
        """Return the next frames of one rate and one number of channels."""
        parts: list[FloatArray] = []
        n_held = 0
        while n_held < n_frames:
            if not self._waiting and not self._wait_for_more(is_first=not parts):
                break
            rate_hz, samples = self._waiting[0]
            if (rate_hz, samples.shape[1]) != (self.sample_rate_hz, self.n_channels):
                if parts:
                    break
                self.sample_rate_hz, self.n_channels = rate_hz, samples.shape[1]
            self._waiting.popleft()
            if len(samples) > n_frames - n_held:
                self._waiting.appendleft((rate_hz, samples[n_frames - n_held :]))
                samples = samples[: n_frames - n_held]
            parts.append(samples)
            n_held += len(samples)
        if not parts:
            return np.empty((0, self.n_channels), np.float32)
        return np.ascontiguousarray(np.concatenate(parts))

    def _wait_for_more(self, *, is_first: bool) -> bool:
        more = None
        try:
            more = next(self._parts, None)
        except (self._av_error, ValueError) as error:
            self._error = _words(error)
        if self._error and is_first:
            raise AudioError(self._error)
        if more is not None:
            self._waiting.append(more)
        return more is not None

    def close(self) -> None:
        """Let go of the file."""
        self._parts.close()  # type: ignore[attr-defined]
        self._container.close()
        self._source.close()


def _words(error: Exception) -> str:
    """Return FFmpeg's own words, without the number and the name that PyAV puts around them."""
    return str(getattr(error, "strerror", None) or error)


class _Planar:
    """Frames of any kind to float32."""

    def __init__(self) -> None:
        self._kind: tuple[object, ...] = ()
        self._resampler: av.AudioResampler | None = None

    def of(self, frame: AudioFrame) -> Iterator[FloatArray]:
        """Yield arrays of shape (n, n_channels)."""
        import av

        kind = frame.sample_rate, frame.layout.name, frame.format.name
        if self._resampler is None or kind != self._kind:
            self._kind, self._resampler = kind, av.AudioResampler(format="fltp")
        for converted in self._resampler.resample(frame):
            samples: FloatArray = np.asarray(converted.to_ndarray(), np.float32).T
            yield samples
