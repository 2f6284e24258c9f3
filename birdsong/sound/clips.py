"""A clip cut out of a recording of any length, and a recording decoded to its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError
from birdsong.sound.audio import AudioReader
from birdsong.sound.writing import write_blocks

_LOWEST_RATE_HZ = 8_000


def read_clip(reader: AudioReader, start_s: float, end_s: float) -> Iterator[FloatArray]:
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


def keep_clip(
    path: Path, out: Path, start_s: float, duration_s: float, *, suffix: str = ""
) -> tuple[Path, float]:
    """Write a clip of a recording: mono, at its own rate, with at least its own bits.

    It becomes FLAC of 16 or 24 bits where FLAC holds it. A rate that FLAC does not take becomes
    WAV; floating point, integers of 32 bits and samples over full scale become WAV with 32-bit
    floating point. See `write_blocks`.

    Parameters
    ----------
    path : Path
    out : Path
        Its suffix is replaced by ``.flac`` or ``.wav``.
    start_s, duration_s : float
    suffix : str
        ``.flac`` or ``.wav``, where no other form will do.

    Returns
    -------
    path : Path
        Of what was written.
    duration_s : float
        Less than asked for where the recording ends before.

    Raises
    ------
    AudioError
        If it cannot be decoded, or ends before the clip begins.
    FormError
        If the form that `suffix` asks for does not hold it.
    WriteError
        If the file cannot be written.
    """
    with AudioReader(path, _LOWEST_RATE_HZ) as reader:
        info = reader.info

    def blocks() -> Iterator[FloatArray]:
        with AudioReader(path, info.sample_rate_hz) as reader:
            yield from read_clip(reader, start_s, start_s + duration_s)

    written, n_samples = write_blocks(out, blocks, info, suffix=suffix)
    if not n_samples:
        written.unlink()
        raise AudioError(f"{path.name}: ends before {start_s:g} s, where the stretch begins")
    return written, n_samples / info.sample_rate_hz
