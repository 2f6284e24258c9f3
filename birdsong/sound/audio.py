"""Path or bytes to mono ``float32`` at one rate, in blocks: one decode, one downmix, one resample.

Everything that birdsong hears comes through `AudioReader`. It reads block by block, so that the
memory it takes does not depend on how long a recording is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import soxr

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError
from birdsong.sound.decoders import open_decoder

BLOCK_S = 1.0
LOUDEST_SAMPLE = 1000.0  # 60 dB over full scale: a float file that holds integers, or noise
CLIPPED_FROM = 0.999  # of full scale; decoders of lossy formats round and overshoot
_WARN_CLIPPED_SHARE = 0.001
_WARN_PEAK_DBFS = -60.0


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What the header of a recording says.

    Attributes
    ----------
    duration_s : float
        Length that the header declares, 0 where it declares none; a damaged file may hold less.
    sample_rate_hz : int
    n_channels : int
    is_estimate : bool
        Whether `duration_s` is a rough guess instead, because the header would mislead.
    """

    duration_s: float
    sample_rate_hz: int
    n_channels: int
    is_estimate: bool


class AudioReader:
    """A recording as a stream of mono blocks at one sample rate.

    Parameters
    ----------
    source : Path or bytes
        A file, or the content of one.
    sample_rate_hz : int
        Rate of the blocks; soxr's high-quality resampler brings other rates to it.
    name : str, optional
        What errors call the recording; the file's name by default.

    Attributes
    ----------
    info : AudioInfo
        What the header says.
    duration_s : float
        How much has been decoded so far.
    peak_dbfs : float
        The loudest sample so far, in decibels below full scale; -inf in digital silence.
    clipped_share : float
        Share of the samples so far, in [0, 1], that reach full scale.

    Raises
    ------
    AudioError
        If the file is missing, empty, or in no format that libsndfile or FFmpeg reads.

    Examples
    --------
    >>> with AudioReader(Path("XC1.mp3"), 24_000) as reader:  # doctest: +SKIP
    ...     samples = np.concatenate(list(reader.blocks()))
    """

    def __init__(self, source: Path | bytes, sample_rate_hz: int, *, name: str = "") -> None:
        self.name = name or (source.name if isinstance(source, Path) else "the recording")
        self.sample_rate_hz = sample_rate_hz
        self._decoder = open_decoder(source, self.name)
        self._n_decoded = 0
        self._peak = 0.0
        self._n_clipped = 0
        self.info = AudioInfo(
            duration_s=self._decoder.declared_s,
            sample_rate_hz=self._decoder.sample_rate_hz,
            n_channels=self._decoder.n_channels,
            is_estimate=self._decoder.is_estimate,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoder.close()

    @property
    def duration_s(self) -> float:
        """Seconds decoded so far."""
        return self._n_decoded / self.info.sample_rate_hz

    @property
    def peak_dbfs(self) -> float:
        """The loudest sample so far, in decibels relative to full scale."""
        return 20 * math.log10(self._peak) if self._peak else -math.inf

    @property
    def clipped_share(self) -> float:
        """Share of the samples so far, of all channels, that reach full scale."""
        return self._n_clipped / max(1, self._n_decoded * self.info.n_channels)

    def blocks(self) -> Iterator[FloatArray]:
        """Decode, mix down to one channel and resample, a few seconds at a time.

        Yields
        ------
        float32, shape (n_samples,), values mostly in [-1, 1]
            Mono blocks at ``sample_rate_hz``; together they are the recording.

        Raises
        ------
        AudioError
            If decoding breaks before the first sample, if a sample is not a number or is far
            over full scale, or if there is no sample at all.
        """
        resample = self._resampler()
        # One product instead of a mean over channels: 40 times faster on stereo.
        channel_weights = np.full(self.info.n_channels, 1 / self.info.n_channels, np.float32)
        n_block = int(BLOCK_S * self.info.sample_rate_hz)
        while True:
            block = self._decode(n_block)
            if len(block) == 0:
                break
            self._look_at_peaks(block)
            mono = block[:, 0] if self.info.n_channels == 1 else block @ channel_weights
            self._n_decoded += len(mono)
            yield resample(mono, False)
        if self._n_decoded == 0:
            raise AudioError(f"{self.name}: holds no samples, only a header")
        yield resample(np.empty(0, np.float32), True)

    def warnings(self, *, highest_hz: float) -> list[str]:
        """What a person should know about a recording that was read to its end.

        Parameters
        ----------
        highest_hz : float
            The highest frequency that is looked at.
        """
        found = []
        missing_s = 0.0 if self.info.is_estimate else self.info.duration_s - self.duration_s
        if missing_s > max(0.5, 0.01 * self.info.duration_s):
            found.append(
                f"ends early: {self.duration_s:.1f} s of the {self.info.duration_s:.1f} s "
                "that its header declares"
            )
        if self.info.sample_rate_hz < 2 * highest_hz:
            found.append(
                f"recorded at {self.info.sample_rate_hz} Hz: nothing above "
                f"{self.info.sample_rate_hz // 2} Hz"
            )
        if self.info.sample_rate_hz % 1000 and self.info.sample_rate_hz % 11_025:
            found.append(
                f"its header says {self.info.sample_rate_hz} Hz, which no recorder uses: pitch and "
                "length may be wrong"
            )
        if self.clipped_share >= _WARN_CLIPPED_SHARE:
            found.append(f"clipped: {self.clipped_share:.1%} of its samples are at full scale")
        if -math.inf < self.peak_dbfs < _WARN_PEAK_DBFS:
            found.append(f"nearly silent: its loudest sample is at {self.peak_dbfs:.0f} dBFS")
        return found

    def _decode(self, n_frames: int) -> FloatArray:
        """Return the next frames, shape (n, n_channels); none where a damaged file ends early."""
        try:
            return self._decoder.read(n_frames)
        except AudioError as error:
            if self._n_decoded == 0:
                raise AudioError(f"{self.name}: cannot be decoded ({error})") from error
            return np.empty((0, self.info.n_channels), np.float32)

    def _look_at_peaks(self, block: FloatArray) -> None:
        """Keep count of the loudest samples; refuse what is no sound, before it is mixed down."""
        peak = float(np.maximum(block.max(), -block.min()))  # a NaN anywhere makes it a NaN
        if not peak <= LOUDEST_SAMPLE:
            wrong = ~(np.abs(block) <= LOUDEST_SAMPLE)
            frame, channel = (int(i[0]) for i in np.nonzero(wrong))
            at_s = (self._n_decoded + frame) / self.info.sample_rate_hz
            raise AudioError(
                f"{self.name}: sample at {at_s:.3f} s is {block[frame, channel]}, expected a "
                "number between -1 and 1; write the file anew from its original"
            )
        self._peak = max(self._peak, peak)
        if peak >= CLIPPED_FROM:
            self._n_clipped += int(np.count_nonzero(np.abs(block) >= CLIPPED_FROM))

    def _resampler(self) -> Callable[[FloatArray, bool], FloatArray]:
        if self.info.sample_rate_hz == self.sample_rate_hz:
            return lambda samples, last: samples
        stream = soxr.ResampleStream(
            self.info.sample_rate_hz, self.sample_rate_hz, 1, dtype="float32", quality="HQ"
        )
        return lambda samples, last: stream.resample_chunk(samples, last=last)


def read_samples(source: Path | bytes, sample_rate_hz: int) -> FloatArray:
    """Read a whole recording at once; for short ones.

    Parameters
    ----------
    source : Path or bytes
    sample_rate_hz : int

    Returns
    -------
    float32, shape (n_samples,)

    Raises
    ------
    AudioError
        As `AudioReader` does.
    """
    with AudioReader(source, sample_rate_hz) as reader:
        return np.concatenate(list(reader.blocks()))
