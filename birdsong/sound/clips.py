"""Clips cut out of a recording of any length, and the decoded length of a recording."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError
from birdsong.sound.audio_reader import AudioReader
from birdsong.sound.audio_writer import write_blocks, write_wav

_MIN_RATE_HZ = 8_000

WAV_RATE_HZ = 48_000
"""Sample rate of `clip_wav`: usual for video, and high enough for any bird."""


def read_clip(reader: AudioReader, start_s: float, end_s: float) -> Iterator[FloatArray]:
    """Read the audio between two times, and no further.

    Parameters
    ----------
    reader : AudioReader
        Not read from yet.
    start_s, end_s : float
        Times outside the recording are left out.

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


def decoded_duration_s(path: Path) -> float:
    """Decode a recording to its end and return its length.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    AudioError
        If it cannot be decoded.
    """
    with AudioReader(path, _MIN_RATE_HZ) as reader:
        for _ in reader.blocks():
            pass
        return reader.duration_s


def write_clip(
    path: Path, out: Path, start_s: float, duration_s: float, *, suffix: str = ""
) -> tuple[Path, float]:
    """Write a clip of a recording: mono, at its own rate, with at least its own bits.

    The clip is FLAC of 16 or 24 bits if FLAC can store it without loss. Rates that FLAC does not
    support give WAV; floating point, 32-bit integers and samples over full scale give WAV with
    32-bit floating point. See `write_blocks`.

    Parameters
    ----------
    path : Path
    out : Path
        Its suffix is replaced by ``.flac`` or ``.wav``.
    start_s, duration_s : float
    suffix : str
        ``.flac`` or ``.wav``, to allow only that format.

    Returns
    -------
    path : Path
        The file that was written.
    duration_s : float
        Shorter than requested if the recording ends earlier.

    Raises
    ------
    AudioError
        If it cannot be decoded, or ends before the clip begins.
    FormatError
        If the format of `suffix` cannot store it without loss.
    WriteError
        If the file cannot be written.
    """
    with AudioReader(path, _MIN_RATE_HZ) as reader:
        info = reader.info

    def blocks() -> Iterator[FloatArray]:
        with AudioReader(path, info.sample_rate_hz) as reader:
            yield from read_clip(reader, start_s, start_s + duration_s)

    written, n_samples = write_blocks(out, blocks, info, suffix=suffix)
    if not n_samples:
        written.unlink()
        raise AudioError(f"{path.name}: ends before {start_s:g} s, where the clip begins")
    return written, n_samples / info.sample_rate_hz


def clip_wav(source: Path | bytes, start_s: float, end_s: float, *, name: str = "") -> bytes:
    """Cut a clip out of a recording, as the bytes of a WAV file.

    Parameters
    ----------
    source : Path or bytes
    start_s, end_s : float
        Times outside the recording are left out.
    name : str, optional
        The recording's name in error messages; the file's name by default.

    Returns
    -------
    bytes
        A WAV file: mono, 48 kHz, 16-bit integers; 32-bit floating point if a sample is over full
        scale, which integers would clip. Browsers, Audacity and Raven play both.

    Raises
    ------
    AudioError
        If the recording cannot be read, or the clip is outside it.
    WriteError
        If the WAV cannot be written.
    """
    with AudioReader(source, WAV_RATE_HZ, name=name) as reader:
        parts = list(read_clip(reader, start_s, end_s))
        if not parts:
            raise AudioError(f"{reader.name}: has no audio from {start_s:g} to {end_s:g} s")
    content = io.BytesIO()
    write_wav(content, np.concatenate(parts), WAV_RATE_HZ)
    return content.getvalue()
