"""A stretch cut out of a recording of any length, and a recording decoded to its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError
from birdsong.sound.audio import AudioReader

_LOWEST_RATE_HZ = 8_000


def stretch(reader: AudioReader, start_s: float, end_s: float) -> Iterator[FloatArray]:
    """Read what lies between two times, and no further.

    Parameters
    ----------
    reader : AudioReader
        Of which nothing has been read.
    start_s, end_s : float
        What lies outside the recording is left out.

    Yields
    ------
    float32, shape (n_samples,), n_samples at least 1
        Mono blocks at the reader's rate.

    Raises
    ------
    AudioError
        If the recording cannot be decoded.
    """
    first, end = (round(max(0.0, time_s) * reader.sample_rate_hz) for time_s in (start_s, end_s))
    at = 0
    for block in reader.blocks():
        part = block[max(0, first - at) : max(0, end - at)]
        if len(part):
            yield part
        at += len(block)
        if at >= end:
            return


def decoded_s(path: Path) -> float:
    """Decode a recording to its end, and tell how long it is.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    AudioError
        If it cannot be decoded.
    """
    with AudioReader(path, _LOWEST_RATE_HZ) as reader:
        for _ in reader.blocks():
            pass
        return reader.duration_s


def keep_stretch(path: Path, out: Path, start_s: float, duration_s: float) -> float:
    """Write a stretch of a recording as FLAC: mono, 16 bits, at its own rate.

    Parameters
    ----------
    path, out : Path
    start_s, duration_s : float

    Returns
    -------
    float
        Seconds that were written; less than asked for where the recording ends before.

    Raises
    ------
    AudioError
        If it cannot be decoded, or ends before the stretch begins.
    """
    with AudioReader(path, _LOWEST_RATE_HZ) as reader:
        rate_hz = reader.info.sample_rate_hz
    n_written = 0
    with (
        AudioReader(path, rate_hz) as reader,
        soundfile.SoundFile(out, "w", rate_hz, 1, "PCM_16", format="FLAC") as file,
    ):
        for part in stretch(reader, start_s, start_s + duration_s):
            file.write(np.clip(part, -1, 1))
            n_written += len(part)
    if not n_written:
        out.unlink()
        raise AudioError(f"{path.name}: ends before {start_s:g} s, where the stretch begins")
    return n_written / rate_hz
