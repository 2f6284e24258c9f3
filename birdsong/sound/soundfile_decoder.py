"""The formats that libsndfile reads."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import soundfile

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError
from birdsong.sound.pcm_containers import PcmPart

_UNKNOWN_FRAMES = 1 << 48
"""More than that no file holds: libsndfile's largest number stands for an unknown one."""

_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_BITS |= {"ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32, "ALAW": 16, "ULAW": 16}
_FLOAT = frozenset({"FLOAT", "DOUBLE"})

OPENING_FAILS = (soundfile.LibsndfileError, RuntimeError, TypeError)
"""What is raised where libsndfile cannot open a file."""


class SoundfileDecoder:
    """A file that libsndfile opens.

    Parameters
    ----------
    source : Path, bytes or file
        A file object is closed with the decoder.
    part : PcmPart, optional
        What lies in a file object, where it is samples without a header.

    Attributes
    ----------
    format : str
        libsndfile's name of the format, as in ``MP3``.
    n_frames : int or None
        How many libsndfile expects.
    """

    is_estimate = False

    def __init__(self, source: Path | bytes | io.RawIOBase, *, part: PcmPart | None = None) -> None:
        self._source = source if isinstance(source, io.IOBase) else None
        opened: object = _Bytes(source) if isinstance(source, bytes) else source
        if isinstance(source, Path):
            opened = _named(source)
        if part is None:
            self._file = _Stream(opened)
        else:
            self._file = _Stream(
                opened,
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
        self.bits = _BITS.get(self._file.subtype)
        self.is_float = self._file.subtype in _FLOAT
        self.missing_s = 0.0
        self.notes: tuple[str, ...] = ()
        self._error = ""

    def read(self, n_frames: int) -> FloatArray:
        """Return the next frames."""
        if self._error:
            raise AudioError(self._error)
        frames: FloatArray = np.empty((n_frames, self.n_channels), np.float32)
        if self.format == "FLAC":  # of which the frames before a damage come with its error
            frames.fill(np.nan)
        try:
            came_whole: FloatArray = self._file.read(out=frames)
            return came_whole
        except (soundfile.LibsndfileError, RuntimeError) as error:
            self._error = cause(error)
            if self.format != "FLAC":
                raise AudioError(self._error) from error
            is_there = ~np.isnan(frames[:, 0])
            n_came = n_frames if is_there.all() else int(np.argmin(is_there))
            if not n_came:
                raise AudioError(self._error) from error
            return frames[:n_came]

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        if self._source is not None:
            self._source.close()


class _Bytes(io.BytesIO):
    """Bytes as a file; a place before the first byte is the first byte.

    Damaged headers send libsndfile there. An error within its callback would be printed, with
    its traceback.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return super().seek(0)


class _Stream(soundfile.SoundFile):  # type: ignore[misc]  # it comes without types
    """A file that is only read onwards.

    soundfile 0.14 seeks to where it stands after each read of a file that can seek. libmpg123 then
    decodes the frames before that place once more, without the bits that still earlier ones hold
    for them: at low bit rates nearly all of the sound is wrong (`findings/mp3-in-blocks.sh`).
    """

    def seekable(self) -> bool:
        return False


def cause(error: Exception) -> str:
    """Return the library's own words, without the path that libsndfile puts before them."""
    words = str(getattr(error, "error_string", error)).rstrip(".")
    if words.startswith("File does not exist"):  # said of an MP3 without a single frame, too
        return "no audio found in it"
    return words


def _named(path: Path) -> bytes | str:
    """A path as libsndfile's binding takes it, also where its bytes are no UTF-8."""
    return str(path) if os.name == "nt" else os.fsencode(path)
