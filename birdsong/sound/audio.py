"""Path, bytes or samples to mono ``float32`` at one rate, in blocks: one downmix, one resample.

Everything that birdsong hears comes through `AudioReader`. It reads block by block, so that the
memory it takes does not depend on how long a recording is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
import soxr

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError
from birdsong.sound.array_decoder import ArrayDecoder
from birdsong.sound.audio_info import AudioInfo
from birdsong.sound.channels import ChannelChoice, Downmix
from birdsong.sound.decoder import Decoder
from birdsong.sound.decoders import open_decoder
from birdsong.sound.held_blocks import HeldBlocks
from birdsong.sound.level_meter import LevelMeter
from birdsong.sound.waveform import AudioSource, Waveform

BLOCK_S = 1.0
_MOST_AT_A_TIME = 1 << 22  # samples of all channels together
_MOST_CHOICES = 8
"""Parts of a joined file whose channels are chosen between; of further ones the mean is taken."""

_EXACT_S, _LOSSY_S = 0.02, 0.25
"""Seconds that a length may be off without a word: of samples that are counted, and of those that
a lossy coder pads."""


class _OtherChoice(Exception):  # noqa: N818  # no fault
    """One channel is to be used where the mean was; what was read is to be read again."""


class AudioReader:
    """A recording as a stream of mono blocks at one sample rate.

    Parameters
    ----------
    source : Path, bytes or Waveform
        A file, the content of one, or samples.
    sample_rate_hz : int
        Rate of the blocks; soxr's high-quality resampler brings other rates to it.
    name : str, optional
        What errors call the recording; the file's name by default.

    Attributes
    ----------
    info : AudioInfo
        What the header says.
    channel : str
        Which channel is heard: ``mix``, or ``channel 1 of 2``; empty where there is but one.
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

    def __init__(self, source: AudioSource, sample_rate_hz: int, *, name: str = "") -> None:
        self.name = name or (source.name if isinstance(source, Path) else "the recording")
        self.sample_rate_hz = sample_rate_hz
        self._source = source
        self._decoder = self._open()
        self._choices: dict[int, ChannelChoice] = {}  # by the number of the part
        decoder = self._decoder
        self.info = AudioInfo(
            sample_rate_hz=decoder.sample_rate_hz,
            n_channels=decoder.n_channels,
            declared_s=None if decoder.is_estimate else decoder.declared_s,
            estimate_s=decoder.declared_s if decoder.is_estimate else None,
            present_s=decoder.present_s,
            bits=decoder.bits,
            is_float=decoder.is_float,
        )
        self._start()

    def _open(self) -> Decoder:
        if isinstance(self._source, Waveform):
            return ArrayDecoder(self._source)
        return open_decoder(self._source, self.name)

    def _start(self) -> None:
        """Stand before the first block."""
        self._rate_hz, self._n_channels = self._decoder.sample_rate_hz, self._decoder.n_channels
        self._n_decoded = 0
        self._before_s = 0.0  # of parts at other rates
        self._levels = LevelMeter(is_float=self.info.is_float, is_lossy=self.info.is_lossy)
        self._is_damaged = False
        self._rates_hz = [self._rate_hz]
        self._downmixes: dict[int, Downmix] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoder.close()

    @property
    def duration_s(self) -> float:
        """Seconds decoded so far."""
        return self._before_s + self._n_decoded / self._rate_hz

    @property
    def missing_s(self) -> float:
        """Seconds that are declared, or are in the bytes, and were not decoded so far."""
        return self.info.missing_s(self.duration_s) or self._decoder.missing_s

    @property
    def channel(self) -> str:
        """Which channel is heard: ``mix``, or ``channel 1 of 2``; empty where there is but one."""
        return "; ".join(
            dict.fromkeys(each.channel for each in self._downmixes.values() if each.channel)
        )

    @property
    def peak_dbfs(self) -> float:
        """The loudest sample so far, in decibels relative to full scale."""
        return self._levels.peak_dbfs

    @property
    def is_quiet(self) -> bool:
        """Whether a warning says that there is next to nothing, or nothing, to hear."""
        return self._levels.is_quiet

    @property
    def clipped_share(self) -> float:
        """Share of the samples so far, of all channels, that reach full scale.

        Floating point holds what lies beyond, so it is never clipped; lossy formats show what was
        clipped before.
        """
        return self._levels.clipped_share

    def blocks(self) -> Iterator[FloatArray]:
        """Decode, mix down to one channel and resample, a few seconds at a time.

        Of several channels the first minute is decoded before the first block comes, since the
        choice between them is made by it.

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
        n_handed_out = 0
        while True:
            n_repeated = n_handed_out
            try:
                for block in self._mono_blocks():
                    new = block[n_repeated:]
                    n_repeated -= len(block) - len(new)
                    n_handed_out += len(new)
                    yield new
                return
            except _OtherChoice:
                self._decoder.close()
                self._decoder = self._open()
                self._start()

    def _mono_blocks(self) -> Iterator[FloatArray]:
        """Read from the first block to the last; raise `_OtherChoice` where that was in vain.

        Blocks are held back until it is known that the mean of the channels was right.
        """
        resample, downmix = self._resampler(), self._downmix()
        held = HeldBlocks()
        while True:
            block = self._decode()
            changed = self._decoder.sample_rate_hz, self._decoder.n_channels
            if len(block) == 0 or changed != (self._rate_hz, self._n_channels):
                self._settle(downmix)
                yield from held.let_go()
                if len(block) == 0:
                    break
                yield resample(np.empty(0, np.float32), True)
                self._change_to(*changed)
                resample, downmix = self._resampler(), self._downmix()
            self._look_at_peaks(block)
            start_s = self.duration_s
            self._n_decoded += len(block)
            if downmix is None:
                yield resample(block[:, 0], False)
                continue
            mono = resample(downmix.feed(block, start_s), False)
            if downmix.choice is None and downmix.has_sounded:
                held.hold(mono)
                continue
            if downmix.choice is not None:
                self._settle(downmix)
            yield from held.let_go()
            yield mono
        if self._levels.n_samples == 0:
            raise AudioError(f"{self.name}: holds no samples, only a header")
        yield resample(np.empty(0, np.float32), True)

    def _settle(self, downmix: Downmix | None) -> None:
        """Choose at last, and raise `_OtherChoice` where the mean was handed out wrongly."""
        part = len(self._rates_hz)
        if downmix is None or part in self._choices:
            return
        choice = downmix.choose()
        if len(self._choices) < _MOST_CHOICES:
            self._choices[part] = choice
            if choice.number:
                raise _OtherChoice

    def warnings(self, *, highest_hz: float) -> list[str]:
        """What a person should know about a recording that was read to its end.

        Parameters
        ----------
        highest_hz : float
            The highest frequency that is looked at.
        """
        found = [
            *self.info.length_warnings(self.duration_s, is_damaged=self._is_damaged),
            *self._decoder.notes,
        ]
        for rate_hz in dict.fromkeys(self._rates_hz):
            if rate_hz < 2 * highest_hz:
                found.append(f"recorded at {rate_hz} Hz: nothing above {rate_hz // 2} Hz")
        for downmix in self._downmixes.values():
            found += downmix.notes()
        found += self._levels.warnings()
        return list(dict.fromkeys(found))

    def _change_to(self, rate_hz: int, n_channels: int) -> None:
        """Go on at another rate, or with another number of channels."""
        self._before_s, self._n_decoded = self.duration_s, 0
        self._rate_hz, self._n_channels = rate_hz, n_channels
        self._rates_hz.append(rate_hz)

    def _downmix(self) -> Downmix | None:
        if self._n_channels == 1:
            return None
        part = len(self._rates_hz)
        downmix = Downmix(self._n_channels, self._rate_hz, self._choices.get(part))
        self._downmixes[part] = downmix
        return downmix

    def _decode(self) -> FloatArray:
        """Return the next frames, shape (n, n_channels); none where a damaged file ends early."""
        n_frames = int(BLOCK_S * self._rate_hz)
        n_frames = max(1, min(n_frames, _MOST_AT_A_TIME // self._n_channels))
        try:
            return self._decoder.read(n_frames)
        except AudioError as error:
            if self._levels.n_samples == 0:
                raise AudioError(f"{self.name}: cannot be decoded ({error})") from error
            self._is_damaged = True
            return np.empty((0, self._n_channels), np.float32)

    def _look_at_peaks(self, block: FloatArray) -> None:
        """Measure a block's level; refuse what is no sound."""
        wrong = self._levels.add(block)
        if wrong is not None:
            at_s = self.duration_s + wrong[0] / self._rate_hz
            raise AudioError(
                f"{self.name}: sample at {at_s:.3f} s is {block[wrong]}, expected a "
                "number between -1 and 1; write the file anew from its original"
            )

    def _resampler(self) -> Callable[[FloatArray, bool], FloatArray]:
        if self._rate_hz == self.sample_rate_hz:
            return lambda samples, last: samples
        stream = soxr.ResampleStream(
            self._rate_hz, self.sample_rate_hz, 1, dtype="float32", quality="HQ"
        )
        return lambda samples, last: stream.resample_chunk(samples, last=last)


def read_samples(source: AudioSource, sample_rate_hz: int) -> FloatArray:
    """Read a whole recording at once; for short ones.

    Parameters
    ----------
    source : Path, bytes or Waveform
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
