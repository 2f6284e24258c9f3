"""Writing mono audio without loss: as FLAC if FLAC can store it, otherwise as WAV.

FLAC stores integers of at most 24 bits. Above 65,535 Hz libFLAC supports only multiples of 10, up
to 655,350 Hz. Floating point and samples over full scale are written as WAV with 32-bit floating
point, and files over 4 GiB as RF64, which is a WAV with sizes of 64 bits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import soundfile

from birdsong.arrays import FloatArray
from birdsong.errors import WriteError
from birdsong.sound.audio_info import AudioInfo
from birdsong.sound.soundfile_decoder import libsndfile_path

WAV_BYTES = 2**32 - 4096
"""Maximum bytes of samples in a WAV, whose sizes have 32 bits and include a header."""

_FLAC_ANY_RATE_HZ = 65_535
_FLAC_HIGHEST_RATE_HZ = 655_350
_SAMPLE_BYTES = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}
_WRITE_ERRORS = (soundfile.SoundFileError, RuntimeError, AssertionError, TypeError, ValueError)


class FormatError(WriteError):
    """The requested format cannot store the samples without loss."""


@dataclass(frozen=True, slots=True)
class StorageFormat:
    """A container and a sample format.

    Attributes
    ----------
    container : {"FLAC", "WAV", "RF64"}
    subtype : {"PCM_16", "PCM_24", "FLOAT"}
    """

    container: str
    subtype: str

    @property
    def suffix(self) -> str:
        """The suffix of a file in this format."""
        return ".flac" if self.container == "FLAC" else ".wav"

    def problem_with(self, samples: FloatArray, n_before: int = 0) -> str:
        """Return why the format cannot store samples without loss; empty if it can.

        Parameters
        ----------
        samples : float32, shape (n_samples,)
        n_before : int
            Samples before them in the file.
        """
        if self.subtype != "FLOAT" and np.abs(samples).max(initial=0) > 1:
            return "it holds samples over full scale"
        n_bytes = (n_before + len(samples)) * _SAMPLE_BYTES[self.subtype]
        if self.container == "WAV" and n_bytes > WAV_BYTES:
            return "it takes more than 4 GiB"
        return ""


def lossless_formats(info: AudioInfo) -> tuple[tuple[StorageFormat, ...], str]:
    """List the formats with enough bits for a recording, the smallest first.

    Returns
    -------
    formats : tuple of StorageFormat
        `StorageFormat.problem_with` says whether one can store the samples.
    why_no_flac : str
        Why FLAC is not among them; empty if it is.
    """
    wide_formats = (StorageFormat("WAV", "FLOAT"), StorageFormat("RF64", "FLOAT"))
    if info.is_float:
        return wide_formats, "its samples are floating point"
    bits = info.bits or 16  # lossy formats have none
    if bits > 24:
        return wide_formats, f"its samples have {bits} bits, FLAC supports 24"
    subtype = "PCM_16" if bits <= 16 else "PCM_24"
    integer_formats = (StorageFormat("WAV", subtype), StorageFormat("RF64", subtype))
    if not _flac_supports(info.sample_rate_hz):
        return (
            integer_formats + wide_formats,
            f"FLAC does not support {info.sample_rate_hz} samples a second",
        )
    return (StorageFormat("FLAC", subtype), *integer_formats, *wide_formats), ""


def write_blocks(
    out: Path,
    blocks: Callable[[], Iterable[FloatArray]],
    info: AudioInfo,
    *,
    suffix: str = "",
) -> tuple[Path, int]:
    """Write a recording block by block, in the smallest format that stores it without loss.

    Parameters
    ----------
    out : Path
        Its suffix is replaced by that of the format.
    blocks : callable
        Returns the blocks of the recording, float32 of shape (n,), at its sample rate. Called again
        if a format cannot store a later block.
    info : AudioInfo
        Of the recording.
    suffix : str
        ``.flac`` or ``.wav``, to allow only that format.

    Returns
    -------
    path : Path
    n_samples : int

    Raises
    ------
    FormatError
        If no format with that suffix can store it without loss.
    WriteError
        If the file cannot be written.
    """
    formats, problem = lossless_formats(info)
    if suffix:
        formats = tuple(storage for storage in formats if storage.suffix == suffix)
    while formats:
        storage = formats[0]
        path = out.with_suffix(storage.suffix)
        try:
            with _Writer(path, info.sample_rate_hz, storage) as writer:
                for block in blocks():
                    if problem := storage.problem_with(block, writer.n_written):
                        break
                    writer.write(block)
                else:
                    writer.finish()
                    return path, writer.n_written
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        path.unlink(missing_ok=True)
        formats = tuple(each for each in formats if not each.problem_with(block, writer.n_written))
    raise FormatError(f"cannot be stored as {suffix.removeprefix('.').upper()}: {problem}")


def write_wav(out: BinaryIO, samples: FloatArray, sample_rate_hz: int) -> None:
    """Write samples as WAV: 16-bit integers within full scale, else 32-bit floating point.

    Parameters
    ----------
    out : BinaryIO
    samples : float32, shape (n,)
    sample_rate_hz : int

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    formats = (
        StorageFormat(container, subtype)
        for subtype in ("PCM_16", "FLOAT")
        for container in ("WAV", "RF64")
    )
    storage = next(each for each in formats if not each.problem_with(samples))
    with _Writer(out, sample_rate_hz, storage) as writer:
        writer.write(samples)
        writer.finish()


class _Writer:
    """A file that is being written; errors of soundfile become `WriteError`."""

    def __init__(self, out: Path | BinaryIO, sample_rate_hz: int, storage: StorageFormat) -> None:
        self.n_written = 0
        self._out, self._storage = out, storage
        with self._errors():
            self._file = soundfile.SoundFile(
                libsndfile_path(out) if isinstance(out, Path) else out,
                "w", sample_rate_hz, 1, storage.subtype, format=storage.container,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(*_WRITE_ERRORS):  # an unfinished file is discarded
            self._file.close()

    def write(self, samples: FloatArray) -> None:
        """Write the next samples."""
        with self._errors():
            self._file.write(samples)
        self.n_written += len(samples)

    def finish(self) -> None:
        """Close the file, and check that it is complete."""
        with self._errors():
            self._file.close()
            # libsndfile reports no error if the disk is full at the last frames of a FLAC.
            if (
                isinstance(self._out, Path)
                and self.n_written
                and soundfile.info(libsndfile_path(self._out)).frames != self.n_written
            ):
                raise RuntimeError("its end is missing")

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except _WRITE_ERRORS as error:
            message = str(getattr(error, "error_string", error) or "no details").rstrip(".")
            raise WriteError(
                f"cannot be written as {self._storage.container} ({message}); check that the disk "
                "is not full and the folder can be written"
            ) from error


def _flac_supports(rate_hz: int) -> bool:
    return rate_hz <= _FLAC_ANY_RATE_HZ or (rate_hz <= _FLAC_HIGHEST_RATE_HZ and rate_hz % 10 == 0)
