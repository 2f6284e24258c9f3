"""Sources: the forms in which a recording is passed to the classifier."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

from birdsong.errors import AudioError, ConfigError, printable_name
from birdsong.sound.waveform import AudioSource, Waveform

Source: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | npt.NDArray[Any] | Waveform
"""A path, the content of a file, an open binary file, or samples."""

EXPECTED = "a path, bytes, an open binary file or a numpy array of samples"
UNNAMED = "recording"


def to_audio_source(source: Source, *, sample_rate_hz: int | None = None) -> AudioSource:
    """Convert a recording to one of the three forms that `AudioReader` accepts.

    Parameters
    ----------
    source : str, Path, bytes, binary file, numpy array or Waveform
        An open file is read from its current place to its end.
    sample_rate_hz : int, optional
        Required for a numpy array, and only for it; files have their own.

    Returns
    -------
    Path, bytes or Waveform

    Raises
    ------
    TypeError
        If `source` is of another type.
    ConfigError
        If the rate is missing or not allowed, or the samples are not as `Waveform` needs them.
    AudioError
        If an open file cannot be read.
    """
    if isinstance(source, np.ndarray):
        if sample_rate_hz is None:
            raise ConfigError(
                "samples need their rate: pass it, as in sample_rate_hz=48_000, or pass a file, "
                "which has its own"
            )
        return Waveform(source, sample_rate_hz)
    if sample_rate_hz is not None:
        raise ConfigError(
            f"sample_rate_hz is for a numpy array of samples alone, got {sample_rate_hz!r} with "
            f"{type(source).__name__}, which has its own"
        )
    if isinstance(source, Path | bytes | Waveform):
        return source
    if isinstance(source, bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        return Path(source)
    if not callable(getattr(source, "read", None)):
        raise TypeError(f"a recording must be {EXPECTED}, got {type(source).__name__}")
    return _read_to_end(source)


def recording_name(source: Source) -> str:
    """Return the path of a recording or of an open file; ``recording`` if it has none."""
    if isinstance(source, str | os.PathLike):
        return printable_name(str(Path(source)))
    name = getattr(source, "name", None)  # a number where a file was opened by its descriptor
    return printable_name(name) if isinstance(name, str) and name else UNNAMED


def _read_to_end(file: BinaryIO) -> bytes:
    try:
        content = file.read()
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise AudioError(f"{recording_name(file)}: cannot be read ({error})") from error
    if not isinstance(content, bytes):
        raise TypeError(
            f"{recording_name(file)}: a file must be open in binary mode, as by open(path, 'rb'), "
            f"got {type(content).__name__} from its read()"
        )
    return content
