"""The FFmpeg decoder (PyAV): containers of phones, cameras and messengers, and joined MP3s."""

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

_FORMATS_WITHOUT_LENGTH = frozenset(
    {"aac", "mp3", "ac3", "eac3", "amr", "mpegts", "mpeg", "avi", "caf"}
)
"""Containers whose length FFmpeg only estimates: from the size and the first bit rate, in AVI from
the number of chunks, in CAF from the number of packets, of which the last may be partly empty."""

_PROBED_S = 60.0  # of each audio track, if there are several
_SILENT_PEAK = 10 ** (-80 / 20)  # silence from a lossy codec is not always zero
_SAMPLE_BITS = {"u8": 8, "s16": 16, "s32": 32}
_LOSSLESS = ("flac", "alac", "wavpack", "tta", "tak", "ape", "wmalossless")


class FfmpegDecoder:
    """An audio track of a container: the first that is not silent.

    Parameters
    ----------
    source : Path, bytes or file
        A file object is closed with the decoder.
    only_mp3 : bool, optional
        Whether to open the file as an MP3 and as no other container.

    Raises
    ------
    ValueError
        If FFmpeg cannot read it, or finds no audio track that it can decode.
    """

    def __init__(self, source: Path | bytes | io.RawIOBase, *, only_mp3: bool = False) -> None:
        import av  # late: few files need it

        self._av_error: type[Exception] = av.FFmpegError
        self._skips_errors = only_mp3
        # A file object, never a path: FFmpeg would read some names as URLs.
        self._source: BinaryIO | io.RawIOBase = (
            io.BytesIO(source)
            if isinstance(source, bytes)
            else source.open("rb")
            if isinstance(source, Path)
            else source
        )
        self.missing_s = 0.0
        self.warnings: tuple[str, ...] = ()
        try:
            demuxers = FFMPEG_MP3 if only_mp3 else FFMPEG_DEMUXERS
            number = 0
            self._container = self._open_container(demuxers)
            if len(self._container.streams.audio) > 1:
                number = self._first_audible_track()
                self._container.close()
                self._container = self._open_container(demuxers)
            stream = self._container.streams.audio[number]
            context = stream.codec_context
            self.sample_rate_hz = int(context.sample_rate or 0)
            self.n_channels = int(context.channels or 0)
            sample_format = context.format.name.removesuffix("p") if context.format else ""
            name = context.name
        except BaseException as error:
            self._source.close()
            if isinstance(error, av.FFmpegError):  # not always a built-in exception
                raise ValueError(_error_message(error)) from error
            raise
        is_exact = name.startswith("pcm_") or name.startswith(_LOSSLESS)
        self.bits = _SAMPLE_BITS.get(sample_format) if is_exact else None
        self.is_float = is_exact and sample_format in ("flt", "dbl")
        self.declared_s: float | None = (
            float(
                stream.duration * stream.time_base
                if stream.duration and stream.time_base
                else (self._container.duration or 0) / av.time_base
                if len(self._container.streams) == 1  # else it is the video's, which may be longer
                else 0
            )
            or None
        )
        self.is_estimate = bool(
            _FORMATS_WITHOUT_LENGTH & set(self._container.format.name.split(","))
        )
        self.present_s: float | None = None
        self._frames = self._decode(stream)
        self._queue: deque[tuple[int, FloatArray]] = deque()
        self._error = ""  # raised after the frames before it have been returned

    def _open_container(self, demuxers: str) -> InputContainer:
        import av

        self._source.seek(0)
        container = av.open(self._source, "r", options={"format_whitelist": demuxers})
        if not container.streams.audio:
            raise ValueError("no audio track")
        if any(each.codec_context is None for each in container.streams.audio):
            raise ValueError("an audio track with an unknown codec")
        return container

    def _first_audible_track(self) -> int:
        """Return the index of the first audio track that is not silent; warn if it is not 0."""
        tracks = self._container.streams.audio
        peaks = dict.fromkeys((track.index for track in tracks), 0.0)
        for packet in self._container.demux(*tracks):
            try:
                frames = packet.decode()
            except (self._av_error, ValueError):
                continue
            for frame in frames:
                for samples in _ToFloat32().convert(cast("AudioFrame", frame)):
                    peak = float(np.abs(samples).max(initial=0.0))
                    peaks[packet.stream.index] = max(peak, peaks[packet.stream.index])
            if max(peaks.values()) > _SILENT_PEAK and peaks[tracks[0].index] > _SILENT_PEAK:
                break
            if packet.pts and packet.time_base and packet.pts * packet.time_base > _PROBED_S:
                break
        audible = [i for i, each in enumerate(tracks) if peaks[each.index] > _SILENT_PEAK]
        number = audible[0] if audible else 0
        if number:
            self.warnings = (
                f"sound track 1 of {len(tracks)} is silent: track {number + 1} was used",
            )
        return number

    def _decode(self, stream: AudioStream) -> Iterator[tuple[int, FloatArray]]:
        """Yield the sample rate and the samples, shape (n, n_channels), of each frame."""
        planar = _ToFloat32()
        for packet in self._container.demux(stream):
            try:
                frames = packet.decode()
            except (self._av_error, ValueError):
                if not self._skips_errors:
                    raise
                continue  # a tag in the middle of an MP3: the next joined file follows
            for frame in frames:
                for samples in planar.convert(frame):
                    yield frame.sample_rate, samples

    def read(self, n_frames: int) -> FloatArray:
        """Return the next frames of one rate and one number of channels."""
        parts: list[FloatArray] = []
        n_held = 0
        while n_held < n_frames:
            if not self._queue and not self._queue_next(is_first=not parts):
                break
            rate_hz, samples = self._queue[0]
            if (rate_hz, samples.shape[1]) != (self.sample_rate_hz, self.n_channels):
                if parts:
                    break
                self.sample_rate_hz, self.n_channels = rate_hz, samples.shape[1]
            self._queue.popleft()
            if len(samples) > n_frames - n_held:
                self._queue.appendleft((rate_hz, samples[n_frames - n_held :]))
                samples = samples[: n_frames - n_held]
            parts.append(samples)
            n_held += len(samples)
        if not parts:
            return np.empty((0, self.n_channels), np.float32)
        return np.ascontiguousarray(np.concatenate(parts))

    def _queue_next(self, *, is_first: bool) -> bool:
        frame = None
        try:
            frame = next(self._frames, None)
        except (self._av_error, ValueError) as error:
            self._error = _error_message(error)
        if self._error and is_first:
            raise AudioError(self._error)
        if frame is not None:
            self._queue.append(frame)
        return frame is not None

    def close(self) -> None:
        """Close the file."""
        self._frames.close()  # type: ignore[attr-defined]
        self._container.close()
        self._source.close()


def _error_message(error: Exception) -> str:
    """Return FFmpeg's message, without the number and name that PyAV adds."""
    return str(getattr(error, "strerror", None) or error)


class _ToFloat32:
    """Converts frames of any sample format to float32."""

    def __init__(self) -> None:
        self._frame_format: tuple[object, ...] = ()
        self._resampler: av.AudioResampler | None = None

    def convert(self, frame: AudioFrame) -> Iterator[FloatArray]:
        """Yield arrays of shape (n, n_channels)."""
        import av

        frame_format = frame.sample_rate, frame.layout.name, frame.format.name
        if self._resampler is None or frame_format != self._frame_format:
            self._frame_format, self._resampler = frame_format, av.AudioResampler(format="fltp")
        for converted in self._resampler.resample(frame):
            samples: FloatArray = np.asarray(converted.to_ndarray(), np.float32).T
            yield samples
