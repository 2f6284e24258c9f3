"""The libsndfile decoder (soundfile): the formats of recorders and catalogues."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import soundfile

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError
from birdsong.sound.pcm_parts import PcmPart

_UNKNOWN_FRAMES = 1 << 48
"""No file has so many frames; libsndfile's largest number means unknown."""

_SAMPLE_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_SAMPLE_BITS |= {"ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32, "ALAW": 16, "ULAW": 16}
_FLOAT = frozenset({"FLOAT", "DOUBLE"})

OPEN_ERRORS = (soundfile.LibsndfileError, RuntimeError, TypeError)
"""Exceptions that are raised when libsndfile cannot open a file."""


class SoundfileDecoder:
    """A file that libsndfile opens.

    Parameters
    ----------
    source : Path, bytes or file
        A file object is closed with the decoder.
    part : PcmPart, optional
        The sample format of a file object without a header.

    Attributes
    ----------
    format : str
        libsndfile's name of the format, such as ``MP3``.
    n_frames : int or None
        How many frames libsndfile expects; None if unknown.
    """

    is_estimate = False

    def __init__(self, source: Path | bytes | io.RawIOBase, *, part: PcmPart | None = None) -> None:
        self._source = source if isinstance(source, io.IOBase) else None
        to_open: object = _ClampedBytesIO(source) if isinstance(source, bytes) else source
        if isinstance(source, Path):
            to_open = libsndfile_path(source)
        if part is None:
            self._file = _SequentialFile(to_open)
        else:
            self._file = _SequentialFile(
                to_open,
                samplerate=part.sample_rate_hz,
                channels=part.n_channels,
                format="RAW",
                subtype=part.subtype,
                endian=part.endian,
            )
        self.format: str = self._file.format
        self.sample_rate_hz: int = self._file.samplerate
        self.n_channels: int = self._file.channels
        self.n_frames = self._file.frames if self._file.frames < _UNKNOWN_FRAMES else None
        self.declared_s = (
            None
            if self.n_frames is None or self.sample_rate_hz < 1
            else self.n_frames / self.sample_rate_hz
        )
        self.present_s: float | None = None
        self.bits = _SAMPLE_BITS.get(self._file.subtype)
        self.is_float = self._file.subtype in _FLOAT
        self.missing_s = 0.0
        self.warnings: tuple[str, ...] = ()
        self._error = ""

    def read(self, n_frames: int) -> FloatArray:
        """Return the next frames."""
        if self._error:
            raise AudioError(self._error)
        frames: FloatArray = np.empty((n_frames, self.n_channels), np.float32)
        if self.format == "FLAC":  # frames before the damage are in the array despite the error
            frames.fill(np.nan)
        try:
            read_whole: FloatArray = self._file.read(out=frames)
            return read_whole
        except (soundfile.LibsndfileError, RuntimeError) as error:
            self._error = error_message(error)
            if self.format != "FLAC":
                raise AudioError(self._error) from error
            is_read = ~np.isnan(frames[:, 0])
            n_read = n_frames if is_read.all() else int(np.argmin(is_read))
            if not n_read:
                raise AudioError(self._error) from error
            return frames[:n_read]

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._source is not None:
            self._source.close()


class _ClampedBytesIO(io.BytesIO):
    """Bytes as a file, in which a seek before the first byte goes to the first byte.

    Damaged headers cause such seeks. An error within libsndfile's callback would be printed with
    its traceback.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return super().seek(0)


class _SequentialFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A sound file that claims not to be seekable.

    After each read of a seekable file, soundfile 0.14 seeks to the current position. libmpg123 then
    decodes the frames before it again, without their bit reservoir: at low bit rates nearly all of
    the audio is wrong (`findings/mp3-in-blocks.sh`).
    """

    def seekable(self) -> bool:
        return False


def error_message(error: Exception) -> str:
    """Return the library's message, without the path that libsndfile puts before it."""
    message = str(getattr(error, "error_string", error)).rstrip(".")
    if message.startswith("File does not exist"):  # also for an MP3 without any frame
        return "no audio found in it"
    return message


def libsndfile_path(path: Path) -> bytes | str:
    """Return a path in the form that soundfile accepts, even if it is not valid UTF-8."""
    return str(path) if os.name == "nt" else os.fsencode(path)
