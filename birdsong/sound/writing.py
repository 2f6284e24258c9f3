"""Mono sound to files, in a form that holds it: FLAC where FLAC can, else WAV.

FLAC holds integers of at most 24 bits. Above 65,535 Hz libFLAC takes only multiples of 10, and at
most 655,350 Hz. Floating point and samples over full scale therefore become WAV with 32-bit
floating point, and what grows over 4 GiB becomes RF64, which is a WAV with sizes of 64 bits.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import soundfile

from birdsong.arrays import FloatArray
from birdsong.errors import WriteError
from birdsong.sound.audio_info import AudioInfo

WAV_BYTES = 2**32 - 4096
"""Of samples that a WAV holds; its sizes have 32 bits, and a header takes part of them."""

_FLAC_ANY_RATE_HZ = 65_535
_FLAC_HIGHEST_RATE_HZ = 655_350
_BYTES = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}
_LIBRARY_ERRORS = (soundfile.SoundFileError, RuntimeError, AssertionError, TypeError, ValueError)


class FormError(WriteError):
    """The form that was asked for does not hold the samples."""


@dataclass(frozen=True, slots=True)
class SoundForm:
    """A way to store samples.

    Attributes
    ----------
    container : {"FLAC", "WAV", "RF64"}
    subtype : {"PCM_16", "PCM_24", "FLOAT"}
    """

    container: str
    subtype: str

    @property
    def suffix(self) -> str:
        """How the name of a file in this form ends."""
        return ".flac" if self.container == "FLAC" else ".wav"

    def cannot_hold(self, samples: FloatArray, n_before: int = 0) -> str:
        """Say why samples do not fit; empty where they do.

        Parameters
        ----------
        samples : float32, shape (n_samples,)
        n_before : int
            Samples that stand before them in the file.
        """
        if self.subtype != "FLOAT" and np.abs(samples).max(initial=0) > 1:
            return "it holds samples over full scale"
        n_bytes = (n_before + len(samples)) * _BYTES[self.subtype]
        if self.container == "WAV" and n_bytes > WAV_BYTES:
            return "it takes more than 4 GiB"
        return ""


def forms_for(info: AudioInfo) -> tuple[tuple[SoundForm, ...], str]:
    """Tell in which forms a recording may be stored without loss of bits, the smallest first.

    Returns
    -------
    forms : tuple of SoundForm
        Whether one holds the samples, `SoundForm.cannot_hold` tells.
    no_flac : str
        Why FLAC is not among them; empty where it is.
    """
    wide = (SoundForm("WAV", "FLOAT"), SoundForm("RF64", "FLOAT"))
    if info.is_float:
        return wide, "its samples are floating point"
    bits = info.bits or 16  # lossy formats have none
    if bits > 24:
        return wide, f"its samples have {bits} bits, FLAC takes 24"
    subtype = "PCM_16" if bits <= 16 else "PCM_24"
    narrow = (SoundForm("WAV", subtype), SoundForm("RF64", subtype))
    if not _flac_takes(info.sample_rate_hz):
        return narrow + wide, f"FLAC does not take {info.sample_rate_hz} samples a second"
    return (SoundForm("FLAC", subtype), *narrow, *wide), ""


def write_blocks(
    out: Path,
    blocks: Callable[[], Iterable[FloatArray]],
    info: AudioInfo,
    *,
    suffix: str = "",
) -> tuple[Path, int]:
    """Write a recording block by block, in the smallest form that holds every sample of it.

    Parameters
    ----------
    out : Path
        Its suffix is replaced by the form's.
    blocks : callable
        Starts the recording, of float32 of shape (n,), at its rate; asked again where a form turns
        out not to hold what comes.
    info : AudioInfo
        Of the recording.
    suffix : str
        ``.flac`` or ``.wav``, where no other form will do.

    Returns
    -------
    path : Path
    n_samples : int

    Raises
    ------
    FormError
        If no form with that suffix holds it.
    WriteError
        If the file cannot be written.
    """
    forms, why_not = forms_for(info)
    if suffix:
        forms = tuple(form for form in forms if form.suffix == suffix)
    while forms:
        form = forms[0]
        path = out.with_suffix(form.suffix)
        try:
            with _Writer(path, info.sample_rate_hz, form) as writer:
                for block in blocks():
                    if why_not := form.cannot_hold(block, writer.n_written):
                        break
                    writer.write(block)
                else:
                    writer.finish()
                    return path, writer.n_written
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        path.unlink(missing_ok=True)
        forms = tuple(each for each in forms if not each.cannot_hold(block, writer.n_written))
    raise FormError(f"cannot be kept as {suffix.removeprefix('.').upper()}: {why_not}")


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
    forms = (
        SoundForm(container, subtype)
        for subtype in ("PCM_16", "FLOAT")
        for container in ("WAV", "RF64")
    )
    form = next(each for each in forms if not each.cannot_hold(samples))
    with _Writer(out, sample_rate_hz, form) as writer:
        writer.write(samples)
        writer.finish()


class _Writer:
    """A file that is being written; the library's errors become `WriteError`."""

    def __init__(self, out: Path | BinaryIO, sample_rate_hz: int, form: SoundForm) -> None:
        self.n_written = 0
        self._out, self._form = out, form
        with self._errors():
            self._file = soundfile.SoundFile(
                _named(out) if isinstance(out, Path) else out,
                "w", sample_rate_hz, 1, form.subtype, format=form.container,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(*_LIBRARY_ERRORS):  # what is not finished is thrown away
            self._file.close()

    def write(self, samples: FloatArray) -> None:
        """Write the next samples."""
        with self._errors():
            self._file.write(samples)
        self.n_written += len(samples)

    def finish(self) -> None:
        """Close the file, and make sure that all of it is there."""
        with self._errors():
            self._file.close()
            # libsndfile says nothing where the last frames of a FLAC find no room on the disk.
            if (
                isinstance(self._out, Path)
                and self.n_written
                and soundfile.info(_named(self._out)).frames != self.n_written
            ):
                raise RuntimeError("its end is missing")

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except _LIBRARY_ERRORS as error:
            words = str(getattr(error, "error_string", error) or "it says no more").rstrip(".")
            raise WriteError(
                f"cannot be written as {self._form.container} ({words}); look whether the disk is "
                "full and the folder may be written into"
            ) from error


def _named(path: Path) -> bytes | str:
    """A path as libsndfile's binding takes it, also where its bytes are no UTF-8."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def _flac_takes(rate_hz: int) -> bool:
    return rate_hz <= _FLAC_ANY_RATE_HZ or (rate_hz <= _FLAC_HIGHEST_RATE_HZ and rate_hz % 10 == 0)
